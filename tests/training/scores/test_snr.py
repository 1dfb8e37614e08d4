import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.training.scores.snr import erle_db, snr_db


def with_noise_at(clean: Audio, ratio_db: float) -> Audio:
    rest = noise(clean.shape[1], clean.shape[0], seed=9).astype(np.float64)
    rest *= np.linalg.norm(clean) / np.linalg.norm(rest) * 10 ** (-ratio_db / 20)
    return (clean + rest).astype(np.float32)


@pytest.mark.parametrize("ratio_db", [-30.0, -3.0, 0.0, 12.5, 40.0, 90.0])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_noise_at_a_known_ratio_reads_that_ratio(ratio_db: float, channels: int) -> None:
    clean = noise(5_000, channels)
    assert snr_db(clean, with_noise_at(clean, ratio_db)) == pytest.approx(ratio_db, abs=0.01)


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.9, 1.1, 2.0, -1.0])
def test_a_gain_counts(factor: float) -> None:
    clean = noise(5_000)
    assert snr_db(clean, clean * np.float32(factor)) == pytest.approx(-20 * np.log10(abs(1 - factor)), abs=1e-4)


def test_the_channels_are_taken_together() -> None:
    """All of one channel lost, of two that are alike: half of the energy."""
    clean = np.repeat(noise(5_000, 1), 2, axis=0)
    assert snr_db(clean, clean * np.array([[1], [0]], np.float32)) == pytest.approx(10 * np.log10(2))


@given(before=st.floats(-40, 60), after=st.floats(-40, 60))
@settings(max_examples=30, deadline=None)
def test_enhancement_is_the_snr_gained(before: float, after: float) -> None:
    clean = noise(2_000)
    damaged, restored = with_noise_at(clean, before), with_noise_at(clean, after)
    gained = (snr_db(clean, restored) or 0) - (snr_db(clean, damaged) or 0)
    assert erle_db(clean, restored, damaged) == pytest.approx(gained, abs=1e-6)


@pytest.mark.parametrize("factor", [0.001, 0.1, 0.5, 1.0, 3.0])
def test_a_residual_scaled_by_a_factor_reads_that_factor(factor: float) -> None:
    clean = noise(5_000)
    damaged = with_noise_at(clean, 10)
    restored = clean + factor * (damaged.astype(np.float64) - clean)
    assert erle_db(clean, restored.astype(np.float32), damaged) == pytest.approx(-20 * np.log10(factor), abs=0.01)


def test_a_repair_of_silence_is_scored_as_any_other() -> None:
    silence, damage = np.zeros((2, 1_000), np.float32), noise(1_000)
    assert snr_db(silence, damage) is None
    assert erle_db(silence, damage * np.float32(0.1), damage) == pytest.approx(20, abs=1e-3)


def test_where_nothing_was_damaged_nothing_can_be_enhanced() -> None:
    clean = noise(1_000)
    assert erle_db(clean, noise(1_000, seed=1), clean) is None
