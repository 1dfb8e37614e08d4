"""The token U-Net wired as it was published, and that with one addition: what the full-rate path is measured against.

Same parts, same sizes, same input; nothing but the wiring differs. The copy that our heads begin with is left out.
"""

from dataclasses import replace

import torch
from torch import Tensor

from rebounce.engine.tokens import PAD
from rebounce.training.networks.heads import cropped
from rebounce.training.networks.interface import Prediction
from rebounce.training.networks.token_input import ready_window
from rebounce.training.networks.token_unet import TokenUNet
from rebounce.training.networks.window import pyramid


class PublishedUNet(TokenUNet):
    """Skips are taken after the strided convolution and added before the rate is doubled again."""

    adds_input = False

    def forward(self, codes: Tensor, latents: Tensor) -> Prediction:
        window = ready_window(codes, latents, self.shape, 2**self.size.depth)
        masks = pyramid(window.mask, self.size.depth)
        inputs = self.input(window)
        features, skips = inputs, []
        for level, (work, down) in enumerate(zip(self.encoder, self.down, strict=True)):
            features = down(work(features, masks[level]), masks[level + 1])
            skips.append(features)
        features = self._middle(features, inputs, masks)
        for level in reversed(range(self.size.depth)):
            features = features + torch.sigmoid(self.gates[level]) * skips[level]
            features = self.decoder[level](self.up[level](features, masks[level]), masks[level])
        features = features + inputs if self.adds_input else features
        no_copy = replace(window, codes=torch.full_like(window.codes, PAD))
        return cropped(self.heads(features, no_copy), codes.shape[-1])


class PublishedWithInput(PublishedUNet):
    """The features of the input, added before the heads."""

    adds_input = True
