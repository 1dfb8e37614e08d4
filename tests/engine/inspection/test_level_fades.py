"""A fade is told from a jump by the moments on either side of it."""

import numpy as np
import pytest

from rebounce.engine.inspection.level_fades import faded
from rebounce.engine.inspection.level_repeats import Repeats
from rebounce.engine.inspection.level_sections import Jumps

RNG_SEED = 4


def jumps(*frames: int) -> Jumps:
    count = len(frames)
    return Jumps(
        frames=np.array(frames), logits=np.ones(count), steps_db=np.full(count, -5.0), doubts_db=np.full(count, 0.5)
    )


def repeats_on(levels_db: np.ndarray, count: int = 200) -> Repeats:
    """Moments anywhere that sound alike, and are as far apart in level as they are on this course."""
    rng = np.random.default_rng(RNG_SEED)
    earlier = rng.integers(0, levels_db.size - 120, count)
    later = earlier + rng.integers(20, 120, count)
    rises_db = levels_db[later] - levels_db[earlier] + rng.normal(0, 0.3, count)
    return Repeats(
        earlier=earlier, later=later, rise_db=rises_db.astype(np.float32), unlikeness_db=np.ones(count, np.float32)
    )


PLACES = np.arange(600)
EVEN = np.linspace(0, -30, 600)
STEEPER = -40 * (PLACES / 600) ** 2
RISING = np.linspace(-30, 0, 600)
STEP = np.where(PLACES > 300, -5.0, 0.0)


@pytest.mark.parametrize(
    ("levels_db", "height_db"), [(EVEN, -4.0), (STEEPER, -5.0), (RISING, 4.0)], ids=["even", "steeper", "rising"]
)
def test_a_fade_is_no_jump(levels_db: np.ndarray, height_db: float) -> None:
    assert faded(jumps(300), np.array([0.0, height_db]), repeats_on(levels_db)).all()


@pytest.mark.parametrize("height_db", [-5.0, -3.0])
def test_a_jump_is_no_fade(height_db: float) -> None:
    assert not faded(jumps(300), np.array([0.0, -5.0]), repeats_on(STEP * height_db / -5)).any()


def test_only_the_two_sections_around_a_jump_tell_what_it_is() -> None:
    """Even until the jump of frame 300, and a fade from frame 340 on with another one in it."""
    levels_db = STEP - np.maximum(PLACES - 340, 0) / 10
    is_fade = faded(jumps(300, 340, 450), np.array([0.0, -5.0, -5.0, -14.0]), repeats_on(levels_db, 600))
    np.testing.assert_array_equal(is_fade[[0, 2]], [False, True])


@pytest.mark.parametrize("count", [0, 5])
def test_too_few_moments_say_nothing(count: int) -> None:
    assert not faded(jumps(300), np.array([0.0, -4.0]), repeats_on(EVEN, count)).any()


def test_without_jumps_there_is_nothing_to_tell() -> None:
    assert faded(jumps(), np.zeros(1), repeats_on(EVEN)).shape == (0,)
