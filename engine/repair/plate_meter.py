"""What a file must be looked at for to find a plate: the mean of its logarithmic spectra, and how its side goes along.

What went through a plate has its response in the spectrum of every stretch, while the music is another in each. Long
stretches are looked at, so that most of the tail lies in the same one. What always holds: the result does not depend on
how the audio was cut, and the memory is the same for any length.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import Slabs
from rebounce.engine.repair.reverb_bands import STEREO, rows_of

Floats = NDArray[np.float64]

STRETCH_SECONDS = 6.0
LEAST_SECONDS = 4.0
LOWEST_HZ, HIGHEST_HZ, HIGHEST_SHARE = 200.0, 10_000.0, 0.45
# The end of a file is looked at once more where so much of it was seen by one stretch alone.
LEAST_REST_SHARE = 0.25
# What is softer than the loudest bin by this is nothing.
LEAST_POWER, LEAST_SIDE = np.float32(1e-12), 1e-10
# The power of the side is taken over so many bins on each side of one.
NEARBY_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateSpectrum:
    """`levels` `(bins,)` are the logarithms of the power of the middle, natural and on average, from bin `first` on.

    `products` and `powers` are side by middle and middle by middle, both against the power of the side near the bin;
    `size` is that of the transform.
    """

    size: int
    first: int
    sample_rate_hz: float
    channels: int
    levels: Floats = field(repr=False)
    products: NDArray[np.complex128] = field(repr=False)
    powers: Floats = field(repr=False)

    @property
    def turns(self) -> Floats:
        """The frequencies, in radians a frame."""
        bins = np.arange(self.first, self.first + self.levels.size, dtype=np.float64)
        return bins * (2 * np.pi / self.size)


class PlateMeter:
    """Takes blocks `(channels, any)`, one channel or a pair, and gives the spectrum of all of them."""

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._rate_hz, self._channels = sample_rate_hz, channels
        self._size = 1 << round(np.log2(STRETCH_SECONDS * sample_rate_hz))
        highest_hz = min(HIGHEST_HZ, HIGHEST_SHARE * sample_rate_hz)
        self._bins = slice(*(round(edge_hz * self._size / sample_rate_hz) for edge_hz in (LOWEST_HZ, highest_hz)))
        bins = self._bins.stop - self._bins.start
        self._slabs = Slabs(self._size // 2)
        self._last = np.zeros((channels, 0), dtype=np.float32)
        self._stretches = 0
        self._levels = np.zeros(bins)
        self._products = np.zeros(bins, dtype=np.complex128)
        self._powers = np.zeros(bins)

    def see(self, block: Audio) -> None:
        """Take the next block; more than a pair of channels is not looked at."""
        if self._channels > STEREO:
            return
        for slab in self._slabs.push(block):
            known = np.concatenate([self._last, slab], axis=1)
            if known.shape[1] == self._size:
                self._add(known)
            self._last = slab.copy()

    def spectrum(self) -> PlateSpectrum | None:
        """All of it; called once, at the end. None where there is too little."""
        for rest in self._slabs.rest():
            known = np.concatenate([self._last, rest], axis=1)
            is_short = self._stretches == 0 and known.shape[1] >= LEAST_SECONDS * self._rate_hz
            if is_short or (self._stretches and rest.shape[1] >= LEAST_REST_SHARE * self._size):
                self._add(known)
        if not self._stretches:
            return None
        return PlateSpectrum(
            size=self._size,
            first=self._bins.start,
            sample_rate_hz=self._rate_hz,
            channels=self._channels,
            levels=self._levels / self._stretches,
            products=self._products,
            powers=self._powers,
        )

    def _add(self, stretch: Audio) -> None:
        peak = np.abs(stretch).max()
        if not peak > 0:
            return
        window = np.sin(np.pi * (np.arange(stretch.shape[1], dtype=np.float32) + 0.5) / stretch.shape[1])
        rows = rows_of(stretch / peak)
        spectra = fft.rfft(rows * window, self._size, axis=1)[:, self._bins]
        powers = np.square(np.abs(spectra))
        loudest = powers[0].max()
        if not loudest > 0:
            return
        self._levels += np.log(powers[0] + LEAST_POWER * loudest)
        self._stretches += 1
        if self._channels == STEREO:
            near = np.maximum(near_mean(powers[1], NEARBY_BINS), LEAST_SIDE * loudest)
            self._products += spectra[1] * np.conj(spectra[0]) / near
            self._powers += powers[0] / near


def near_mean(values: NDArray[np.floating], reach: int) -> Floats:
    """The mean over `reach` values on each side; what lies beyond an end is what lies within, mirrored."""
    padded = np.pad(values, (reach + 1, reach), mode="reflect").astype(np.float64)
    sums = np.cumsum(padded)
    width = 2 * reach + 1
    return np.asarray((sums[width:] - sums[:-width]) / width)
