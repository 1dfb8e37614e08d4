"""How loud a piece is from one hundredth of a second to the next.

What always holds: a piece is looked at on its own grid, so that nothing depends on how it was cut, and four numbers a
hundredth are kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.dynamics import HOLD_DB_PER_MS
from rebounce.engine.kept import Kept
from rebounce.engine.overlap_add import Slabs

STEPS_PER_SECOND = 100
STEPS_PER_SLAB = 100
# The peaks that a compressor's detector holds on to come closer than the steps.
PARTS_PER_STEP = 10
SOFTEST_MAGNITUDE = np.float32(1e-9)

# Samples of a step that stand at its peak: more than a few do where a wave was cut off, and nowhere else.
FLAT_SHARE, FLAT_SAMPLES = 1e-4, 4
# The squares of float32 end at 1.8e19; no music is nearly as loud.
LOUDEST = np.float32(1e18)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What was seen in each hundredth of a second `(steps,)`.

    `peaks` are the largest magnitudes of any channel, `held_db` the mean level that the detector of a compressor sees,
    `powers` the mean squares of all channels together, and `is_flat` is where the wave stands still at its peak.
    """

    peaks: NDArray[np.float32]
    held_db: NDArray[np.float32]
    powers: NDArray[np.float64]
    is_flat: NDArray[np.bool_]


class ShortLevels:
    """Sees a piece, block after block, and has its steps at the end; what is left of a last one does not count."""

    def __init__(self, sample_rate_hz: float) -> None:
        self._frames = max(1, round(sample_rate_hz / STEPS_PER_SECOND))
        self._slabs = Slabs(STEPS_PER_SLAB * self._frames)
        self._peaks, self._held_db = Kept(np.float32), Kept(np.float32)
        self._powers, self._is_flat = Kept(np.float64), Kept(np.bool_)

    def see(self, block: Audio) -> None:
        """Take the next block `(channels, any)`."""
        for slab in self._slabs.push(block):
            self._take(slab)

    def steps(self) -> Steps:
        """All of them, after the last block."""
        for slab in self._slabs.rest():
            self._take(slab)
        return Steps(
            peaks=self._peaks.rows(),
            held_db=self._held_db.rows(),
            powers=self._powers.rows(),
            is_flat=self._is_flat.rows(),
        )

    def _take(self, slab: Audio) -> None:
        count = slab.shape[1] // self._frames
        if not count:
            return
        whole = np.clip(slab[:, : count * self._frames], -LOUDEST, LOUDEST)
        magnitudes = np.abs(whole).max(axis=0).reshape(count, -1)
        peaks = magnitudes.max(axis=1)
        at_peak = np.count_nonzero(magnitudes >= np.float32(1 - FLAT_SHARE) * peaks[:, np.newaxis], axis=1)
        powers = np.einsum("cf,cf->f", whole, whole).reshape(count, -1).mean(axis=1, dtype=np.float64) / len(whole)
        self._peaks.add(peaks)
        self._held_db.add(_held_db(magnitudes))
        self._powers.add(powers)
        self._is_flat.add(at_peak >= FLAT_SAMPLES)


def _held_db(magnitudes: Audio) -> NDArray[np.float32]:
    """The mean of each step `(steps, frames)`; each slab begins anew, which is over after a few milliseconds."""
    steps, frames = magnitudes.shape
    starts = (np.arange(steps * PARTS_PER_STEP) * frames) // PARTS_PER_STEP
    peaks = np.maximum.reduceat(magnitudes.ravel(), starts)
    levels_db = 20 * np.log10(np.maximum(peaks, SOFTEST_MAGNITUDE))
    fallen_db = np.float32(HOLD_DB_PER_MS * 1000 / STEPS_PER_SECOND / PARTS_PER_STEP) * np.arange(
        levels_db.size, dtype=np.float32
    )
    held_db = np.maximum.accumulate(levels_db + fallen_db) - fallen_db
    means: NDArray[np.float32] = held_db.reshape(steps, PARTS_PER_STEP).mean(axis=1)
    return means
