import numpy as np
import pytest
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.training.scores.stereo_error import correlation_error, width_error_db


def stereo(mid: Audio, side: Audio) -> Audio:
    pair: Audio = np.concatenate([mid + side, mid - side]).astype(np.float32)
    return pair


MID, SIDE = noise(20_000, 1, seed=1), noise(20_000, 1, seed=2, level=0.03)


@pytest.mark.parametrize("gain_db", [-12.0, -1.0, 0.0, 6.0])
def test_a_side_at_another_gain_reads_that_gain(gain_db: float) -> None:
    wider = stereo(MID, SIDE * np.float32(10 ** (gain_db / 20)))
    assert width_error_db(stereo(MID, SIDE), wider) == pytest.approx(gain_db, abs=1e-3)
    assert width_error_db(wider, stereo(MID, SIDE)) == pytest.approx(-gain_db, abs=1e-3)


@pytest.mark.parametrize("gain_db", [-40.0, 20.0])
def test_the_level_does_not_matter(gain_db: float) -> None:
    clean, factor = stereo(MID, SIDE), np.float32(10 ** (gain_db / 20))
    assert width_error_db(clean, clean * factor) == pytest.approx(0, abs=1e-4)
    assert correlation_error(clean, clean * factor) == pytest.approx(0, abs=1e-6)


def test_width_ends_at_mono_and_at_side_alone() -> None:
    mono, side = stereo(MID, 0 * SIDE), stereo(0 * MID, SIDE)
    assert width_error_db(mono, side) == 120
    assert width_error_db(side, mono) == -120
    assert width_error_db(mono, mono) == 0


@pytest.mark.parametrize("share", [-0.9, 0.0, 0.5, 1.0])
def test_channels_that_share_a_part_correlate_by_it(share: float) -> None:
    left, right = noise(20_000, 1, seed=3).astype(np.float64), noise(20_000, 1, seed=4).astype(np.float64)
    right -= left * ((left * right).sum() / (left**2).sum())
    right *= np.linalg.norm(left) / np.linalg.norm(right)
    alone = np.concatenate([left, right]).astype(np.float32)
    shared = np.concatenate([left, share * left + np.sqrt(1 - share**2) * right]).astype(np.float32)
    assert correlation_error(alone, shared) == pytest.approx(share, abs=1e-5)


def test_opposite_polarity_is_two_away_from_mono() -> None:
    assert correlation_error(stereo(MID, 0 * SIDE), stereo(0 * MID, MID)) == pytest.approx(-2)


def test_a_silent_channel_has_a_width_but_no_correlation() -> None:
    clean = stereo(MID, SIDE)
    left_only = clean * np.array([[1], [0]], np.float32)
    assert correlation_error(clean, left_only) is None
    expected_db = 20 * np.log10(np.linalg.norm(MID) / np.linalg.norm(SIDE))
    assert width_error_db(clean, left_only) == pytest.approx(expected_db, abs=1e-3)
