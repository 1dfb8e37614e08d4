"""A baseline: a plain 1-D U-Net, its skips joined side by side, without attention, FiLM or dilation.

What it takes and how it begins are the token U-Net's, so that what lies between them is all that is compared.
"""

import torch
from torch import Tensor, nn

from rebounce.training.networks.blocks import Down, ResBlock, Up
from rebounce.training.networks.heads import Heads, cropped
from rebounce.training.networks.interface import Prediction, TokenShape
from rebounce.training.networks.network import Network
from rebounce.training.networks.token_input import TokenInput, ready_window
from rebounce.training.networks.token_unet import TokenUNetSize
from rebounce.training.networks.window import kept, pyramid


class UNet1d(Network):
    """One residual block to a level on the way down, in the middle and on the way up."""

    def __init__(self, size: TokenUNetSize, shape: TokenShape) -> None:
        super().__init__(shape)
        channels = [size.base * 2**level for level in range(size.depth + 1)]
        self.size = size
        self.input = TokenInput(shape, size.embedding_width, size.base)
        self.encoder = nn.ModuleList([ResBlock(width) for width in channels])
        self.down = nn.ModuleList([Down(width) for width in channels[:-1]])
        self.up = nn.ModuleList([Up(width) for width in channels[:-1]])
        self.join = nn.ModuleList([nn.Conv1d(2 * width, width, 1) for width in channels[:-1]])
        self.decoder = nn.ModuleList([ResBlock(width) for width in channels[:-1]])
        self.heads = Heads(size.base, shape, size.latents)

    def forward(self, codes: Tensor, latents: Tensor) -> Prediction:
        window = ready_window(codes, latents, self.shape, 2**self.size.depth)
        masks = pyramid(window.mask, self.size.depth)
        features = self.encoder[0](self.input(window), masks[0])
        skips = []
        for level, down in enumerate(self.down):
            skips.append(features)
            features = self.encoder[level + 1](down(features, masks[level + 1]), masks[level + 1])
        for level in reversed(range(self.size.depth)):
            both = torch.cat([self.up[level](features, masks[level]), skips[level]], dim=1)
            features = self.decoder[level](kept(self.join[level](both), masks[level]), masks[level])
        return cropped(self.heads(features, window, self.says_tokens), codes.shape[-1])
