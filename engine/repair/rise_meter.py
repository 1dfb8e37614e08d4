"""By how much a repair that only takes away turned anything up.

What went through a filter is softer nowhere after it is undone, but for its notches; an inverse of what was not there
turns up what it meets. So `auto` does not believe a repair after which a band of the whole, or a channel, is louder by
more than its scope allows. What always holds: memory does not grow with the piece.
"""

import math

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import Framing, Slabs, powers_of, size_near, spectra_of

FRAME_SECONDS = 0.37
FRAMES_PER_SLAB = 16
EDGES_HZ = np.geomspace(30, 16_000, 28)
"""Of thirds of an octave."""
# What is softer than the whole by this may rise: nobody hears it.
NOTHING = 1e-7


class RiseMeter:
    """Sees the input and what became of it, in any order; both `(channels, any)`."""

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._sides = [_Spectrum(sample_rate_hz, channels) for _ in range(2)]

    def before(self, block: Audio) -> None:
        """The next block of the input."""
        self._sides[0].see(block)

    def after(self, block: Audio) -> None:
        """The next block of what became of it."""
        self._sides[1].see(block)

    def largest_db(self) -> float:
        """The largest rise of a third of an octave of all channels together, or of a channel as a whole."""
        before, after = (side.levels() for side in self._sides)
        nothing = NOTHING * max(float(before.max()), float(after.max()))
        return 10 * math.log10(float(((after + nothing) / (before + nothing)).max())) if nothing else 0.0


class _Spectrum:
    """The power of each channel in each third over a whole piece."""

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._framing = framing = Framing(size=size_near(FRAME_SECONDS * sample_rate_hz), overlap=2)
        self._edges = np.round(EDGES_HZ / framing.bin_hz(sample_rate_hz)).astype(int).clip(max=framing.bins)
        self._slabs = Slabs(FRAMES_PER_SLAB * framing.size)
        self._thirds = np.zeros((channels, EDGES_HZ.size - 1))

    def see(self, block: Audio) -> None:
        for slab in self._slabs.push(block):
            self._add(slab)

    def levels(self) -> NDArray[np.float64]:
        """`(thirds + channels,)`: of all channels together, then of each channel as a whole."""
        for rest in self._slabs.rest():
            self._add(np.pad(rest, ((0, 0), (0, -rest.shape[1] % self._framing.size))))
        return np.concatenate([self._thirds.sum(axis=0), self._thirds.sum(axis=1)])

    def _add(self, slab: Audio) -> None:
        powers = powers_of(spectra_of(slab, self._framing)).sum(axis=1, dtype=np.float64)
        sums = np.concatenate([np.zeros((len(powers), 1)), np.cumsum(powers, axis=1)], axis=1)
        self._thirds += np.diff(sums[:, self._edges], axis=1)
