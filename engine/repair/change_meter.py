"""How much a repair changed where it had no business to.

The level of the difference outside the repair's scope, against that of the whole input: what `auto` looks at before it
believes a repair. What always holds: memory does not grow with the piece, and no change at all is minus infinity.
"""

import math

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio, joined
from rebounce.engine.overlap_add import Framing, Slabs, powers_of, spectra_of
from rebounce.engine.repair.scope import Scope

FRAME_SECONDS = 0.2
# A window smears what happens in a bin over its neighbours: so many belong to a band on each side.
SIDE_BINS = 3


class ChangeMeter:
    """Sees the input and, later by any number of frames, what became of it; both `(channels, any)`."""

    def __init__(self, scope: Scope, sample_rate_hz: float, channels: int) -> None:
        self._scope = scope
        self._held = np.zeros((channels, 0), dtype=np.float32)
        self._frame = 0
        self._input_energy = 0.0
        self._outside_energy = 0.0
        size = 4 * round(FRAME_SECONDS * sample_rate_hz / 4)
        self._framing = Framing(size=size, overlap=4)
        self._may_change_anything = scope.bands_hz is None and scope.stretches is None
        self._is_outside = _outside(scope, self._framing, sample_rate_hz)
        self._slabs = Slabs(16 * size)

    def before(self, block: Audio) -> None:
        """The next block of the input."""
        if self._may_change_anything:
            return
        self._held = joined([self._held, block], len(block))

    def after(self, block: Audio) -> None:
        """The next block of what became of it."""
        if self._may_change_anything:
            return
        frames = block.shape[1]
        held, self._held = self._held[:, :frames], self._held[:, frames:].copy()
        self._input_energy += float(np.sum(np.square(held, dtype=np.float64)))
        change = block - held
        if self._scope.stretches is not None:
            self._blank(change)
        self._frame += frames
        if self._is_outside is None:
            self._outside_energy += float(np.sum(np.square(change, dtype=np.float64)))
        else:
            for slab in self._slabs.push(change):
                self._outside_energy += self._energy_outside_bands(slab)

    def outside_db(self) -> float:
        """The level of what changed outside the scope against the input's; minus infinity where nothing did."""
        if self._is_outside is not None:
            for slab in self._slabs.rest():
                self._outside_energy += self._energy_outside_bands(slab)
        if self._outside_energy == 0:
            return -math.inf
        return 10 * math.log10(self._outside_energy / self._input_energy) if self._input_energy else math.inf

    def _blank(self, change: Audio) -> None:
        """What lies within the stretches may change."""
        assert self._scope.stretches is not None
        for first, last in self._scope.stretches:
            change[:, max(0, first - self._frame) : max(0, last - self._frame)] = 0

    def _energy_outside_bands(self, slab: Audio) -> float:
        """The energy in the bins outside, of all frames that fit and of one more that reaches to the end."""
        size, hop = self._framing.size, self._framing.hop
        if slab.shape[1] < size:
            slab = np.pad(slab, ((0, 0), (0, size - slab.shape[1])))
        powers = powers_of(spectra_of(slab, self._framing))
        if (slab.shape[1] - size) % hop:
            powers = np.concatenate([powers, powers_of(spectra_of(slab[:, -size:], self._framing))], axis=1)
        # One side of the spectrum stands for both, and the squares of a Hann window at this overlap add up to 1.5.
        return float(powers[..., self._is_outside].sum(dtype=np.float64)) * 2 / size / 1.5


def _outside(scope: Scope, framing: Framing, sample_rate_hz: float) -> NDArray[np.bool_] | None:
    """Which bins lie outside all bands; None where there are none, and all of them count."""
    if scope.bands_hz is None:
        return None
    places_hz = np.arange(framing.bins) * framing.bin_hz(sample_rate_hz)
    side_hz = SIDE_BINS * framing.bin_hz(sample_rate_hz)
    is_outside = np.ones(framing.bins, dtype=np.bool_)
    for low_hz, high_hz in scope.bands_hz:
        is_outside &= (places_hz < low_hz - side_hz) | (places_hz > high_hz + side_hz)
    return is_outside
