"""What became of the stereo image: how wide it is, and how alike its channels are."""

import math

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.scores.comparison import comparable, energy, product, ratio_db

WIDTH_LIMIT_DB = 60.0
"""A side so far below the mid is mono to any ear; so far above it, the mid is not there."""


def width_error_db(clean: Audio, other: Audio) -> float | None:
    """How much more side there is over mid, in dB, in `other` than in `clean`; each ratio ends at -60 and 60 dB.

    g for a side that is g dB louder. None where one is silent, or not stereo `(2, frames)`.
    """
    clean, other = comparable(clean, other)
    widths = [_width_db(piece) for piece in (clean, other)]
    return None if widths[0] is None or widths[1] is None else widths[1] - widths[0]


def correlation_error(clean: Audio, other: Audio) -> float | None:
    """The correlation of left and right in `other` minus that in `clean`: between -2 and 2.

    None where a channel is silent, or what is compared is not stereo `(2, frames)`.
    """
    clean, other = comparable(clean, other)
    correlations = [_correlation(piece) for piece in (clean, other)]
    return None if correlations[0] is None or correlations[1] is None else correlations[1] - correlations[0]


def _width_db(audio: Audio) -> float | None:
    if audio.shape[0] != 2 or not audio.any():
        return None
    return ratio_db(energy(audio[:1] - audio[1:]), energy(audio[:1] + audio[1:]), WIDTH_LIMIT_DB)


def _correlation(audio: Audio) -> float | None:
    """As a correlation meter shows it: the mean is not taken away."""
    energies = [energy(channel[np.newaxis]) for channel in audio]
    if len(energies) != 2 or min(energies) == 0:
        return None
    return product(audio[:1], audio[1:]) / (math.sqrt(energies[0]) * math.sqrt(energies[1]))
