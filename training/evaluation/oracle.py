"""What someone could reach who knows the answer: a bound to read results against, never a result.

What always holds: the shape of the damaged audio comes back.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.audio import Audio

WINDOW_S = 0.0464
"""Length of a spectrum, rounded to a power of two: 2048 at 44.1 and 48 kHz."""

HOPS_PER_WINDOW = 4
SPECTRA_AT_ONCE = 256
HANN_SQUARES = 1.5
"""What the squares of a Hann window that moves on by a quarter of itself add up to."""


def clean_magnitude(clean: Audio, damaged: Audio, sample_rate_hz: int) -> Audio:
    """The magnitudes of the clean with the phases of the damaged: what a perfect magnitude filter would give."""
    hop = (1 << round(math.log2(WINDOW_S * sample_rate_hz))) // HOPS_PER_WINDOW
    frames = clean.shape[1]
    spectra = -(-frames // hop) + HOPS_PER_WINDOW - 1
    before = (HOPS_PER_WINDOW - 1) * hop
    after = (spectra + HOPS_PER_WINDOW - 1) * hop - before - frames
    padded = [np.pad(audio, ((0, 0), (before, after))) for audio in (clean, damaged)]
    sums = np.zeros((clean.shape[0], spectra + HOPS_PER_WINDOW - 1, hop), dtype=np.float32)
    for first in range(0, spectra, SPECTRA_AT_ONCE):
        count = min(SPECTRA_AT_ONCE, spectra - first)
        part = slice(first * hop, (first + count + HOPS_PER_WINDOW - 1) * hop)
        made = _with_magnitudes(padded[0][:, part], padded[1][:, part], hop)
        for quarter in range(HOPS_PER_WINDOW):
            sums[:, first + quarter : first + quarter + count] += made[..., quarter * hop : (quarter + 1) * hop]
    whole: Audio = sums.reshape(clean.shape[0], -1)[:, before : before + frames]
    return whole.copy()


def _with_magnitudes(clean: Audio, damaged: Audio, hop: int) -> NDArray[np.float32]:
    """Windows `(channels, spectra, size)` with the magnitudes of one and the phases of the other, ready to be added."""
    size = HOPS_PER_WINDOW * hop
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
    spectra = [
        fft.rfft(sliding_window_view(audio, size, axis=1)[:, ::hop] * window, axis=-1) for audio in (clean, damaged)
    ]
    wanted, found = np.abs(spectra[0]), np.abs(spectra[1])
    # Where the damaged is silent it has no phase. A filter that dies out leaves numbers so small that one over them is
    # infinite: they are silence too.
    is_sounding = found >= np.finfo(np.float32).tiny
    phases = np.divide(spectra[1], found, out=np.zeros_like(spectra[1]), where=is_sounding)
    made: NDArray[np.float32] = fft.irfft(wanted * phases, n=size, axis=-1) * (window / np.float32(HANN_SQUARES))
    return made
