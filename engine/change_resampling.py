"""A change to audio taken to another rate, and nothing made of it where there was none.

A resampler rounds all over its window. Here what comes out is exactly zero wherever no change lies within the reach of
the resampling filter, so that the samples it is added to stay what they were.
"""

import math

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.resampling import RESPONSE_SAMPLES, Resampler

CELL_FRAMES = 256
"""Changes are looked for in cells of so many frames."""


class ChangeResampler:
    """One conversion: push `(channels, any)`, then finish; frames as a `Resampler` gives them."""

    def __init__(self, from_hz: int, to_hz: int, channels: int) -> None:
        self._from_hz, self._to_hz = from_hz, to_hz
        self._resampler = Resampler(from_hz, to_hz, channels)
        # The filter reaches further than where it has died out to the rounding of a float: nothing is cut off there.
        self._reach_cells = math.ceil((RESPONSE_SAMPLES * max(1.0, from_hz / to_hz) + 1) / CELL_FRAMES)
        self._changed = np.zeros(0, dtype=np.int64)
        self._received = 0
        self._returned = 0

    def push(self, change: Audio) -> Audio:
        """Take the next block and return what is ready."""
        if self._from_hz == self._to_hz:
            return self._resampler.push(change)
        self._note(change)
        return self._kept(self._resampler.push(change))

    def finish(self) -> Audio:
        """The rest."""
        return self._kept(self._resampler.finish())

    def _note(self, change: Audio) -> None:
        """Remember which cells hold a change."""
        cells = (np.flatnonzero(change.any(axis=0)) + self._received) // CELL_FRAMES
        self._changed = np.union1d(self._changed, cells)
        self._received += change.shape[1]

    def _kept(self, made: Audio) -> Audio:
        """The frames without what is far from every change."""
        frames = np.arange(self._returned, self._returned + made.shape[1])
        self._returned += made.shape[1]
        if not frames.size:
            return made
        cells = frames * self._from_hz // self._to_hz // CELL_FRAMES
        first = int(cells[0]) - self._reach_cells
        self._changed = self._changed[self._changed >= first]
        kept: Audio = np.where(self._is_near(first, int(cells[-1]))[cells - first], made, np.float32(0))
        return kept

    def _is_near(self, first: int, last: int) -> NDArray[np.bool_]:
        """For each cell from `first` to `last`, whether a change lies within reach."""
        is_near = np.zeros(last - first + 1, dtype=np.bool_)
        for cell in self._changed[self._changed <= last + self._reach_cells] - first:
            is_near[max(cell - self._reach_cells, 0) : cell + self._reach_cells + 1] = True
        return is_near
