"""Sections of a file between jumps of its level, and the gain of each that fits best with all that was measured.

Two kinds of measurements are weighed by their doubts: the height of each jump as it was read off the moments around it,
and the rises between moments that sound alike (see `level_repeats`). What disagrees with the rest counts for less, and
without evidence a section's gain stays near 0 dB. Jumps that come out small are none: their sections are joined.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.inspection.level_repeats import Repeats

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

# Sections of repeats that share fewer pairs are not compared.
FEWEST_PAIRS = 6
# Neighbouring pairs tell much the same: so many of them count as one.
PAIRS_PER_MEASUREMENT = 12
LEAST_RISE_DOUBT_DB = 0.5
RISE_WEIGHT = 0.3
STEP_DOUBT_SCALE, LEAST_STEP_DOUBT_DB = 1.2, 0.4
TYPICAL_GAIN_DB = 3.0
# Measurements this many doubts off count for half.
ROBUST_DOUBTS = 2.0
ROUNDS = 8
SMALLEST_JUMP_DB = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Jumps:
    """Where the level may have jumped, in frames, one entry each; `logits` say how likely, from the moments around."""

    frames: Places
    logits: Floats
    steps_db: Floats
    doubts_db: Floats

    def only(self, keep: NDArray[np.bool_]) -> "Jumps":
        """Some of them."""
        return Jumps(
            frames=self.frames[keep],
            logits=self.logits[keep],
            steps_db=self.steps_db[keep],
            doubts_db=self.doubts_db[keep],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """The gain of section `last` minus that of section `first`, one entry each."""

    first: Places
    last: Places
    rise_db: Floats
    doubt_db: Floats
    weight: Floats


def fitted(jumps: Jumps, repeats: Repeats) -> tuple[Jumps, Floats]:
    """The jumps that are left, and the gains in dB of the sections between them: one more than there are jumps."""
    while True:
        gains_db = section_gains_db(jumps, repeats)
        heights_db = np.abs(np.diff(gains_db))
        around = np.pad(heights_db, 1, constant_values=np.inf)
        # Of neighbours only the smaller one goes, as the other may grow by it.
        goes = (heights_db < SMALLEST_JUMP_DB) & (heights_db <= around[:-2]) & (heights_db <= around[2:])
        if not goes.any():
            return jumps, gains_db
        jumps = jumps.only(~goes)


def section_gains_db(jumps: Jumps, repeats: Repeats) -> Floats:
    """The gain of each section, by least squares in which outliers count for less."""
    measured = _measured(jumps, repeats)
    gains_db = _solved(measured, measured.weight / measured.doubt_db**2, jumps.frames.size + 1)
    for _ in range(ROUNDS - 1):
        left_over = (measured.rise_db - gains_db[measured.last] + gains_db[measured.first]) / measured.doubt_db
        trust = measured.weight / measured.doubt_db**2 / (1 + (left_over / ROBUST_DOUBTS) ** 2)
        gains_db = _solved(measured, trust, jumps.frames.size + 1)
    return gains_db


def _solved(measured: _Measured, trust: Floats, count: int) -> Floats:
    """The `count` gains that agree best with measurements of this trust; only near sections are compared."""
    from scipy.linalg import solveh_banded

    width = int(np.max(measured.last - measured.first, initial=0)) + 1
    matrix = np.zeros((width, count))
    matrix[0] = 1 / TYPICAL_GAIN_DB**2
    np.add.at(matrix[0], measured.first, trust)
    np.add.at(matrix[0], measured.last, trust)
    np.subtract.at(matrix, (measured.last - measured.first, measured.first), trust)
    wanted = np.zeros(count)
    np.add.at(wanted, measured.last, trust * measured.rise_db)
    np.subtract.at(wanted, measured.first, trust * measured.rise_db)
    gains_db: Floats = solveh_banded(matrix, wanted, lower=True)
    return gains_db


def sections_of(frames: NDArray[np.integer[Any]], jumps: Jumps) -> NDArray[np.int32]:
    """The number of the section in which each frame lies."""
    return np.searchsorted(jumps.frames, frames, side="left").astype(np.int32)


def _measured(jumps: Jumps, repeats: Repeats) -> _Measured:
    number = np.arange(jumps.frames.size)
    between = _rises_between(jumps, repeats)
    return _Measured(
        first=np.r_[number, between.first],
        last=np.r_[number + 1, between.last],
        rise_db=np.r_[jumps.steps_db, between.rise_db],
        doubt_db=np.r_[np.maximum(STEP_DOUBT_SCALE * jumps.doubts_db, LEAST_STEP_DOUBT_DB), between.doubt_db],
        weight=np.r_[np.ones(number.size), between.weight],
    )


def _rises_between(jumps: Jumps, repeats: Repeats) -> _Measured:
    """For every two sections that share moments, the rise on which most of these agree."""
    first, last = sections_of(repeats.earlier, jumps), sections_of(repeats.later, jumps)
    is_across = first != last
    first, last = first[is_across], last[is_across]
    rises_db, doubts_db = repeats.rise_db[is_across], repeats.doubts_db()[is_across]
    order = np.lexsort((rises_db, last, first))
    first, last, rises_db, doubts_db = first[order], last[order], rises_db[order], doubts_db[order]
    is_new = (np.diff(first) != 0) | (np.diff(last) != 0)
    starts = np.r_[0, np.flatnonzero(is_new) + 1, first.size]
    groups = [
        (
            first[start],
            last[start],
            *_agreed(rises_db[start:stop].astype(np.float64), doubts_db[start:stop].astype(np.float64)),
        )
        for start, stop in pairwise(starts)
        if stop - start >= FEWEST_PAIRS
    ]
    columns = np.asarray(groups, dtype=np.float64).reshape(-1, 4).T
    return _Measured(
        first=columns[0].astype(np.intp),
        last=columns[1].astype(np.intp),
        rise_db=columns[2],
        doubt_db=columns[3],
        weight=np.full(len(groups), RISE_WEIGHT),
    )


def _agreed(rises_db: Floats, doubts_db: Floats) -> tuple[float, float]:
    """The value around which most of these rises, in rising order, lie, and the doubt about it."""
    strength = doubts_db**-2
    total = np.cumsum(strength)
    agreed_db = rises_db[np.searchsorted(total, total[-1] / 2)]
    for _ in range(4):
        weight = strength / (1 + ((rises_db - agreed_db) / ROBUST_DOUBTS) ** 2)
        agreed_db = np.sum(weight * rises_db) / weight.sum()
    spread = np.sum(weight * (rises_db - agreed_db) ** 2) / weight.sum()
    pieces = max(rises_db.size / PAIRS_PER_MEASUREMENT, 1)
    return float(agreed_db), float(np.sqrt(LEAST_RISE_DOUBT_DB**2 + spread / pieces))
