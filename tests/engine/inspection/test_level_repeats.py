"""Moments that sound alike are found, with the rise of the level in between."""

import numpy as np
import pytest

from rebounce.engine.inspection.level_bands import BANDS, Levels
from rebounce.engine.inspection.level_repeats import LAGS, MOMENT_FRAMES, find_repeats


def phrase(frames: int, seed: int = 1) -> Levels:
    return np.random.default_rng(seed).normal(-40, 8, (frames, BANDS)).astype(np.float32)


@pytest.mark.parametrize("rise_db", [-5.0, 0.0, 7.0])
@pytest.mark.parametrize("length", [20, 60, 200])
def test_a_phrase_that_comes_again_tells_how_far_the_level_moved(rise_db: float, length: int) -> None:
    once = phrase(length)
    repeats = find_repeats(np.concatenate([once, once + np.float32(rise_db)]))
    is_same = repeats.later - repeats.earlier == length
    assert is_same.sum() == length - MOMENT_FRAMES + 1
    np.testing.assert_allclose(repeats.rise_db[is_same], rise_db, atol=1e-3)
    assert repeats.unlikeness_db[is_same].max() < 0.1
    assert repeats.unlikeness_db[~is_same].min(initial=np.inf) > 5


def test_doubts_grow_with_unlikeness() -> None:
    repeats = find_repeats(phrase(300))
    order = np.argsort(repeats.unlikeness_db)
    assert np.all(np.diff(repeats.doubts_db()[order]) >= 0)
    assert repeats.doubts_db().min() > 0.35


@pytest.mark.parametrize("frames", [0, 1, MOMENT_FRAMES, LAGS[0] + MOMENT_FRAMES])
def test_what_is_too_short_has_no_repeats(frames: int) -> None:
    assert find_repeats(phrase(frames)).earlier.size == 0


def test_pairs_lie_within_the_lags() -> None:
    repeats = find_repeats(phrase(700))
    lags = repeats.later - repeats.earlier
    assert LAGS[0] < lags.min()
    assert lags.max() < LAGS[1]
    assert repeats.later.max() < 700


def test_silence_has_no_repeats() -> None:
    audible = phrase(60)
    silence = np.full((60, BANDS), -80, dtype=np.float32)
    repeats = find_repeats(np.concatenate([audible, silence, audible, silence]))
    for frames in (repeats.earlier, repeats.later):
        inside = frames % 120
        assert inside.min() >= MOMENT_FRAMES // 2
        assert inside.max() < 60 - MOMENT_FRAMES // 2
    assert np.count_nonzero(repeats.later - repeats.earlier == 120) == 60 - MOMENT_FRAMES + 1
