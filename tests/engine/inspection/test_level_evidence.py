"""Repeats that rise with the jump speak for it, those that do not speak against it."""

import numpy as np

from rebounce.engine.inspection.level_evidence import measures
from rebounce.engine.inspection.level_repeats import Repeats
from rebounce.engine.inspection.level_sections import Jumps

JUMP = Jumps(frames=np.array([50]), logits=np.array([9.0]), steps_db=np.array([5.0]), doubts_db=np.array([0.5]))
GAINS_DB = np.array([-3.0, 3.0])


def repeats(rise_db: float, unlikeness_db: float = 1.0) -> Repeats:
    """Twenty pairs across frame 50 and ten before it."""
    earlier = np.r_[np.arange(20) + 20, np.arange(10)]
    later = np.r_[np.arange(20) + 60, np.arange(10) + 20]
    rises_db = np.r_[np.full(20, rise_db), np.zeros(10)].astype(np.float32)
    return Repeats(
        earlier=earlier,
        later=later,
        rise_db=rises_db,
        unlikeness_db=np.r_[np.full(20, unlikeness_db), np.full(10, 1.0)].astype(np.float32),
    )


def test_pairs_that_rise_with_the_jump_speak_for_it() -> None:
    mean, total, logit, height_db, disagreement, share, unlikeness_db, count = measures(JUMP, GAINS_DB, repeats(6))[0]
    doubt_db = 0.35 + 0.08
    np.testing.assert_allclose(mean, np.log1p((6 / doubt_db) ** 2 / 2), rtol=1e-5)
    np.testing.assert_allclose(total, np.log1p(20 * mean / 12), rtol=1e-5)
    assert (logit, height_db, share, unlikeness_db) == (4, 6, 1, 0)
    np.testing.assert_allclose((disagreement, count), (1, np.log1p(20 / 12)))


def test_pairs_that_stay_level_speak_against_it() -> None:
    mean, total, *_, share, _, _ = measures(JUMP, GAINS_DB, repeats(0))[0]
    assert mean < -3
    assert total < -1
    assert share == 0


def test_pairs_across_that_are_less_alike_than_others_are_noticed() -> None:
    assert measures(JUMP, GAINS_DB, repeats(6, unlikeness_db=4))[0, 6] == 3


def test_a_jump_without_repeats_has_its_own_logit_alone() -> None:
    none = repeats(6)
    empty = Repeats(**{name: getattr(none, name)[:0] for name in Repeats.__slots__})
    np.testing.assert_allclose(measures(JUMP, GAINS_DB, empty), [[0, 0, 4, 6, 1, 0.5, 3, 0]])
    nothing = Jumps(**{name: getattr(JUMP, name)[:0] for name in Jumps.__slots__})
    assert measures(nothing, np.zeros(1), none).shape == (0, 8)
