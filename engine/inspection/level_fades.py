"""Which jumps are no more than a moment of a fade: the level rises or falls all the time, not only there.

Both a jump and a fade make later moments louder or softer than the earlier ones that sound like them (`level_repeats`).
A jump does so for those across it alone and as much for all of them; a fade also for those on one side, and the more,
the further they are apart. Whatever says better what was measured in the two sections around the jump, it was that.
"""

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.inspection.level_repeats import Repeats
from rebounce.engine.inspection.level_sections import FEWEST_PAIRS, ROBUST_DOUBTS, ROUNDS, Jumps, sections_of

Floats = NDArray[np.float64]

# The fade has one number more to fit with, so it must leave so much less than the jump does.
MOST_LEFT_OVER = 0.8
# Keeps a fit of pairs that are all equally far apart solvable.
TINY_TRUST = 1e-6
# Frames: keeps the numbers of the fit near 1.
TIME_SCALE = 20.0


def faded(jumps: Jumps, gains_db: Floats, repeats: Repeats) -> NDArray[np.bool_]:
    """`(jumps,)`: where a fade of a slope that may change explains more than the jump between its two gains."""
    first, last = sections_of(repeats.earlier, jumps), sections_of(repeats.later, jumps)
    is_fade = np.zeros(jumps.frames.size, dtype=bool)
    for number, (frame, height_db) in enumerate(zip(jumps.frames, np.diff(gains_db), strict=True)):
        is_near = (first >= number) & (last <= number + 1)
        if np.count_nonzero(is_near) >= FEWEST_PAIRS:
            near, is_across = repeats.only(is_near), first[is_near] < last[is_near]
            by_jump = near.rise_db - height_db * is_across
            is_fade[number] = _left_over(_without_fade(near, int(frame)), near) < MOST_LEFT_OVER * _left_over(
                by_jump, near
            )
    return is_fade


def _without_fade(repeats: Repeats, frame: int) -> Floats:
    """What is left of the rises without the fade that fits best, of a slope that changes evenly around a frame."""
    apart = (repeats.later - repeats.earlier) / TIME_SCALE
    middle = ((repeats.later + repeats.earlier) / 2 - frame) / TIME_SCALE
    inputs, strength = np.stack([apart, apart * middle]), repeats.doubts_db().astype(np.float64) ** -2
    trust, left_over_db = strength, repeats.rise_db.astype(np.float64)
    for _ in range(ROUNDS):
        weighed = inputs * trust
        slopes = np.linalg.solve(
            weighed @ inputs.T + TINY_TRUST * strength.sum() * np.eye(2), weighed @ repeats.rise_db
        )
        left_over_db = repeats.rise_db - slopes @ inputs
        trust = strength / (1 + left_over_db**2 * strength / ROBUST_DOUBTS**2)
    return np.asarray(left_over_db)


def _left_over(rises_db: Floats, repeats: Repeats) -> float:
    """How much of these rises is unexplained: in doubts, outliers counting for less."""
    return float(np.log1p((rises_db / repeats.doubts_db()) ** 2 / 2).sum())
