"""Which of a network's proposals are taken. The rest keeps the input's own tokens and latents, to the last bit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.codec_models import Codes, Latents

LEAST = 1e-6
"""Keeps 0 / 0 out."""
RAMP = 0.2
"""Below the least change a change of latents fades out over this part of it."""

Chances = NDArray[np.float32]
"""`(windows, codebooks, tokens)`, or `(windows,)` where those were averaged; 0 to 1."""
Heard = NDArray[np.bool_]
"""`(windows, tokens)`: false where a token is wholly before the piece or after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a network says of windows.

    `clean_codes` `(windows, codebooks, tokens)` with the `confidence` in each, the `mask` of how likely the clean token
    is another one, the `latent_change` `(windows, dimension, tokens)`, and of each window `level_db`, how much louder
    the clean one is.
    """

    clean_codes: Codes
    confidence: Chances
    mask: Chances
    latent_change: Latents
    level_db: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Lets through what is at least this likely to be wrong as it is, and in which the network trusts this much.

    A token goes by itself; a change of latents by the means over its window, and by its own size: a network that is not
    sure proposes a small one. `least_change` is a part of the latents' own level.
    """

    least_mask: float
    least_confidence: float
    least_change: float

    def codes(self, own: Codes, proposal: Proposal) -> Codes:
        """The proposed codes where the gate is open, else the input's own."""
        is_open = (proposal.mask >= self.least_mask) & (proposal.confidence >= self.least_confidence)
        return np.where(is_open, proposal.clean_codes, own)

    def latents(self, own: Latents, proposal: Proposal, is_heard: Heard) -> Latents:
        """The latents with what the gate lets through of their change."""
        opening = self.opening(own, proposal, is_heard)[:, np.newaxis, np.newaxis]
        changed: Latents = own + opening * proposal.latent_change
        return changed

    def opening(self, own: Latents, proposal: Proposal, is_heard: Heard) -> Chances:
        """How far the gate is open to a change of latents, `(windows,)`: 0 is shut."""
        is_likely = _mean(proposal.mask, is_heard) >= self.least_mask
        is_trusted = _mean(proposal.confidence, is_heard) >= self.least_confidence
        size = _level(proposal.latent_change) / np.maximum(_level(own), LEAST)
        above = (size - self.least_change) / (RAMP * max(self.least_change, LEAST))
        opening: Chances = (np.clip(1 + above, 0, 1) * (is_likely & is_trusted)).astype(np.float32)
        return opening


def _mean(chances: Chances, is_heard: Heard) -> Chances:
    """Over the codebooks and over the tokens in which the piece is heard."""
    count = np.maximum(is_heard.sum(axis=1), 1)
    mean: Chances = (chances.mean(axis=1) * is_heard).sum(axis=1) / count
    return mean


def _level(latents: Latents) -> NDArray[np.float64]:
    """The root mean square of each window."""
    level: NDArray[np.float64] = np.sqrt(np.square(latents, dtype=np.float64).mean(axis=(1, 2)))
    return level
