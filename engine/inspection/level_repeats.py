"""Moments of a file that sound alike, and how much louder the later one is.

Music repeats itself, and where the same notes come again the difference is that of the fader. A moment is 0.4 s of band
levels without their mean; two are alike when these hardly differ. So the difference of their means is a measurement of
how far the level moved in between, the better the more alike they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.inspection.level_bands import Levels, are_silent, in_decibels

Floats = NDArray[np.float32]
Places = NDArray[np.integer[Any]]

# Frames of about 46 ms.
MOMENT_FRAMES = 9
LAGS = (15, 258)
"""Moments are compared over 0.7 to 12 s."""
BEST = 4
FRAMES_AT_ONCE = 128
# What lies this far below the loudest band of the file is not looked at.
RANGE_DB = 75.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Pairs of frames, one entry each: the later is `rise_db` louder, and their shapes are `unlikeness_db` apart."""

    earlier: Places
    later: Places
    rise_db: Floats
    unlikeness_db: Floats

    def doubts_db(self) -> Floats:
        """How far off the rise of each pair typically is, as measured on music whose level nobody moved."""
        doubts: Floats = np.float32(0.35) + np.float32(0.08) * self.unlikeness_db ** np.float32(1.5)
        return doubts

    def only(self, keep: NDArray[np.bool_]) -> "Repeats":
        """Some of them."""
        return Repeats(
            earlier=self.earlier[keep],
            later=self.later[keep],
            rise_db=self.rise_db[keep],
            unlikeness_db=self.unlikeness_db[keep],
        )


def find_repeats(levels: Levels) -> Repeats:
    """The few most alike moments after each one; silence is alike, but tells nothing."""
    from scipy.ndimage import maximum_filter1d

    repeats = _all_repeats(levels)
    if not repeats.earlier.size:
        return repeats
    has_silence = maximum_filter1d(are_silent(levels).astype(np.uint8), MOMENT_FRAMES) > 0
    return repeats.only(~(has_silence[repeats.earlier] | has_silence[repeats.later]))


def _all_repeats(levels: Levels) -> Repeats:
    parts = list(_parts(levels))
    return Repeats(
        earlier=np.concatenate([part.earlier for part in parts] or [np.zeros(0, dtype=np.int32)]),
        later=np.concatenate([part.later for part in parts] or [np.zeros(0, dtype=np.int32)]),
        rise_db=np.concatenate([part.rise_db for part in parts] or [np.zeros(0, dtype=np.float32)]),
        unlikeness_db=np.concatenate([part.unlikeness_db for part in parts] or [np.zeros(0, dtype=np.float32)]),
    )


def _parts(levels: Levels) -> Iterator[Repeats]:
    frames = len(levels) - MOMENT_FRAMES + 1
    if frames <= LAGS[0] + 2:
        return
    softest_db = in_decibels(levels.max()) - np.float32(RANGE_DB)
    for start in range(0, frames - LAGS[0], FRAMES_AT_ONCE):
        here = in_decibels(levels[start : start + FRAMES_AT_ONCE + LAGS[1] + MOMENT_FRAMES - 1])
        yield _pairs_from(np.maximum(here, softest_db), start)


def _pairs_from(levels: Floats, start: int) -> Repeats:
    """The pairs whose earlier moments are the first `FRAMES_AT_ONCE`; `start` is the number of the first frame."""
    means, shapes = _moments(levels)
    powers = np.einsum("ij,ij->i", shapes, shapes)
    count = min(FRAMES_AT_ONCE, len(shapes) - LAGS[0])
    lags = np.arange(LAGS[0], min(LAGS[1], len(shapes) - 1))
    later = np.arange(count)[:, None] + lags
    is_there = later < len(shapes)
    later = np.minimum(later, len(shapes) - 1)
    products = np.take_along_axis(shapes[:count] @ shapes.T, later, axis=1)
    apart = np.where(is_there, powers[:count, None] + powers[later] - 2 * products, np.inf)
    rows, columns = _most_alike(apart)
    ends = later[rows, columns]
    middle = start + MOMENT_FRAMES // 2
    return Repeats(
        earlier=(rows + middle).astype(np.int32),
        later=(ends + middle).astype(np.int32),
        rise_db=means[ends] - means[rows],
        unlikeness_db=np.sqrt(np.maximum(apart[rows, columns], 0) / shapes.shape[1]),
    )


def _moments(levels: Floats) -> tuple[Floats, Floats]:
    """The mean level of every moment, and its shape: all its levels without their mean."""
    moments = np.lib.stride_tricks.sliding_window_view(levels, MOMENT_FRAMES, axis=0)
    shapes = moments.reshape(len(moments), -1)
    means = shapes.mean(axis=1)
    return means, shapes - means[:, None]


def _most_alike(apart: Floats) -> tuple[Places, Places]:
    """Row and column of the lowest few of the valleys of each row."""
    inner = apart[:, 1:-1]
    is_valley = (inner < apart[:, :-2]) & (inner <= apart[:, 2:])
    depths = np.where(is_valley, inner, np.inf)
    best = min(BEST, depths.shape[1])
    if best == 0:
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    columns = np.argpartition(depths, best - 1, axis=1)[:, :best]
    rows = np.repeat(np.arange(len(apart)), best)
    columns = columns.ravel()
    is_found = np.isfinite(depths[rows, columns])
    return rows[is_found], columns[is_found] + 1
