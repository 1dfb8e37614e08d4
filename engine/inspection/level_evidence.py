"""How sure it is that a jump was a fader's: what the repeats across it say with the jump and without it.

A verse that is softer than the chorus also sounds different; so moments on both sides of a jump that sound alike, and
are apart by just its height, prove it, and those that are equally loud speak against it. What is looked at is weighed
by weights that were fitted on music whose level was ridden, and on the same music as it was.
"""

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.inspection.level_repeats import Repeats
from rebounce.engine.inspection.level_sections import PAIRS_PER_MEASUREMENT, Jumps, sections_of

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST_LOGIT = 4.0
# For a jump without repeats on one side, or across it.
NO_DIFFERENCE_DB, LARGE_DIFFERENCE_DB = 0.0, 3.0


def measures(jumps: Jumps, gains_db: Floats, repeats: Repeats) -> Floats:
    """`(jumps, 8)`: for each jump what `_measures_of` looks at."""
    first, last = sections_of(repeats.earlier, jumps), sections_of(repeats.later, jumps)
    heights_db = np.diff(gains_db)
    # What each pair says with all jumps; without one of them it is off by the height of that one.
    left_over_db = repeats.rise_db - (gains_db[last] - gains_db[first])
    rows = [
        _measures_of(
            number,
            jumps,
            float(heights_db[number]),
            _Across.of((first <= number) & (last > number), left_over_db, repeats),
            repeats.unlikeness_db[(first == last) & ((first == number) | (first == number + 1))],
        )
        for number in range(jumps.frames.size)
    ]
    return np.asarray(rows, dtype=np.float64).reshape(-1, 8)


class _Across:
    """The repeats across one jump."""

    def __init__(self, left_over_db: Floats, doubts_db: Floats, unlikeness_db: Floats) -> None:
        self.left_over_db, self.doubts_db, self.unlikeness_db = left_over_db, doubts_db, unlikeness_db

    @classmethod
    def of(cls, is_across: Flags, left_over_db: Floats, repeats: Repeats) -> "_Across":
        doubts_db, unlikeness_db = repeats.doubts_db()[is_across], repeats.unlikeness_db[is_across]
        return cls(left_over_db[is_across], doubts_db.astype(np.float64), unlikeness_db.astype(np.float64))

    def likelihood_gains(self, height_db: float) -> Floats:
        """By how much the jump makes each pair likelier."""
        without = np.log1p(((self.left_over_db + height_db) / self.doubts_db) ** 2 / 2)
        return np.asarray(without - np.log1p((self.left_over_db / self.doubts_db) ** 2 / 2))

    def share_nearer(self, height_db: float) -> float:
        """The share of the pairs, by weight, that is nearer to the level with the jump."""
        weights = self.doubts_db**-2
        is_nearer = np.abs(self.left_over_db) < np.abs(self.left_over_db + height_db)
        return float(np.sum(weights * is_nearer) / weights.sum())


def _measures_of(
    number: int, jumps: Jumps, height_db: float, across: _Across, unlikeness_beside_db: NDArray[np.floating]
) -> list[float]:
    """Gain of likelihood by the jump (mean, sum), logit, height, disagreement on it, share, unlikeness, pairs."""
    logit = float(np.clip(jumps.logits[number], -MOST_LOGIT, MOST_LOGIT))
    disagreement = abs(jumps.steps_db[number] - height_db) / (jumps.doubts_db[number] + 0.5)
    alone = [logit, abs(height_db), disagreement]
    count = across.left_over_db.size
    if count == 0:
        return [0.0, 0.0, *alone, 0.5, LARGE_DIFFERENCE_DB, 0.0]
    gains = across.likelihood_gains(height_db)
    total = float(gains.sum()) / PAIRS_PER_MEASUREMENT
    unlikeness_db = NO_DIFFERENCE_DB
    if unlikeness_beside_db.size:
        unlikeness_db = float(np.median(across.unlikeness_db) - np.median(unlikeness_beside_db))
    return [
        float(gains.mean()),
        float(np.sign(total) * np.log1p(abs(total))),
        *alone,
        across.share_nearer(height_db),
        unlikeness_db,
        float(np.log1p(count / PAIRS_PER_MEASUREMENT)),
    ]
