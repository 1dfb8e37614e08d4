"""Windows cover a piece without gaps, and what is put together again is what was cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise

from rebounce.engine.audio import Audio, joined
from rebounce.engine.token_windows import Window, WindowCutter, WindowGrid, WindowJoiner

GRID = WindowGrid(window_frames=100, hop_frames=60, context_frames=20)
LIGHT = WindowGrid(window_frames=102_400, hop_frames=81_920, context_frames=10_240)


def windows_of(audio: Audio, sizes: list[int], grid: WindowGrid = GRID) -> list[Window]:
    cutter = WindowCutter(grid, len(audio))
    windows = [window for block in cut(audio, sizes) for window in cutter.push(block)]
    return windows + cutter.finish()


def joined_again(windows: list[Audio], channels: int, grid: WindowGrid = GRID) -> Audio:
    joiner = WindowJoiner(grid, channels)
    return joined([*(joiner.push(window) for window in windows), joiner.finish()], channels)


@settings(max_examples=40, deadline=None)
@given(frames=st.integers(0, 500), sizes=st.lists(st.integers(1, 250), min_size=1, max_size=4))
def test_each_window_holds_its_stretch_of_the_piece_and_zeros_around_it(frames: int, sizes: list[int]) -> None:
    audio = noise(frames)
    windows = windows_of(audio, sizes)
    assert len(windows) == -(-frames // 60)
    around = np.pad(audio, ((0, 0), (20, 200)))
    for index, window in enumerate(windows):
        assert np.array_equal(window.audio, around[:, index * 60 : index * 60 + 100])
        assert np.array_equal(window.own, audio[:, max(index * 60 - 20, 0) : index * 60 + 80])


@settings(max_examples=40, deadline=None)
@given(frames=st.integers(0, 500), sizes=st.lists(st.integers(1, 250), min_size=1, max_size=4))
def test_windows_put_together_are_the_piece(frames: int, sizes: list[int]) -> None:
    audio = noise(frames)
    again = joined_again([window.audio for window in windows_of(audio, sizes)], 2)
    assert again.shape[1] >= frames
    assert again[:, :frames] == pytest.approx(audio, abs=1e-7)


def test_one_window_gives_way_to_the_next_along_a_slope_without_a_jump() -> None:
    windows = [np.full((1, LIGHT.window_frames), value, dtype=np.float32) for value in (1.0, -1.0)]
    made = joined_again(windows, 1, LIGHT)[0]
    assert made.size == 2 * 81_920
    fade = made[81_920 - 1_280 : 81_920 + 1_280]
    assert (made[: 81_920 - 1_280] == 1).all()
    assert (made[81_920 + 1_280 :] == -1).all()
    assert fade == pytest.approx(np.cos(np.pi * (np.arange(2_560) + 0.5) / 2_560), abs=1e-6)


def test_where_all_windows_are_zero_what_is_put_together_is_exactly_zero() -> None:
    assert not joined_again([np.zeros((2, 100), dtype=np.float32)] * 3, 2).any()


def test_the_context_that_is_thrown_away_leaves_no_trace() -> None:
    windows = [noise(100, seed=seed) for seed in range(3)]
    spoiled = [window.copy() for window in windows]
    reach = 20 - GRID.half_fade_frames
    for window in spoiled:
        window[:, :reach] = np.nan
        window[:, 100 - reach :] = np.nan
    assert np.array_equal(joined_again(windows, 2), joined_again(spoiled, 2))


def test_a_grid_without_context_has_no_fades() -> None:
    grid = WindowGrid(window_frames=10, hop_frames=10, context_frames=0)
    audio = noise(35)
    windows = [window.audio for window in windows_of(audio, [7], grid)]
    assert np.array_equal(joined_again(windows, 2, grid)[:, :35], audio)


def test_a_caller_may_use_its_block_again() -> None:
    audio, cutter = noise(200), WindowCutter(GRID, 2)
    block = np.empty((2, 130), dtype=np.float32)
    block[:] = audio[:, :130]
    first = [window.audio.copy() for window in cutter.push(block)]
    block[:, :70] = audio[:, 130:]
    block[:, 70:] = np.nan
    rest = [window.audio for window in [*cutter.push(block[:, :70]), *cutter.finish()]]
    assert [window.tobytes() for window in first + rest] == [w.audio.tobytes() for w in windows_of(audio, [200])]
