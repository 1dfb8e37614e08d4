"""The change of the latents: nothing at first, and of each moment what its surroundings say, so far and no further."""

from collections.abc import Iterator

import pytest
import torch
from token_making import SHAPE, drawn_tokens, shaken
from torch import Tensor
from torch_threads import threads

from rebounce.engine.errors import ConfigError
from rebounce.engine.tokens import PAD
from rebounce.training.networks.latent_head import DILATIONS, LatentHead, LatentSize, MomentNorm
from rebounce.training.networks.token_input import Window, ready_window
from rebounce.training.networks.token_unet import SIZES, TokenUNet

FEATURES, DIMENSION = 5, SHAPE.latent_dimension
REACH = sum(DILATIONS)


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """One thread and the same weights each time."""
    torch.manual_seed(0)
    with threads(1):
        yield


def head(rounds: int = 1, width: int = 8) -> LatentHead:
    """A head whose last layer is drawn as well, so that it says something."""
    made = LatentHead(FEATURES, DIMENSION, LatentSize(width=width, rounds=rounds)).eval()
    torch.nn.init.normal_(made.out.weight)
    torch.nn.init.normal_(made.out.get_parameter("bias"))
    return made


def window_of(latents: Tensor, tokens: int | None = None) -> Window:
    """A window of these latents; its tokens are all the same, as the head does not look at them."""
    codes = torch.zeros(len(latents), SHAPE.codebooks, latents.shape[-1], dtype=torch.int64)
    if tokens is not None:
        codes[..., tokens:] = PAD
    return ready_window(codes, latents, SHAPE, 1)


def drawn(batch: int, tokens: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = (batch, FEATURES, tokens), (batch, DIMENSION, tokens)
    features, latents = (torch.randn(shape, generator=generator) for shape in shapes)
    return features, latents


def test_at_first_it_says_nothing_and_learns_from_there() -> None:
    fresh = LatentHead(FEATURES, DIMENSION, LatentSize(width=8, rounds=1))
    features, latents = drawn(2, 20)
    optimiser = torch.optim.SGD(fresh.parameters(), 0.1)
    said = fresh(features, window_of(latents))
    assert said.shape == latents.shape
    assert not said.any()
    for _ in range(2):
        optimiser.zero_grad()
        (fresh(features, window_of(latents)) - latents).square().sum().backward()
        optimiser.step()
    assert [name for name, weight in fresh.named_parameters() if weight.grad is None or not weight.grad.any()] == []


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_a_moment_is_told_of_those_around_it_as_far_as_the_rounds_reach(rounds: int) -> None:
    tokens, place = 4 * REACH + 9, 2 * REACH + 4
    features, latents = (values.requires_grad_() for values in drawn(1, tokens))
    head(rounds)(features, window_of(latents))[0, :, place].square().sum().backward()
    for values in (features, latents):
        assert values.grad is not None
        heard = values.grad[0].abs().amax(0).nonzero().flatten()
        assert (int(heard[0]), int(heard[-1])) == (place - rounds * REACH, place + rounds * REACH)


def test_two_rounds_reach_half_a_second() -> None:
    assert 2 * REACH == 80
    assert LatentSize().rounds == 2


@pytest.mark.parametrize("tokens", [1, 9, 40, 59])
def test_what_fills_a_window_up_changes_nothing_of_the_rest_and_is_told_nothing(tokens: int) -> None:
    network = head(rounds=2)
    features, latents = drawn(2, 60)
    features[..., tokens:] = latents[..., tokens:] = 0
    with torch.no_grad():
        filled = network(features, window_of(latents, tokens))
        alone = network(features[..., :tokens], window_of(latents[..., :tokens]))
    assert not filled[..., tokens:].any()
    torch.testing.assert_close(filled[..., :tokens], alone, rtol=0, atol=2e-6)


def test_a_window_is_told_nothing_of_the_others() -> None:
    network = head(rounds=2)
    features, latents = (values.requires_grad_() for values in drawn(4, 30))
    said = network(features, window_of(latents))
    said[1].square().sum().backward()
    for values in (features, latents):
        assert values.grad is not None
        assert values.grad.abs().sum((1, 2)).nonzero().flatten().tolist() == [1]


def test_latents_come_in_at_their_full_width() -> None:
    """Whatever way the latents differ, the head can tell: no direction of them is lost before its own layers."""
    _, latents = drawn(1, 1)
    network = head(rounds=0, width=2 * DIMENSION)
    slopes = torch.func.jacrev(lambda given: network.latents(given)[0, :, 0])(latents)
    assert torch.linalg.matrix_rank(slopes[:, 0, :, 0]) == DIMENSION


@pytest.mark.parametrize("level", [1e-2, 1.0, 1e3])
def test_a_moment_is_brought_to_a_level_of_1_by_itself(level: float) -> None:
    features, _ = drawn(2, 7)
    norm = MomentNorm(FEATURES)
    made = norm(features * level)
    expected = torch.ones(2, 7) if level >= 1 else (1 + 1e-5 / (features * level).square().mean(1)) ** -0.5
    torch.testing.assert_close(made.square().mean(1).sqrt(), expected, rtol=1e-4, atol=0)
    torch.testing.assert_close(norm(features[:, :, 3:4] * level), made[:, :, 3:4])


def test_half_floats_whose_squares_are_beyond_them_keep_their_direction() -> None:
    features, _ = drawn(1, 4)
    made = MomentNorm(FEATURES).half()((features * 1e3).half())
    assert made.dtype == torch.float16
    torch.testing.assert_close(made.float(), MomentNorm(FEATURES)(features * 1e3), rtol=0, atol=3e-3)


def test_a_moment_of_nothing_stays_nothing_and_has_a_slope() -> None:
    silence = torch.zeros(1, FEATURES, 9, requires_grad=True)
    made = MomentNorm(FEATURES)(silence)
    made.sum().backward()
    assert not made.any()
    assert silence.grad is not None
    assert torch.isfinite(silence.grad).all()


@pytest.mark.parametrize("wrong", [{"width": 0}, {"rounds": -1}])
def test_a_size_that_cannot_be_built_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="size of a latent head: expected a width of 1 or more, found LatentSize"):
        LatentSize(**wrong)


def test_in_a_network_the_latents_reach_the_change_past_the_u_net() -> None:
    network = shaken(TokenUNet(SIZES["tiny"], SHAPE))
    for part in (*network.input.parameters(), *network.decoder.parameters(), *network.up.parameters()):
        torch.nn.init.zeros_(part)
    codes, latents = drawn_tokens(1, 32)
    with torch.no_grad():
        before = network(codes, latents)
        latents[0, 3, 11] += 1
        after = network(codes, latents)
    assert torch.equal(before.logits, after.logits)
    assert (after.latent_change - before.latent_change)[0, :, 11].abs().max() > 1e-3
