"""Jumps in step with each other are told from jumps at any time."""

import numpy as np
import pytest

from rebounce.engine.inspection.level_patterns import NEARBY_FRAMES, repeated

PERIOD = 86


def test_a_gate_on_the_beat_is_a_pattern() -> None:
    frames = np.array([70, 101, 70 + PERIOD, 101 + PERIOD + 1, 70 + 2 * PERIOD - 1])
    heights_db = np.array([-7.0, 6.5, -6.9, 7.2, -6.8])
    assert repeated(frames, heights_db).all()


@pytest.mark.parametrize(
    ("frames", "heights_db"),
    [
        ([], []),
        ([50], [5.0]),
        ([70, 156, 242], [5.0, 5.0, 5.0]),
        ([70, 101, 156, 230, 290], [-7.0, 6.0, -3.0, 5.0, -6.0]),
        ([70, 156, 242, 328], [5.0, -5.0, 5.0, -5.0]),
    ],
    ids=["none", "one", "three", "irregular", "up and down"],
)
def test_what_does_not_come_back_often_enough_is_none(frames: list[int], heights_db: list[float]) -> None:
    assert not repeated(np.array(frames, dtype=np.intp), np.array(heights_db)).any()


def test_what_is_far_apart_is_no_pattern() -> None:
    frames = np.arange(6) * (NEARBY_FRAMES + 1)
    assert not repeated(frames, np.full(6, 5.0)).any()


def test_only_the_jumps_of_the_pattern_are_meant() -> None:
    frames = np.array([40, 70, 70 + PERIOD, 70 + 2 * PERIOD, 70 + 3 * PERIOD])
    np.testing.assert_array_equal(
        repeated(frames, np.array([9.0, 4.0, 4.0, 4.0, 4.0])), [False, True, True, True, True]
    )
