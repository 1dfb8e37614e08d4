"""What every token network takes and gives, so that one loop trains it, one exporter writes it, one plugin runs it."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenShape:
    """The tokens a network is made for; `latent_dimension` is that of the codec's codebook entries."""

    codebooks: int = 16
    codebook_size: int = 1024
    latent_dimension: int = 128
    window_tokens: int = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a network says of a batch of windows.

    `logits` `(batch, codebook_size, codebooks, tokens)` of the clean token, or nothing where none were asked for;
    `mask_logits` `(batch, codebooks, tokens)`,
    high where the clean token differs from the input; `latent_change` `(batch, latent_dimension, tokens)`, what to add
    to the input's latents; and of each window what the clean has more than the damaged: `level` `(batch, 2)` (scale and
    gain, dB), `compression` `(batch, 2)` (swing of the RMS and crest, dB), `stereo` `(batch, 2)` (width and
    correlation), `perceptual` `(batch, 8)` (parts of mel bands in the energy, dB).
    """

    logits: Tensor
    mask_logits: Tensor
    latent_change: Tensor
    level: Tensor
    compression: Tensor
    stereo: Tensor
    perceptual: Tensor


class TokenNetwork(Protocol):
    """`codes` int64 `(batch, codebooks, tokens)`, `PAD` (-1) where there is none; `latents` what they stand for.

    `latents` is float32 `(batch, latent_dimension, tokens)`: the sum of the codebook entries, or what the codec made
    before it chose them; zeros at `PAD`.
    """

    shape: TokenShape

    def __call__(self, codes: Tensor, latents: Tensor) -> Prediction: ...

    def set_dropout(self, share: float) -> None: ...

    def parameter_count(self) -> int: ...
