"""The matrix form of a recursive filter against scipy's recursion."""

import numpy as np
import pytest
from scipy.signal import butter, sosfilt
from signals import noise

from rebounce.engine.block_filter import BlockFilter
from rebounce.engine.loudness import k_weighting


@pytest.mark.parametrize("frames", [1, 63, 64, 65, 2047, 2048, 44_100])
@pytest.mark.parametrize("sections", [k_weighting(44_100), k_weighting(8_000), butter(6, 0.3, output="sos")])
def test_it_equals_the_recursion_piece_after_piece(frames: int, sections: np.ndarray) -> None:
    pieces = [noise(frames, seed=seed) for seed in range(3)]
    matrix, state = BlockFilter(sections, 2), np.zeros((len(sections), 2, 2))
    for piece in pieces:
        expected, state = sosfilt(sections, piece.astype(np.float64), zi=state)
        assert np.abs(matrix(piece) - expected).max() < 1e-5 * np.abs(piece).max()


def test_silence_stays_silence() -> None:
    assert not BlockFilter(k_weighting(48_000), 1)(np.zeros((1, 5000), np.float32)).any()


def test_no_frames_change_no_state() -> None:
    matrix = BlockFilter(k_weighting(48_000), 2)
    matrix(noise(100))
    before = matrix.state.copy()
    assert matrix(noise(0)).shape == (2, 0)
    assert np.array_equal(matrix.state, before)
