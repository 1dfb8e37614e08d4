"""The second way out beside the tokens: what to add to the input's own latents.

The U-Net sees latents through a few channels, where a change of them has as many directions as they have numbers. So
the latents themselves pass here once more at their full width, with the U-Net's features beside them, through dilated
convolutions that reach as far as an echo does: with two rounds 80 tokens to each side, half a second at 150 a second.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from rebounce.engine.errors import ConfigError
from rebounce.training.networks.token_input import Window
from rebounce.training.networks.window import kept

DILATIONS = (1, 3, 9, 27)
"""Of the blocks of a round."""

EPSILON = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentSize:
    """`rounds` of blocks of `width` channels."""

    width: int = 128
    rounds: int = 2

    def __post_init__(self) -> None:
        if self.width < 1 or self.rounds < 0:
            raise ConfigError(f"size of a latent head: expected a width of 1 or more, found {self}")


class MomentNorm(nn.Module):
    """Every moment brought to a level of 1 over its channels; it knows of no other moment."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))

    def forward(self, features: Tensor) -> Tensor:
        whole = features.float()  # squares of half floats overflow
        level = torch.rsqrt(whole.square().mean(1, keepdim=True) + EPSILON)
        return (whole * level).to(features.dtype) * self.gain[:, None]


class LatentBlock(nn.Module):
    """A dilated convolution of 3 moments and a mixing of the channels, added to what came in."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.norm = MomentNorm(channels)
        self.convolution = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.dropout = nn.Dropout(0.0)
        self.mixing = nn.Conv1d(channels, channels, 1)

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        inner = self.convolution(kept(self.norm(features), mask))
        mixed: Tensor = self.mixing(self.dropout(functional.gelu(inner)))
        return features + mixed


class LatentHead(nn.Module):
    """From the U-Net's features and the window's latents to what must change in them; at first nothing."""

    def __init__(self, features: int, dimension: int, size: LatentSize) -> None:
        super().__init__()
        width = size.width
        self.features = nn.Conv1d(features, width, 1)
        self.latents = nn.Conv1d(dimension, width, 1, bias=False)
        self.blocks = nn.ModuleList(
            [LatentBlock(width, dilation) for _ in range(size.rounds) for dilation in DILATIONS]
        )
        self.norm = MomentNorm(width)
        self.out = nn.Conv1d(width, dimension, 1)
        nn.init.zeros_(self.out.weight)
        assert self.out.bias is not None, "a convolution made with its bias"
        nn.init.zeros_(self.out.bias)

    def forward(self, features: Tensor, window: Window) -> Tensor:
        inner = self.features(features) + self.latents(window.latents.to(self.latents.weight.dtype))
        for block in self.blocks:
            inner = block(inner, window.mask)
        change: Tensor = self.out(self.norm(inner))
        return kept(change, window.mask)
