"""How far two spectrograms are apart in dB, bin by bin."""

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.scores.comparison import comparable, energy
from rebounce.training.scores.spectra import decibels_apart, paired_powers, size_at


def log_spectral_distance_db(clean: Audio, other: Audio, sample_rate_hz: int) -> float | None:
    """The root mean square over the bins of a frame of the difference in dB, and of that the mean over all frames.

    Every channel `(channels, frames)` has frames of its own: 2048 at 44.1 kHz, 512 apart. 0 for a copy, `abs(g)` for a
    gain of g dB; None where `clean` is silent.
    """
    clean, other = comparable(clean, other)
    if energy(clean) == 0:
        return None
    total, rows = 0.0, 0
    for ours, theirs in paired_powers(clean, other, size_at(sample_rate_hz)):
        apart = decibels_apart(ours, theirs)
        total += float(np.sqrt(np.square(apart, out=apart).mean(axis=1)).sum())
        rows += len(apart)
    return total / rows
