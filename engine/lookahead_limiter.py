"""A true-peak limiter: gain down, before a peak and just as far as it needs, so that the curve stays under a ceiling.

The gain is drawn at a control rate of some 12 kHz. Each control point knows the highest point of the curve around it;
the least gain needed within the look-ahead is held and smoothed over exactly the look-ahead. So a short peak is let go
as fast as it was caught. What keeps coming back is not: the gain stays at or below a level that follows the reduction
slowly, else it would rise and fall with every wave of a bass note and bend it. What always holds: the gain is never
above what a peak needs, it is the same for all channels, and where it is 1 the samples leave bit-identical.
"""

import math

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.stream import GRID_FRAMES, Timing
from rebounce.engine.true_peak import (
    REACH_FRAMES,
    TILE_FRAMES,
    TILE_SPAN,
    largest_lift,
    peaks_in_reach,
    points_between,
    spans,
    tile_filters,
    tile_peaks,
)

BLOCK_FRAMES = GRID_FRAMES

# Music driven to -9 LUFS stays the nearer to itself the shorter this is: from 2 ms to 0.4 ms by 2.4 dB (SI-SDR). Below
# a dozen frames the gain moves so fast that the curve between samples no longer follows it: with 4 frames at 8 kHz the
# ceiling was missed.
LOOKAHEAD_SECONDS = 0.0003
LEAST_LOOKAHEAD_FRAMES = 13

# A peak counts on until the next half wave of a tone of 40 Hz, the lowest bass that is common, has arrived.
BETWEEN_PEAKS_SECONDS = 0.013
# What peaks needed all through this time is held while they go on. A drum hit is over by then, a bass note is not; with
# 40 ms music loses 0.5 dB (SI-SDR), with 120 ms a note's first tenth of a second is bent.
LASTING_SECONDS = 0.08
# What they needed on average over this time is held as well: bass under other music needs it in part of its waves only.
# Music driven to -9 LUFS gains 1.4 dB from 0.2 s to 1 s, and another 0.2 dB to 1.5 s; from there on bass is bent more.
AVERAGING_SECONDS = 1.5
# As much of the average is not held: a lone short peak leaves no more, and what is far from it shall stay untouched.
LEAST_AVERAGE_DB = 0.05
LOWEST_CONTROL_RATE_HZ = 10_000

# The curve is first read 4x oversampled, and 8x where those points come near the ceiling: between points of a 4x grid
# a curve below half the sample rate rises by at most 1 / cos(pi / 8).
OVERSAMPLING = 8
NEAR_CEILING = math.cos(math.pi / OVERSAMPLING)

# The limiter aims this far below its ceiling: that is what meters with a finer grid and longer filters read above ours.
METER_MARGIN_DB = 0.05


class LookaheadLimiter:
    """The kernel of one run: windows as `timing` says, the block in their middle comes back limited.

    `gain_db` is applied first, to all samples alike.
    """

    def __init__(self, sample_rate_hz: float, *, gain_db: float, ceiling_dbtp: float) -> None:
        self._gain = np.float32(10 ** (gain_db / 20))
        self._ceiling = 10 ** ((ceiling_dbtp - METER_MARGIN_DB) / 20)
        self._cell_frames = cell_frames(sample_rate_hz)
        control_rate_hz = sample_rate_hz / self._cell_frames
        self._steps = lookahead_steps(sample_rate_hz)
        window = np.hanning(self._steps + 2)[1:-1]
        self._smoothing = window / window.sum()
        self._gain_db = np.zeros(self._steps - 1)
        self._slow = _SlowReduction(control_rate_hz)
        self._is_first = True
        self.largest_reduction_db = 0.0
        self._coarse, self._fine = _filters(self._cell_frames)
        self._lift = max(largest_lift(self._coarse), largest_lift(self._fine))
        ramp = np.arange(self._cell_frames) / self._cell_frames
        self._interpolation = np.stack([np.ones_like(ramp), ramp])

    def __call__(self, window: Audio) -> Audio:
        loud = window if self._gain == 1 else window * self._gain
        block = loud[:, 2 * TILE_FRAMES : 2 * TILE_FRAMES + BLOCK_FRAMES]
        is_first, self._is_first = self._is_first, False
        peaks = tile_peaks(loud)
        if float(peaks.max()) * self._lift <= self._ceiling and not self._is_working():
            return block
        needed_db = self._needed_db(loud, peaks)
        if is_first:
            # The gain is on its way down before the file begins, if a peak stands right at its start.
            before = self._steps - 1
            self._gain_db = _least_ahead(np.concatenate([np.zeros(before), needed_db]), self._steps + 1)[:before]
        gain = self._gain_curve(needed_db)
        return block if gain is None else block * gain

    def _is_working(self) -> bool:
        return bool(self._gain_db.any()) or self._slow.is_working()

    def _needed_db(self, loud: Audio, peaks: Audio) -> NDArray[np.float64]:
        """The gain, at most 0, that each cell needs, from the one before the block to the last in the look-ahead."""
        reach = peaks_in_reach(peaks) * self._lift
        highest = np.zeros((reach.shape[1], TILE_FRAMES // self._cell_frames), dtype=np.float32)
        for channel, samples in enumerate(loud):
            could_pass = np.flatnonzero(reach[channel] > self._ceiling)
            if not could_pass.size:
                continue
            tiles = spans(samples)
            coarse = _cell_peaks(self._coarse, tiles[could_pass])
            highest[could_pass] = np.maximum(highest[could_pass], coarse)
            near = could_pass[coarse.max(axis=1) > self._ceiling * NEAR_CEILING]
            if near.size:
                highest[near] = np.maximum(highest[near], _cell_peaks(self._fine, tiles[near]))
        cells = highest.ravel()[TILE_FRAMES // self._cell_frames - 1 :]
        over = np.maximum(cells, self._ceiling) / self._ceiling
        return -20 * np.log10(over, dtype=np.float64)

    def _gain_curve(self, needed_db: NDArray[np.float64]) -> Audio | None:
        """The gain of every frame of the block `(frames,)`, or None where all are 1."""
        points = BLOCK_FRAMES // self._cell_frames + 1
        # A control point stands between two cells: the gain on either side of it must do for both.
        held = _least_ahead(needed_db, self._steps + 1)[:points]
        whole = np.concatenate([self._gain_db, np.minimum(held, self._slow.add(held))])
        self._gain_db = whole[points - 1 : -1]
        if not whole.any():
            return None
        self.largest_reduction_db = max(self.largest_reduction_db, -float(needed_db[1:points].min()))
        gain = 10 ** (np.convolve(whole, self._smoothing, mode="valid") / 20)
        curve = np.stack([gain[:-1], np.diff(gain)], axis=1) @ self._interpolation
        return curve.ravel().astype(np.float32)


class _SlowReduction:
    """The level in dB, at most 0, that the gain may not rise above while peaks keep coming.

    It takes and gives control points, the last of which comes again as the first of the next call. It is back at
    exactly 0 a while after the last peak.
    """

    def __init__(self, control_rate_hz: float) -> None:
        self._between = max(1, round(BETWEEN_PEAKS_SECONDS * control_rate_hz))
        self._lasting = max(1, round(LASTING_SECONDS * control_rate_hz))
        self._averaged = max(self._lasting, round(AVERAGING_SECONDS * control_rate_hz))
        self._held_db = np.zeros(self._between - 1)
        self._deepest_db = np.zeros(self._averaged - 1)

    def is_working(self) -> bool:
        """Whether it would give anything but 0 if no peak came any more."""
        return bool(self._deepest_db.any())

    def add(self, held_db: NDArray[np.float64]) -> NDArray[np.float64]:
        """The level at each of the control points `held_db`, which are what the peaks need there."""
        points = len(held_db)
        held = np.concatenate([self._held_db, held_db])
        deepest = np.concatenate([self._deepest_db, _least_ahead(held, self._between)])
        self._held_db, self._deepest_db = held[points - 1 : -1], deepest[points - 1 : -1]
        lasting = -_least_ahead(-deepest[self._averaged - self._lasting :], self._lasting)
        # All terms are at most 0, so the sums never rise, and stand still where nothing is needed: 0 stays exactly 0.
        sums = np.cumsum(np.concatenate([[0.0], deepest]))
        average = (sums[self._averaged :] - sums[: -self._averaged]) / self._averaged
        level: NDArray[np.float64] = np.minimum(lasting, np.minimum(average + LEAST_AVERAGE_DB, 0))
        return level


def limiter_timing(sample_rate_hz: float) -> Timing:
    """The windows that the limiter takes."""
    ahead = lookahead_steps(sample_rate_hz) * cell_frames(sample_rate_hz)
    whole_tiles = -(-ahead // TILE_FRAMES) * TILE_FRAMES
    return Timing(block_frames=BLOCK_FRAMES, before_frames=2 * TILE_FRAMES, after_frames=whole_tiles + REACH_FRAMES)


def cell_frames(sample_rate_hz: float) -> int:
    """Frames per control point: the power of two, at most a tile, that keeps the control rate above its lowest."""
    return int(min(TILE_FRAMES, 2 ** max(0, math.floor(math.log2(sample_rate_hz / LOWEST_CONTROL_RATE_HZ)))))


def lookahead_steps(sample_rate_hz: float) -> int:
    """The look-ahead in control points."""
    frames = max(LEAST_LOOKAHEAD_FRAMES, LOOKAHEAD_SECONDS * sample_rate_hz)
    return round(frames / cell_frames(sample_rate_hz))


def _filters(cell_frames: int) -> tuple[Audio, Audio]:
    """The samples and the points of the 4x grid, and the points of the 8x grid between them, sorted by cell."""
    between = tile_filters(OVERSAMPLING)
    samples = np.zeros((1, TILE_FRAMES, TILE_SPAN), dtype=np.float32)
    samples[0, :, REACH_FRAMES : REACH_FRAMES + TILE_FRAMES] = np.eye(TILE_FRAMES)
    phases = np.concatenate([samples, between])
    by_cell = phases.reshape(OVERSAMPLING, -1, cell_frames, TILE_SPAN).swapaxes(0, 1)
    return np.ascontiguousarray(by_cell[:, 0::2]), np.ascontiguousarray(by_cell[:, 1::2])


def _cell_peaks(filters: Audio, chosen: Audio) -> Audio:
    """The highest magnitude in each cell of the chosen tiles, `(tiles, cells)`."""
    cells = filters.shape[0]
    points = np.abs(points_between(filters.reshape(-1, TILE_SPAN), chosen))
    batches, rows, tiles = points.shape
    peaks: Audio = points.reshape(batches, cells, rows // cells, tiles).max(axis=2).swapaxes(1, 2)
    return peaks.reshape(-1, cells)[: len(chosen)]


def _least_ahead(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The least of each value and the `count - 1` after it; as many fewer come back."""
    width = 1
    while 2 * width <= count:
        values = np.minimum(values[:-width], values[width:])
        width *= 2
    rest = count - width
    return np.minimum(values[:-rest], values[rest:]) if rest else values
