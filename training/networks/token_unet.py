"""The token U-Net: from the tokens of a damaged window to those of the clean one.

It starts as a copy of its input and never loses sight of it: the features of the input reach the heads at the full
rate, past every strided convolution. Statistics are taken over one window's tokens and nothing else, so that a window
comes out the same whatever stands beside it in the batch or fills it up.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rebounce.engine.errors import ConfigError
from rebounce.training.networks.attention import Cbam
from rebounce.training.networks.blocks import GROUPS, Bottleneck, Context, Down, Film, ResBlock, Up
from rebounce.training.networks.heads import Heads, cropped
from rebounce.training.networks.interface import Prediction, TokenShape
from rebounce.training.networks.latent_head import LatentSize
from rebounce.training.networks.network import Network
from rebounce.training.networks.token_input import TokenInput, ready_window
from rebounce.training.networks.window import pyramid

Part = Callable[..., Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUNetSize:
    """`base` channels at the full rate, doubled at each of `depth` halved rates; `embedding_width` to a codebook.

    `latents` is the size of the latent head.
    """

    base: int
    depth: int = 4
    embedding_width: int = 8
    latents: LatentSize = field(default_factory=LatentSize)

    def __post_init__(self) -> None:
        if self.base < GROUPS or self.base % GROUPS:
            raise ConfigError(f"size of a U-Net: expected a base that {GROUPS} divides, found {self.base}")
        if self.depth < 1 or self.embedding_width < 1:
            raise ConfigError(f"size of a U-Net: expected a depth and an embedding width of 1 or more, found {self}")


SIZES = {
    "paper": TokenUNetSize(base=384, embedding_width=24),
    "base": TokenUNetSize(base=128),
    "small": TokenUNetSize(base=64),
    "light": TokenUNetSize(base=24, embedding_width=4),
    "tiny": TokenUNetSize(base=8, depth=2, embedding_width=4, latents=LatentSize(width=16, rounds=1)),
}


class Level(nn.Module):
    """What works at one rate: a residual block and attention, twice."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([ResBlock(channels), Cbam(channels), ResBlock(channels), Cbam(channels)])

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        for block in self.blocks:
            features = block(features, mask)
        return features


class TokenUNet(Network):
    """See the module; a `TokenNetwork`.

    `use_bottleneck` puts a 1x1 convolution in the middle, which is in the state dict in any case and begins as nothing;
    `use_checkpointing` counts each level anew in the backward pass instead of keeping it in memory.
    """

    def __init__(self, size: TokenUNetSize, shape: TokenShape) -> None:
        super().__init__(shape)
        channels = [size.base * 2**level for level in range(size.depth + 1)]
        self.size = size
        self.input = TokenInput(shape, size.embedding_width, size.base)
        self.encoder = nn.ModuleList([Level(width) for width in channels[:-1]])
        self.down = nn.ModuleList([Down(width) for width in channels[:-1]])
        self.middle = ResBlock(channels[-1])
        self.film = Film(size.base, channels[-1])
        self.context = Context(channels[-1])
        self.bottleneck = Bottleneck(channels[-1])
        self.up = nn.ModuleList([Up(width) for width in channels[:-1]])
        self.gates = nn.Parameter(torch.ones(size.depth))
        self.decoder = nn.ModuleList([Level(width) for width in channels[:-1]])
        self.heads = Heads(size.base, shape, size.latents)

    def forward(self, codes: Tensor, latents: Tensor) -> Prediction:
        window = ready_window(codes, latents, self.shape, 2**self.size.depth)
        masks = pyramid(window.mask, self.size.depth)
        inputs = self.input(window)
        features = inputs
        skips = []
        for level, (work, down) in enumerate(zip(self.encoder, self.down, strict=True)):
            features = self._run(work, features, masks[level])
            skips.append(features)
            features = down(features, masks[level + 1])
        features = self._middle(features, inputs, masks)
        for level in reversed(range(self.size.depth)):
            features = self.up[level](features, masks[level])
            features = features + torch.sigmoid(self.gates[level]) * skips[level]
            features = self._run(self.decoder[level], features, masks[level])
        return cropped(self.heads(features + inputs, window, self.says_tokens), codes.shape[-1])

    def parameter_count(self) -> int:
        """Without the bottleneck's where that is off."""
        idle = 0 if self.use_bottleneck else sum(parameter.numel() for parameter in self.bottleneck.parameters())
        return super().parameter_count() - idle

    def _middle(self, features: Tensor, inputs: Tensor, masks: list[Tensor | None]) -> Tensor:
        features = self._run(self.middle, features, masks[-1])
        features = self.film(features, inputs, (masks[-1], masks[0]))
        features = self._run(self.context, features, masks[-1])
        return self._run(self.bottleneck, features, masks[-1]) if self.use_bottleneck else features

    def _run(self, part: Part, features: Tensor, mask: Tensor | None) -> Tensor:
        if self.use_checkpointing and self.training and torch.is_grad_enabled():
            counted: Tensor = checkpoint(part, features, mask, use_reentrant=False)
            return counted
        return part(features, mask)
