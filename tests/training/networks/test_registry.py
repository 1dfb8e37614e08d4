"""What must hold for every network that can be made by name."""

from collections.abc import Iterator

import pytest
import torch
from token_making import OF_EACH_TOKEN, PARTS, SHAPE, drawn_tokens, shaken, trained_step, unmoved
from torch_threads import threads

from rebounce.engine.errors import ConfigError, UsageError
from rebounce.engine.tokens import PAD
from rebounce.training.networks.interface import Prediction, TokenShape
from rebounce.training.networks.network import Network
from rebounce.training.networks.registry import NETWORKS, make_network

pytestmark = pytest.mark.parametrize("kind", NETWORKS)

SHAPES = {
    "logits": (2, 16, 4),
    "mask_logits": (2, 4),
    "latent_change": (2, 6),
    "level": (2, 2),
    "compression": (2, 2),
    "stereo": (2, 2),
    "perceptual": (2, 8),
}


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """One thread, so that equal work gives equal numbers; and weights that are the same each time."""
    torch.manual_seed(0)
    with threads(1):
        yield


def tiny(kind: str, shape: TokenShape = SHAPE) -> Network:
    """With all that can be switched on."""
    network = make_network(kind, "tiny", shape).eval()
    network.use_bottleneck = True
    return network


def window_of(said: Prediction, index: int) -> Prediction:
    return Prediction(**{name: getattr(said, name)[index : index + 1] for name in PARTS})


def assert_close(found: Prediction, expected: Prediction, tokens: int | None = None, atol: float = 1e-5) -> None:
    for name in PARTS:
        ours, theirs = getattr(found, name), getattr(expected, name)
        if tokens is not None and name in OF_EACH_TOKEN:
            ours = ours[..., :tokens]
        difference = (ours - theirs).abs().max() if ours.numel() else 0
        assert difference <= atol, f"{name}: expected within {atol}, found {difference}"


@pytest.mark.parametrize("tokens", [1, 7, 32, 150, 320])
def test_a_fresh_network_says_that_nothing_changes(kind: str, tokens: int) -> None:
    codes, latents = drawn_tokens(2, tokens)
    with torch.no_grad():
        said = tiny(kind)(codes, latents)
    assert torch.equal(said.logits.argmax(1), codes)
    for name in PARTS[2:]:
        assert not getattr(said, name).any(), name
    odds = said.logits.softmax(1).gather(1, codes[:, None])
    assert odds.min() > 0.49
    assert torch.isfinite(said.mask_logits).all()


@pytest.mark.parametrize("tokens", [1, 7, 32, 150, 320])
def test_every_part_of_a_prediction_has_its_shape_for_any_length(kind: str, tokens: int) -> None:
    with torch.no_grad():
        said = shaken(tiny(kind))(*drawn_tokens(2, tokens))
    for name, shape in SHAPES.items():
        expected = (*shape, tokens) if name in OF_EACH_TOKEN else shape
        assert getattr(said, name).shape == expected
        assert torch.isfinite(getattr(said, name)).all()


def test_a_codec_without_latents_will_do(kind: str) -> None:
    shape = TokenShape(codebooks=3, codebook_size=8, latent_dimension=0, window_tokens=20)
    said = shaken(tiny(kind, shape))(*drawn_tokens(2, 20, shape))
    assert said.logits.shape == (2, 8, 3, 20)
    assert said.latent_change.shape == (2, 0, 20)


def test_a_window_does_not_depend_on_what_stands_beside_it(kind: str) -> None:
    network = shaken(tiny(kind))
    codes, latents = drawn_tokens(5, 32)
    with torch.no_grad():
        together = network(codes, latents)
        for index in range(5):
            alone = network(codes[index : index + 1], latents[index : index + 1])
            assert_close(alone, window_of(together, index), atol=2e-6)


@pytest.mark.parametrize("tokens", [1, 7, 30, 31])
def test_what_fills_a_window_up_changes_nothing(kind: str, tokens: int) -> None:
    network = shaken(tiny(kind))
    codes, latents = drawn_tokens(3, 32)
    codes[1, :, tokens:], latents[1, :, tokens:] = PAD, 0
    with torch.no_grad():
        filled = network(codes, latents)
        alone = network(codes[1:2, :, :tokens], latents[1:2, :, :tokens])
    assert_close(window_of(filled, 1), alone, tokens)


def test_beside_a_window_that_is_filled_up_a_full_one_stays_what_it_is(kind: str) -> None:
    network = shaken(tiny(kind))
    codes, latents = drawn_tokens(2, 32)
    with torch.no_grad():
        before = network(codes, latents)
        codes[1, :, 5:], latents[1, :, 5:] = PAD, 0
        after = network(codes, latents)
    assert_close(window_of(after, 0), window_of(before, 0))


def test_a_window_without_any_token_gives_numbers_and_gradients(kind: str) -> None:
    network = shaken(tiny(kind)).train()
    codes, latents = drawn_tokens(2, 32)
    codes[1], latents[1] = PAD, 0
    said = network(codes, latents)
    sum(getattr(said, name).sum() for name in PARTS).backward()
    assert all(torch.isfinite(getattr(said, name)).all() for name in PARTS)
    assert all(torch.isfinite(found.grad).all() for found in network.parameters() if found.grad is not None)


def test_gradients_reach_every_parameter_by_the_third_step(kind: str) -> None:
    network = tiny(kind).train()
    optimiser = torch.optim.AdamW(network.parameters(), 1e-2)
    codes, latents = drawn_tokens(8, 32)
    for _ in range(3):
        trained_step(network, codes, latents, optimiser)
    assert unmoved(network) == []


def test_dropout_is_for_training_only(kind: str) -> None:
    network = shaken(tiny(kind))
    has_dropout = any(isinstance(module, torch.nn.Dropout) for module in network.modules())
    codes, latents = drawn_tokens(2, 32)
    with torch.no_grad():
        still = network(codes, latents)
        assert_close(network.train()(codes, latents), still, atol=0)
        network.set_dropout(0.5)
        assert torch.equal(network(codes, latents).logits, still.logits) is not has_dropout
        assert_close(network.eval()(codes, latents), still, atol=0)
        network.set_dropout(0)
        assert_close(network.train()(codes, latents), still, atol=0)


@pytest.mark.parametrize("share", [-0.1, 1, float("nan")])
def test_a_dropout_that_cannot_be_is_refused(kind: str, share: float) -> None:
    with pytest.raises(ConfigError, match=r"at least 0 and under 1"):
        tiny(kind).set_dropout(share)


@pytest.mark.parametrize("wrong", [-2, 16])
def test_the_first_token_out_of_range_is_named(kind: str, wrong: int) -> None:
    codes, latents = drawn_tokens(3, 32)
    codes[1, 2, 20] = codes[1, 3, 4] = codes[2, 0, 0] = wrong
    place = rf"expected 0 to 15, or -1 for none, found {wrong} in window 1, codebook 2, at token 20"
    with pytest.raises(UsageError, match=place):
        tiny(kind)(codes, latents)


@pytest.mark.parametrize(
    ("codes", "found"),
    [
        (torch.zeros(2, 5, 32, dtype=torch.int64), r"torch.int64 \(2, 5, 32\)"),
        (torch.zeros(2, 4, 32), r"torch.float32 \(2, 4, 32\)"),
        (torch.zeros(4, 32, dtype=torch.int64), r"torch.int64 \(4, 32\)"),
        (torch.zeros(2, 4, 0, dtype=torch.int64), r"torch.int64 \(2, 4, 0\)"),
    ],
)
def test_tokens_of_another_shape_are_refused(kind: str, codes: torch.Tensor, found: str) -> None:
    with pytest.raises(UsageError, match=rf"expected int64 \(batch, 4, tokens\), found {found}"):
        tiny(kind)(codes, torch.zeros(2, 6, 32))


def test_latents_of_another_shape_are_refused(kind: str) -> None:
    codes, latents = drawn_tokens(2, 32)
    with pytest.raises(UsageError, match=r"latents: expected \(2, 6, 32\), .* found \(2, 6, 31\)"):
        tiny(kind)(codes, latents[..., 1:])


def test_a_network_that_need_not_say_tokens_says_all_else_alike(kind: str) -> None:
    network = shaken(tiny(kind))
    codes, latents = drawn_tokens(2, 30)
    with torch.no_grad():
        whole = network(codes, latents)
        network.says_tokens = False
        part = network(codes, latents)
    assert all(torch.equal(getattr(part, name), getattr(whole, name)) for name in PARTS[1:])
    assert not part.logits.numel() or torch.equal(part.logits, whole.logits)
    assert (part.logits.numel() == 0) is (kind in ("token-unet", "unet-1d"))


def test_half_precision_gives_nearly_the_same(kind: str) -> None:
    network = shaken(tiny(kind))
    codes, latents = drawn_tokens(2, 30)
    with torch.no_grad():
        whole = network(codes, latents)
        half = network.half()(codes, latents)
    assert half.logits.dtype == torch.float32
    halves = Prediction(**{name: getattr(half, name).float() for name in PARTS})
    assert_close(halves, whole, atol=0.02)


def test_the_count_of_parameters_is_what_there_is(kind: str) -> None:
    network = tiny(kind)
    assert network.parameter_count() == sum(tensor.numel() for tensor in network.state_dict().values())


def test_an_unknown_name_or_size_is_refused(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"expected one of token-unet, .* found '{kind}s'"):
        make_network(f"{kind}s", "tiny", SHAPE)
    with pytest.raises(ConfigError, match="expected one of paper, base, small, light, tiny, found 'huge'"):
        make_network(kind, "huge", SHAPE)
