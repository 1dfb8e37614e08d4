"""Sections get the gains that fit what was measured, and small jumps are none."""

import numpy as np
import pytest

from rebounce.engine.inspection.level_repeats import Repeats
from rebounce.engine.inspection.level_sections import Jumps, fitted, section_gains_db, sections_of

FRAMES = np.array([100, 200, 300])
GAINS_DB = np.array([0.0, 5.0, -4.0, 1.0])


def jumps(steps_db: list[float], doubts_db: float) -> Jumps:
    return Jumps(
        frames=FRAMES, logits=np.zeros(3), steps_db=np.array(steps_db), doubts_db=np.full(3, doubts_db, dtype=float)
    )


def repeats(gains_db: list[float], wrong: float = 0.0) -> Repeats:
    """Each frame sounds like the one 90 frames later; a share of them is said to have risen by 20 dB more."""
    earlier = np.arange(400 - 90)
    sections = sections_of(np.arange(400), jumps([0, 0, 0], 1))
    rises_db = np.array(gains_db)[sections[earlier + 90]] - np.array(gains_db)[sections[earlier]]
    rises_db += 20 * (np.random.default_rng(3).random(earlier.size) < wrong)
    return Repeats(
        earlier=earlier,
        later=earlier + 90,
        rise_db=rises_db.astype(np.float32),
        unlikeness_db=np.ones(earlier.size, dtype=np.float32),
    )


def test_a_frame_after_a_jump_is_in_the_next_section() -> None:
    np.testing.assert_array_equal(sections_of(np.array([0, 100, 101, 300, 399]), jumps([0, 0, 0], 1)), [0, 0, 1, 2, 3])


@pytest.mark.parametrize("wrong", [0.0, 0.2])
def test_repeats_alone_give_the_gains(wrong: float) -> None:
    gains_db = section_gains_db(jumps([0, 0, 0], 20.0), repeats(list(GAINS_DB), wrong))
    np.testing.assert_allclose(np.diff(gains_db), np.diff(GAINS_DB), atol=0.8)


def test_steps_alone_give_the_gains() -> None:
    alone = repeats([0, 0, 0, 0])
    nothing = Repeats(**{name: getattr(alone, name)[:0] for name in Repeats.__slots__})
    gains_db = section_gains_db(jumps(list(np.diff(GAINS_DB)), 0.4), nothing)
    np.testing.assert_allclose(np.diff(gains_db), np.diff(GAINS_DB), atol=0.8)


def test_small_jumps_are_joined_and_the_others_stay() -> None:
    left, gains_db = fitted(jumps([5.0, 0.5, -5.0], 0.4), repeats([0, 5, 5, 0]))
    np.testing.assert_array_equal(left.frames, [100, 300])
    np.testing.assert_allclose(np.diff(gains_db), [5, -5], atol=0.5)


def test_without_any_jump_there_is_one_section_at_0_db() -> None:
    left, gains_db = fitted(jumps([0.1, -0.2, 0.1], 0.4), repeats([0, 0, 0, 0]))
    assert left.frames.size == 0
    np.testing.assert_array_equal(gains_db, [0])
