"""How far two spectrograms are apart in dB, in 128 bands that are about as wide as the ear's."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.training.scores.comparison import comparable, energy
from rebounce.training.scores.spectra import decibels_apart, paired_powers, size_at

BANDS = 128
LOWEST_HZ = 20.0
HIGHEST_HZ = 20_000.0

# Slaney's mel scale: straight up to 1 kHz, logarithmic above.
MEL_HZ = 200 / 3
BEND_HZ = 1000.0
BEND_MEL = BEND_HZ / MEL_HZ
MELS_PER_OCTAVE = 27 / np.log2(6.4)


def mel_distance_db(clean: Audio, other: Audio, sample_rate_hz: int) -> float | None:
    """The mean over all bands, frames and channels `(channels, frames)` of the difference in dB, without its sign.

    Frames of 2048 at 44.1 kHz, 512 apart. 0 for a copy, `abs(g)` for a gain of g dB; None where `clean` is silent.
    """
    clean, other = comparable(clean, other)
    if energy(clean) == 0:
        return None
    size = size_at(sample_rate_hz)
    bands = MelBands(sample_rate_hz, size)
    total, count = 0.0, 0
    for ours, theirs in paired_powers(clean, other, size):
        apart = decibels_apart(bands(ours), bands(theirs))
        total += float(np.abs(apart).sum(dtype=np.float64))
        count += apart.size
    return total / count


class MelBands:
    """Triangles that overlap by half, from 20 Hz to 20 kHz or half the sample rate, each with weights that sum to 1."""

    def __init__(self, sample_rate_hz: int, size: int) -> None:
        bins_hz = np.arange(size // 2 + 1) * (sample_rate_hz / size)
        edges_hz = mel_edges_hz(min(HIGHEST_HZ, sample_rate_hz / 2))
        # Between two edges one triangle rises and the one before it falls, by what is left to 1.
        places = np.searchsorted(bins_hz, edges_hz)
        self._starts, self._end = places[:-1], places[-1]
        self._is_empty = np.diff(places) == 0
        segments = np.repeat(np.arange(BANDS + 1), np.diff(places))
        inside_hz = bins_hz[places[0] : self._end]
        rise = (inside_hz - edges_hz[segments]) / np.diff(edges_hz)[segments]
        self._rise = np.concatenate([np.zeros(places[0]), rise]).astype(np.float32)
        self._sums: Audio = np.ones((1, BANDS), dtype=np.float32)
        self._sums = self(np.ones((1, bins_hz.size), dtype=np.float32))

    def __call__(self, powers: Audio) -> Audio:
        """The mean power in each band, `(rows, bins)` to `(rows, 128)`."""
        inside = powers[:, : self._end]
        rising = self._segments(inside * self._rise)
        falling = self._segments(inside) - rising
        bands: Audio = rising[:, :-1] + falling[:, 1:]
        bands /= self._sums
        return bands

    def _segments(self, powers: Audio) -> Audio:
        """The sums between the edges; `reduceat` gives an empty one the bin at its place."""
        sums: Audio = np.add.reduceat(powers, self._starts, axis=1)
        sums[:, self._is_empty] = 0
        return sums


@lru_cache
def mel_edges_hz(highest_hz: float) -> NDArray[np.float64]:
    """Where the triangles begin, stand and end: evenly on the mel scale."""
    mels = np.linspace(_mel(LOWEST_HZ), _mel(highest_hz), BANDS + 2)
    bent = BEND_HZ * 2 ** (np.maximum(mels - BEND_MEL, 0) / MELS_PER_OCTAVE)
    edges_hz: NDArray[np.float64] = np.where(mels < BEND_MEL, mels * MEL_HZ, bent)
    return edges_hz


def _mel(frequency_hz: float) -> float:
    if frequency_hz < BEND_HZ:
        return frequency_hz / MEL_HZ
    return BEND_MEL + float(np.log2(frequency_hz / BEND_HZ) * MELS_PER_OCTAVE)
