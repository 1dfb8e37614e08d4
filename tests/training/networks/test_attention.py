"""Attention against plain numpy, both branches of it."""

from math import erf

import numpy as np
import torch
from numpy.typing import NDArray

from rebounce.training.networks.attention import Cbam, ChannelAttention, TemporalAttention

Values = NDArray[np.float64]


def values(tensor: torch.Tensor) -> Values:
    found: Values = tensor.detach().double().numpy()
    return found


def sigmoid(found: Values) -> Values:
    weights: Values = 1 / (1 + np.exp(-found))
    return weights


def gelu(found: Values) -> Values:
    """By its definition: a value times the share of a normal distribution below it."""
    below = np.array([erf(value / np.sqrt(2)) for value in found.flat]).reshape(found.shape)
    bent: Values = found * (below + 1) / 2
    return bent


def drawn(*shape: int) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(*shape)


def test_channels_are_weighted_by_their_mean_and_their_peak() -> None:
    features = drawn(2, 8, 11)
    attention = ChannelAttention(8)
    inner, outer = attention.inner, attention.outer
    seen = values(features)
    branches = []
    for branch in (seen.mean(2), seen.max(2)):
        hidden = gelu(branch @ values(inner.weight).T + values(inner.bias))
        branches.append(hidden @ values(outer.weight).T + values(outer.bias))
    expected = seen * sigmoid(branches[0] + branches[1])[..., None]
    np.testing.assert_allclose(values(attention(features, None)), expected, rtol=1e-4, atol=1e-6)


def test_moments_are_weighted_by_the_mean_and_the_peak_of_their_channels() -> None:
    features = drawn(1, 8, 11)
    attention = TemporalAttention()
    seen = values(features)[0]
    rows = np.pad(np.stack([seen.mean(0), seen.max(0)]), ((0, 0), (3, 3)))
    kernel, offset = values(attention.convolution.weight)[0], values(attention.convolution.get_parameter("bias"))
    weights = offset + np.array([np.sum(rows[:, moment : moment + 7] * kernel) for moment in range(11)])
    np.testing.assert_allclose(values(attention(features))[0], seen * sigmoid(weights), rtol=1e-4, atol=1e-6)


def test_where_there_is_no_token_there_is_nothing_to_attend_to() -> None:
    attention = Cbam(8)
    features, mask = drawn(1, 8, 12), (torch.arange(12) < 7).float()[None, None]
    features = features * mask
    found = attention(features, mask)
    torch.testing.assert_close(found[..., :7], attention(features[..., :7], None))
    assert not found[..., 7:].any()
