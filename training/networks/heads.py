"""From features to what a network says; at the start it says that nothing changes."""

from math import log

import torch
from torch import Tensor, nn

from rebounce.training.networks.interface import Prediction, TokenShape
from rebounce.training.networks.latent_head import LatentHead, LatentSize
from rebounce.training.networks.token_input import Window
from rebounce.training.networks.window import mean

WINDOW_FIGURES = {"level": 2, "compression": 2, "stereo": 2, "perceptual": 8}
"""What is said of a whole window, and in how many numbers."""


def even_odds(codebook_size: int) -> float:
    """The logit that gives the input token as much as all others together."""
    return log(max(codebook_size - 1, 2))


def with_copy(flat: Tensor, codes: Tensor, strength: Tensor) -> Tensor:
    """Logits `(batch, codebook_size, codebooks, tokens)` with the input token's own raised by `strength`.

    `flat` `(batch, codebook_size * codebooks, tokens)` is written to: nothing is as large as the logits, so they are
    not copied, and tokens are not spread out to one-hot vectors. `strength` is `(batch or 1, codebooks, tokens or 1)`;
    nothing is raised at `PAD`.
    """
    batch, codebooks, tokens = codes.shape
    rows = codes.clamp(min=0) * codebooks + torch.arange(codebooks, device=codes.device)[:, None]
    # In full precision whatever the rest is in: a softmax over 1024 needs it, and ONNX Runtime's CPU adds no half
    # floats while scattering.
    logits = flat.float().scatter_add_(1, rows, (strength * (codes >= 0)).float())
    return logits.view(batch, -1, codebooks, tokens)


class Heads(nn.Module):
    """All of a `Prediction`, from features `(batch, width, tokens)` at the full rate.

    The copy head says how strongly each token stays what it is, from even odds on; so that a network can say that a
    token is wrong without knowing which is right.
    """

    def __init__(self, width: int, shape: TokenShape, size: LatentSize) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Conv1d(width, shape.codebook_size * shape.codebooks, 1)
        self.copy = nn.Conv1d(width, shape.codebooks, 1)
        self.mask = nn.Conv1d(width, shape.codebooks, 1)
        self.figures = nn.ModuleDict({name: nn.Linear(width, count) for name, count in WINDOW_FIGURES.items()})
        for parameter in self.parameters():
            nn.init.zeros_(parameter)
        nn.init.constant_(self.copy.get_parameter("bias"), even_odds(shape.codebook_size))
        self.latents = LatentHead(width, shape.latent_dimension, size) if shape.latent_dimension else None

    def forward(self, features: Tensor, window: Window, says_tokens: bool = True) -> Prediction:
        whole = mean(features, window.mask)
        return Prediction(
            logits=self._logits(features, window.codes) if says_tokens else features.new_zeros(0),
            mask_logits=self.mask(features),
            latent_change=features[:, :0] if self.latents is None else self.latents(features, window),
            **{name: head(whole) for name, head in self.figures.items()},
        )

    def _logits(self, features: Tensor, codes: Tensor) -> Tensor:
        return with_copy(self.tokens(features), codes, self.copy(features))


def cropped(prediction: Prediction, tokens: int) -> Prediction:
    """The first so many tokens of it."""
    return Prediction(
        logits=prediction.logits[..., :tokens],
        mask_logits=prediction.mask_logits[..., :tokens],
        latent_change=prediction.latent_change[..., :tokens],
        level=prediction.level,
        compression=prediction.compression,
        stereo=prediction.stereo,
        perceptual=prediction.perceptual,
    )


def nothing_said(codes: Tensor, shape: TokenShape) -> dict[str, Tensor]:
    """The parts of a `Prediction` for a network that knows of tokens only: no change of latents and of figures."""
    batch, _, tokens = codes.shape
    figures = {name: torch.zeros(batch, size, device=codes.device) for name, size in WINDOW_FIGURES.items()}
    return {"latent_change": torch.zeros(batch, shape.latent_dimension, tokens, device=codes.device), **figures}
