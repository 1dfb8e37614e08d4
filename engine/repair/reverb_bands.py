"""The powers that reverberation is judged by: 52 bands, mid and side apart, frame by frame.

Bands are 43 Hz wide at the bottom and an eighth of an octave at the top; beyond half the sample rate they are empty.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import Framing, Powers, Spectra, powers_of, size_near

FRAME_SECONDS = 0.0464
STEREO = 2
ROWS = 2

NARROWEST_HZ = 43.0
WIDENED_FROM_HZ = 150.0
BANDS_PER_OCTAVE = 8
HIGHEST_HZ = 22_000.0


def reverb_framing(sample_rate_hz: float) -> Framing:
    """Frames of about 46 ms."""
    return Framing(size=size_near(FRAME_SECONDS * sample_rate_hz), overlap=2)


@lru_cache(maxsize=1)
def _edges_hz() -> tuple[float, ...]:
    edges = [0.0]
    while edges[-1] < HIGHEST_HZ:
        width = (edges[-1] + WIDENED_FROM_HZ) * (2 ** (1 / BANDS_PER_OCTAVE) - 1)
        edges.append(edges[-1] + max(NARROWEST_HZ, width))
    return tuple(edges)


BANDS = len(_edges_hz()) - 1


def band_starts(framing: Framing, sample_rate_hz: float) -> NDArray[np.intp]:
    """The first bin of each band, and the bin behind the last one: `(bands + 1,)`."""
    starts = np.round(np.array(_edges_hz()) / framing.bin_hz(sample_rate_hz)).astype(np.intp)
    return np.minimum(starts, framing.bins)


def rows_of(audio: Audio) -> Audio:
    """Mid and side of a pair, in equal energy; any other channels as they are."""
    if audio.shape[0] != STEREO:
        return audio
    return np.stack([audio[0] + audio[1], audio[0] - audio[1]]) * np.float32(np.sqrt(0.5))


def band_powers(spectra: Spectra, starts: NDArray[np.intp]) -> Powers:
    """`(2, frames, bands)` of the spectra of `rows_of`; what is no pair counts as mid, all channels together."""
    powers = powers_of(spectra)
    if powers.shape[0] != ROWS:
        powers = np.stack([powers.sum(axis=0), np.zeros_like(powers[0])])
    has_some = starts[1:] > starts[:-1]
    banded = np.zeros((*powers.shape[:2], BANDS), dtype=np.float32)
    banded[..., has_some] = np.add.reduceat(powers[..., : starts[-1]], starts[:-1][has_some], axis=2)
    return banded
