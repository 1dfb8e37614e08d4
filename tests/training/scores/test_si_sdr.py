import numpy as np
import pytest
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.training.scores.si_sdr import si_sdr_db


def orthogonal_to(clean: Audio, ratio: float) -> np.ndarray:
    """Noise at right angles to `clean`, `ratio` times as long."""
    rest = noise(clean.shape[1], clean.shape[0], seed=9).astype(np.float64)
    rest -= clean * ((rest * clean).sum() / (clean.astype(np.float64) ** 2).sum())
    return np.asarray(rest * (ratio * np.linalg.norm(clean) / np.linalg.norm(rest)))


@pytest.mark.parametrize("ratio", [10.0, 1.0, 0.1, 0.001])
@pytest.mark.parametrize("factor", [0.01, 1.0, -1.0, 30.0])
def test_orthogonal_noise_reads_its_ratio_at_any_gain(ratio: float, factor: float) -> None:
    clean = noise(5_000)
    other = (factor * (clean + orthogonal_to(clean, ratio))).astype(np.float32)
    assert si_sdr_db(clean, other) == pytest.approx(-20 * np.log10(ratio), abs=0.01)


@pytest.mark.parametrize("factor", [0.25, 1.0, 2.0, -4.0])
def test_a_copy_at_another_gain_is_still_a_copy(factor: float) -> None:
    clean = noise(5_000)
    assert si_sdr_db(clean, clean * np.float32(factor)) == 120


def test_it_is_the_published_formula() -> None:
    clean, other = noise(5_000, seed=1), noise(5_000, seed=2) + noise(5_000, seed=1)
    s, x = clean.ravel().astype(np.float64), other.ravel().astype(np.float64)
    target = np.dot(x, s) / np.dot(s, s) * s
    expected = 10 * np.log10(np.dot(target, target) / np.dot(x - target, x - target))
    assert si_sdr_db(clean, other) == pytest.approx(expected, abs=1e-6)


def test_one_gain_for_all_channels_hears_a_wrong_balance() -> None:
    """Left halved of two equal channels: the gain is 3/4, a quarter is wrong everywhere: 3 to 1."""
    clean = np.repeat(noise(5_000, 1), 2, axis=0)
    other = clean * np.array([[0.5], [1.0]], np.float32)
    assert si_sdr_db(clean, other) == pytest.approx(20 * np.log10(3), abs=1e-4)


def test_silence_in_place_of_music_is_the_worst_there_is() -> None:
    clean = noise(5_000)
    assert si_sdr_db(clean, np.zeros_like(clean)) == -120
