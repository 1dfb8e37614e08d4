"""Which of a network's proposals are taken. The rest keeps the input's own tokens and latents, to the last bit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.codec_models import Codes, Latents

MASK_RAMP = 0.1
"""Below the least mask a change of latents fades out over this much of it."""

Chances = NDArray[np.float32]
"""`(windows, codebooks, tokens)`, or `(windows,)` where those were averaged; 0 to 1."""


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
    """Lets through what is at least this likely to be wrong as it is, and in which the network trusts this much."""

    least_mask: float
    least_confidence: float

    def codes(self, own: Codes, proposal: Proposal) -> Codes:
        """The proposed codes where the gate is open, else the input's own."""
        is_open = (proposal.mask >= self.least_mask) & (proposal.confidence >= self.least_confidence)
        return np.where(is_open, proposal.clean_codes, own)

    def latents(self, own: Latents, proposal: Proposal) -> Latents:
        """The latents with what the gate lets through of their change."""
        changed: Latents = own + self.opening(proposal)[:, np.newaxis, np.newaxis] * proposal.latent_change
        return changed

    def opening(self, proposal: Proposal) -> Chances:
        """How far the gate is open to a change of latents, `(windows,)`: 0 is shut.

        A change of latents belongs to no token, and a token alone says little: all of a window have a say in it.
        """
        above = (proposal.mask.mean(axis=(1, 2)) - self.least_mask) / MASK_RAMP
        is_trusted = proposal.confidence.mean(axis=(1, 2)) >= self.least_confidence
        opening: Chances = (np.clip(1 + above, 0, 1) * is_trusted).astype(np.float32)
        return opening
