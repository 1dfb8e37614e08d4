"""A course of the level is told in frames, and nonsense is refused."""

import numpy as np
import pytest

from rebounce.engine.errors import ChainError
from rebounce.engine.repair.level_course import LevelCourse

COURSE = LevelCourse(sections=((0.0, -4.0, 0.0), (2.0, 0.0, 100.0), (5.0, 3.0, 200.0)), seconds=8.0)


def test_the_level_runs_straight_between_its_knots() -> None:
    frames, levels_db = COURSE.knots(1_000)
    np.testing.assert_array_equal(frames, [0, 2_000, 2_100, 5_000, 5_200])
    np.testing.assert_array_equal(levels_db, [-4, -4, 0, 0, 3])


def test_a_section_that_begins_within_a_transition_begins_after_it() -> None:
    course = LevelCourse(sections=((0.0, 0.0, 0.0), (1.0, 6.0, 500.0), (1.2, 0.0, 100.0)), seconds=3.0)
    np.testing.assert_array_equal(course.knots(1_000)[0], [0, 1_000, 1_500, 1_500, 1_600])


def test_stretches_reach_from_where_the_level_leaves_0_db_to_where_it_is_back() -> None:
    assert COURSE.moved_stretches(1_000) == ((0, 2_100), (5_000, 8_000))
    inner = LevelCourse(sections=((0.0, 0.0, 0.0), (1.0, 6.0, 50.0), (2.0, 0.0, 50.0)), seconds=3.0)
    assert inner.moved_stretches(1_000) == ((1_000, 2_050),)


def test_jumps_are_the_differences_of_neighbours() -> None:
    assert COURSE.jumps_db() == [4.0, 3.0]


@pytest.mark.parametrize("sections", [(), ((0.0, 0.0, 0.0),), ((0.0, 0.0, 0.0), (1.0, 0.0, 100.0))])
def test_a_level_at_0_db_throughout_was_not_ridden(sections: tuple[tuple[float, ...], ...]) -> None:
    course = LevelCourse(sections=sections, seconds=2.0)
    assert not course.is_ridden
    assert course.moved_stretches(44_100) == ()


@pytest.mark.parametrize(
    "sections", [((0.0, 1.0),), ((1.0, 1.0, 0.0), (0.5, 2.0, 10.0)), ((0.0, 1.0, 0.0), (1.0, 2.0, -5.0))]
)
def test_sections_out_of_order_or_incomplete_are_refused(sections: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(ChainError, match="expected \\(start in s, gain in dB, transition in ms\\)"):
        LevelCourse(sections=sections)
