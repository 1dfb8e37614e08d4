"""The token U-Net: its sizes, its way past the strided convolutions, and its switches."""

import pytest
import torch
from token_making import PARTS, SHAPE, drawn_tokens, loss_of, shaken, trained_step, unmoved

from rebounce.engine.errors import ConfigError
from rebounce.training.networks.interface import Prediction, TokenShape
from rebounce.training.networks.network import Network
from rebounce.training.networks.token_unet import SIZES, TokenUNet, TokenUNetSize


def tiny(seed: int = 0) -> TokenUNet:
    torch.manual_seed(seed)
    return TokenUNet(SIZES["tiny"], SHAPE)


def without_halved_rates() -> TokenUNet:
    """A network whose strided convolutions let nothing through."""
    network = shaken(tiny())
    with torch.no_grad():
        for part in (*network.down.parameters(), *network.up.parameters()):
            part.zero_()
    return network


def expected_count(size: TokenUNetSize, shape: TokenShape) -> int:
    """By hand, layer after layer; without the bottleneck."""
    codebooks, entries, dimension, base = shape.codebooks, shape.codebook_size, shape.latent_dimension, size.base
    widths = [base << level for level in range(size.depth)]

    def work(channels: int) -> int:
        hidden = max(4, channels // 16)
        block = 2 * (3 * channels**2 + 2 * channels)
        attention = 2 * channels * hidden + hidden + channels + 2 * 7 + 1
        return 2 * (block + attention)

    tables = (codebooks * entries + 1) * size.embedding_width
    inputs = codebooks * size.embedding_width * base + base + dimension * base
    count = tables + inputs + size.depth
    for channels in widths:
        down = 4 * channels * 2 * channels + 2 * channels
        up = 4 * 2 * channels * channels + channels
        count += 2 * work(channels) + down + up
    deep = base << size.depth
    count += 2 * (3 * deep**2 + 2 * deep) + (base + 1) * 2 * deep + 9 * deep**2 + deep
    heads = codebooks * entries + 2 * codebooks + 2 + 2 + 2 + 8
    return count + heads * (base + 1) + latent_head_count(size, dimension)


def latent_head_count(size: TokenUNetSize, dimension: int) -> int:
    """By hand too: ways in, blocks of a gain, three moments and a mixing, a gain and the way out."""
    width = size.latents.width
    block = width + 3 * width**2 + width + width**2 + width
    ways_in = (size.base + 1) * width + dimension * width
    return ways_in + 4 * size.latents.rounds * block + width + (width + 1) * dimension


@pytest.mark.parametrize("name", SIZES)
def test_each_size_has_as_many_parameters_as_counted_by_hand(name: str) -> None:
    with torch.device("meta"):
        network = TokenUNet(SIZES[name], TokenShape())
    assert network.parameter_count() == expected_count(SIZES[name], TokenShape())
    network.use_bottleneck = True
    deep = SIZES[name].base * 2 ** SIZES[name].depth
    assert network.parameter_count() == expected_count(SIZES[name], TokenShape()) + deep**2 + deep


def test_the_paper_size_has_about_1_08_billion_parameters() -> None:
    with torch.device("meta"):
        network = TokenUNet(SIZES["paper"], TokenShape())
    assert network.parameter_count() == pytest.approx(1_080_885_553, rel=0.01)


def test_the_light_size_in_half_precision_takes_under_11_million_bytes() -> None:
    with torch.device("meta"):
        network = TokenUNet(SIZES["light"], TokenShape()).half()
    assert sum(tensor.nbytes for tensor in network.state_dict().values()) < 11e6


def test_the_tiny_size_has_a_few_ten_thousand_parameters() -> None:
    assert 10_000 < tiny().parameter_count() < 50_000


@pytest.mark.parametrize(
    "wrong", [{"base": 12}, {"base": 0}, {"base": 8, "depth": 0}, {"base": 8, "embedding_width": 0}]
)
def test_a_size_that_cannot_be_built_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="size of a U-Net: expected"):
        TokenUNetSize(**wrong)  # type: ignore[arg-type]


def test_what_a_token_is_reaches_the_heads_past_every_other_way() -> None:
    network = without_halved_rates()
    with torch.no_grad():
        network.gates.fill_(-1e9)
    codes, latents = drawn_tokens(1, 32)
    with torch.no_grad():
        before = network(codes, latents).logits
        codes[0, 0, 13] = (codes[0, 0, 13] + 1) % SHAPE.codebook_size
        after = network(codes, latents).logits
    # The logits of another codebook, which the copy of this one's token does not touch.
    assert (after - before)[0, :, 1, 13].abs().max() > 1e-3


@pytest.mark.parametrize(("gate", "share"), [(0.0, 0.5), (1.0, 0.7310586), (-1e9, 0.0)])
def test_the_first_skip_is_what_there_was_before_the_rate_was_halved(gate: float, share: float) -> None:
    network = without_halved_rates()
    with torch.no_grad():
        network.gates.fill_(gate)
    made: list[torch.Tensor] = []
    network.encoder[0].register_forward_hook(lambda module, given, found: made.append(found))
    network.decoder[0].register_forward_pre_hook(lambda module, given: made.append(given[0]))
    network(*drawn_tokens(1, 32))
    assert made[0].shape == (1, 8, 32)
    torch.testing.assert_close(made[1], share * made[0])


def test_the_bottleneck_changes_nothing_when_it_is_switched_on_and_learns_from_there() -> None:
    network = tiny()
    optimiser = torch.optim.AdamW(network.parameters(), 1e-2, weight_decay=0.1)
    codes, latents = drawn_tokens(4, 32)
    for _ in range(3):
        trained_step(network, codes, latents, optimiser)
    assert unmoved(network) == ["bottleneck.convolution.weight", "bottleneck.convolution.bias"]
    names = list(network.state_dict())
    with torch.no_grad():
        before = network(codes, latents)
        network.use_bottleneck = True
        after = network(codes, latents)
    assert all(torch.equal(getattr(before, name), getattr(after, name)) for name in PARTS)
    assert list(network.state_dict()) == names
    trained_step(network, codes, latents, optimiser)
    assert unmoved(network) == []


def test_counting_levels_anew_in_the_backward_pass_gives_the_same_gradients() -> None:
    codes, latents = drawn_tokens(4, 30)
    kept, anew = (_gradients(codes, latents, use_checkpointing=choice) for choice in (False, True))
    assert list(kept) == list(anew)
    for name, gradient in kept.items():
        torch.testing.assert_close(anew[name], gradient, rtol=1e-5, atol=1e-7)


def test_counting_levels_anew_keeps_less_in_memory() -> None:
    def kept_bytes(use_checkpointing: bool) -> int:
        network = tiny().train()
        network.use_checkpointing = use_checkpointing
        kept = {}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            network(*drawn_tokens(4, 320))
        return sum(kept.values())

    assert kept_bytes(True) < 0.6 * kept_bytes(False)


@pytest.mark.parametrize("tokens", [32, 31])
def test_an_exported_program_takes_any_batch_and_gives_what_the_network_does(tokens: int) -> None:
    network = shaken(tiny())
    network.use_bottleneck = True
    batch = {0: torch.export.Dim("batch")}
    program = torch.export.export(_Parts(network), drawn_tokens(2, tokens), dynamic_shapes=(batch, batch)).module()
    for windows in (1, 2, 5):
        given = drawn_tokens(windows, tokens, seed=windows)
        with torch.no_grad():
            for found, expected in zip(program(*given), _Parts(network)(*given), strict=True):
                torch.testing.assert_close(found, expected, rtol=0, atol=2e-6)


class _Parts(torch.nn.Module):
    """A prediction as a tuple, which is what can be exported."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, codes: torch.Tensor, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        said: Prediction = self.network(codes, latents)
        return tuple(getattr(said, name) for name in PARTS)


def _gradients(codes: torch.Tensor, latents: torch.Tensor, use_checkpointing: bool) -> dict[str, torch.Tensor]:
    network = shaken(tiny()).train()
    network.set_dropout(0.3)
    network.use_checkpointing = use_checkpointing
    torch.manual_seed(7)
    torch.autograd.backward(loss_of(network(codes, latents), codes))
    return {name: found.grad for name, found in network.named_parameters() if found.grad is not None}
