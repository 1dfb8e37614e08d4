"""What a run is made of: adding without touching, levels that fade, and frames that wait."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from signals import noise

from rebounce.engine.token_run import Frames, LevelCurve, added
from rebounce.engine.token_windows import WindowGrid

GRID = WindowGrid(window_frames=100, hop_frames=60, context_frames=16)


def test_a_change_is_added_by_its_strength_and_what_has_none_keeps_its_bits() -> None:
    own = noise(1_000)
    own[0, :3] = -0.0
    change = np.where(np.arange(1_000) % 3 == 0, noise(1_000, seed=1), np.float32(0))
    mixed = added(own, change, 0.5)
    assert np.array_equal(mixed, own + np.float32(0.5) * change)
    untouched = change == 0
    assert mixed[untouched].tobytes() == own[untouched].tobytes()
    assert added(own, np.zeros_like(own), 1.0) is own


def curve(*levels_db: float) -> LevelCurve:
    made = LevelCurve(GRID)
    made.extend(np.array(levels_db, dtype=np.float32))
    return made


def test_a_level_is_steady_within_a_hop_and_fades_around_its_end() -> None:
    levels = curve(2.0, -1.0, -1.0, 0.0)
    assert GRID.half_fade_frames == 2
    frames = np.array([0, 57, 58, 60, 62, 63, 150, 178, 179, 180, 182, 239], dtype=np.float64)
    expected = [2, 2, 2, 0.5, -1, -1, -1, -1, -0.75, -0.5, 0, 0]
    assert levels.at(frames) == pytest.approx(expected)


@given(st.integers(0, 239), st.integers(0, 239))
def test_the_level_at_a_frame_does_not_depend_on_the_frames_beside_it(first: int, second: int) -> None:
    levels = curve(2.0, -1.0, 4.0, 0.0)
    together = levels.at(np.array(sorted([first, second]), dtype=np.float64))
    alone = [float(levels.at(np.array([frame], dtype=np.float64))[0]) for frame in sorted([first, second])]
    assert together.tolist() == alone


def test_one_window_has_one_level() -> None:
    assert curve(1.5).at(np.arange(60.0)).tolist() == [1.5] * 60
    assert curve(1.5).at(np.zeros(0)).size == 0


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.data())
def test_frames_come_out_in_the_order_they_went_in(sizes: list[int], data: st.DataObject) -> None:
    audio = noise(sum(sizes))
    waiting, start, taken = Frames(channels=2), 0, []
    for size in sizes:
        waiting.append(audio[:, start : start + size])
        start += size
        count = data.draw(st.integers(0, waiting.count))
        taken.append(waiting.take(count))
        assert taken[-1].shape == (2, count)
    assert np.array_equal(np.concatenate([*taken, waiting.take(waiting.count)], axis=1), audio)
    assert waiting.count == 0
