"""The multi-resolution STFT distance of Yamamoto et al., "Parallel WaveGAN", ICASSP 2020, at three frame sizes."""

import math

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.scores.comparison import comparable, energy
from rebounce.training.scores.spectra import decibels_apart, paired_powers, size_at

SIZES = (512, 1024, 2048)
NEPERS_PER_DB = math.log(10) / 20


def multi_resolution_stft(clean: Audio, other: Audio, sample_rate_hz: int) -> float | None:
    """Spectral convergence plus the log-magnitude distance, the mean over the three sizes.

    0 for a copy, `|1 - g| + |ln g|` for a factor g; None where `clean` `(channels, frames)` is silent.
    """
    clean, other = comparable(clean, other)
    if energy(clean) == 0:
        return None
    parts = [stft_parts(clean, other, size_at(sample_rate_hz, size)) for size in SIZES]
    return float(np.mean([convergence + apart for convergence, apart in parts]))


def stft_parts(clean: Audio, other: Audio, size: int) -> tuple[float, float]:
    """Two distances of the magnitudes |C| and |O| over all bins, frames and channels, at one frame size.

    The spectral convergence is the norm of |O| - |C| over the norm of |C|; the log-magnitude distance is the mean of
    |ln |O| - ln |C||.
    """
    missed = reference = apart = 0.0
    count = 0
    for ours, theirs in paired_powers(clean, other, size):
        apart += float(np.abs(decibels_apart(ours, theirs)).sum(dtype=np.float64)) * NEPERS_PER_DB
        missed += float(np.square(np.sqrt(theirs) - np.sqrt(ours)).sum(dtype=np.float64))
        reference += float(ours.sum(dtype=np.float64))
        count += ours.size
    return math.sqrt(missed / reference) if reference > 0 else 0.0, apart / count
