"""The parts of the U-Nets: a norm over the window's tokens, the residual block, the ways down and up, the context."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rebounce.training.networks.window import kept, mean

GROUPS = 8


class WindowNorm(nn.GroupNorm):
    """Group normalisation that counts the window's tokens only, and leaves zeros where there are none."""

    def __init__(self, channels: int) -> None:
        super().__init__(GROUPS, channels)

    def forward(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return functional.group_norm(features, self.num_groups, self.weight, self.bias, self.eps)
        # In full precision, as the mask is and as torch's own is under autocast: squares of half floats overflow.
        groups = features.reshape(features.shape[0], self.num_groups, -1, features.shape[2])
        tokens = mask[:, None]
        share = tokens / (tokens.sum(-1, keepdim=True).clamp(min=1) * groups.shape[2])
        centred = groups - (groups * share).sum((2, 3), keepdim=True)
        variance = (centred.square() * share).sum((2, 3), keepdim=True)
        normal = (centred * torch.rsqrt(variance + self.eps)).flatten(1, 2).to(features.dtype)
        return kept(normal * self.weight[:, None] + self.bias[:, None], mask)


class ResBlock(nn.Module):
    """Two convolutions of 3 tokens, each normed and bent, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = WindowNorm(channels)
        self.dropout = nn.Dropout(0.0)
        self.second = nn.Conv1d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = WindowNorm(channels)

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        inner = functional.gelu(self.first_norm(self.first(features), mask))
        inner = self.second_norm(self.second(self.dropout(inner)), mask)
        return features + functional.gelu(inner)


class Down(nn.Module):
    """Twice the channels at half the rate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(channels, 2 * channels, 4, stride=2, padding=1)

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """`mask` is that of the rate it comes out at."""
        return kept(self.convolution(features), mask)


class Up(nn.Module):
    """Half the channels at twice the rate: to `channels`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose1d(2 * channels, channels, 4, stride=2, padding=1)

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """`mask` is that of the rate it comes out at."""
        return kept(self.convolution(features), mask)


class Film(nn.Module):
    """A gain and an offset for each channel, told by the mean of the window's input (FiLM); at first neither."""

    def __init__(self, told_by: int, channels: int) -> None:
        super().__init__()
        self.terms = nn.Linear(told_by, 2 * channels)
        nn.init.zeros_(self.terms.weight)
        nn.init.zeros_(self.terms.bias)

    def forward(self, features: Tensor, inputs: Tensor, masks: tuple[Tensor | None, Tensor | None]) -> Tensor:
        """`masks`: of the features, and of the inputs at the full rate."""
        gain, offset = self.terms(mean(inputs, masks[1]))[..., None].chunk(2, dim=1)
        return kept(features * (1 + gain) + offset, masks[0])


class Context(nn.Module):
    """What lies up to eight moments away, added: one convolution of 9, dilated by 2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(channels, channels, 9, padding=8, dilation=2)

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        return features + kept(functional.gelu(self.convolution(features)), mask)


class Bottleneck(nn.Module):
    """A 1x1 mixing of the channels, added; zero at first, so that switching it on changes nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(channels, channels, 1)
        nn.init.zeros_(self.convolution.weight)
        assert self.convolution.bias is not None, "a convolution made with its bias"
        nn.init.zeros_(self.convolution.bias)

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        return features + kept(self.convolution(features), mask)
