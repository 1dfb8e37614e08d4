"""The parts of the U-Nets, each against the plain way to count it."""

import pytest
import torch
from torch.nn import functional

from rebounce.training.networks.blocks import Bottleneck, Context, Film, ResBlock, WindowNorm


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def same_weights() -> None:
    torch.manual_seed(0)


def test_the_norm_of_a_window_is_that_of_its_tokens() -> None:
    norm = WindowNorm(16)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    features = 3 + 5 * drawn(2, 16, 20)
    mask = (torch.arange(20) < 9).float()[None, None]
    found = norm(features * mask, mask)
    expected = functional.group_norm(features[..., :9], 8, norm.weight, norm.bias)
    torch.testing.assert_close(found[..., :9], expected)
    assert not found[..., 9:].any()


def test_the_norm_of_half_floats_survives_squares_beyond_their_range() -> None:
    features = (300 * drawn(1, 8, 16)).half()
    mask = torch.ones(1, 1, 16)
    found = WindowNorm(8).half()(features, mask)
    torch.testing.assert_close(found.float(), functional.group_norm(features.float(), 8), rtol=0, atol=2e-3)


def test_a_residual_block_is_its_two_convolutions_added_to_what_came_in() -> None:
    block = ResBlock(8).eval()
    features = drawn(2, 8, 10)
    inner = functional.conv1d(features, block.first.weight, padding=1)
    inner = functional.gelu(functional.group_norm(inner, 8))
    inner = functional.conv1d(inner, block.second.weight, padding=1)
    torch.testing.assert_close(block(features, None), features + functional.gelu(functional.group_norm(inner, 8)))


def test_film_does_nothing_at_first_and_then_scales_and_moves_each_channel() -> None:
    film = Film(3, 4)
    features, inputs = drawn(2, 4, 5), drawn(2, 3, 20)
    assert torch.equal(film(features, inputs, (None, None)), features)
    torch.nn.init.normal_(film.terms.weight)
    torch.nn.init.normal_(film.terms.bias)
    terms = inputs.mean(-1) @ film.terms.weight.T + film.terms.bias
    expected = features * (1 + terms[:, :4, None]) + terms[:, 4:, None]
    torch.testing.assert_close(film(features, inputs, (None, None)), expected)


def test_the_context_reaches_eight_moments_and_no_further() -> None:
    context = Context(4)
    features = drawn(1, 4, 40).requires_grad_()
    context(features, None)[0, :, 20].sum().backward()
    assert features.grad is not None
    reached = features.grad[0].abs().sum(0).nonzero().flatten().tolist()
    assert reached == list(range(12, 29, 2))


def test_a_fresh_bottleneck_gives_back_what_it_got() -> None:
    features = drawn(2, 6, 9)
    assert torch.equal(Bottleneck(6)(features, None), features)
