import warnings

import numpy as np
import pyloudnorm
import pytest
from signals import noise
from synthetic_music import mix

from rebounce.training.scores.level_error import loudness_error_lu, true_peak_error_db


@pytest.mark.parametrize("gain_db", [-12.0, -0.1, 0.0, 6.0])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 96_000])
def test_a_gain_reads_itself(gain_db: float, rate_hz: int) -> None:
    clean = mix(1, rate_hz)
    other = (clean * 10 ** (gain_db / 20)).astype(np.float32)
    assert loudness_error_lu(clean, other, rate_hz) == pytest.approx(gain_db, abs=1e-3)
    assert true_peak_error_db(clean, other) == pytest.approx(gain_db, abs=1e-3)


def test_loudness_is_that_of_pyloudnorm() -> None:
    clean = mix(3, 48_000)
    other = (clean + noise(clean.shape[1], level=0.05)).astype(np.float32)
    meter = pyloudnorm.Meter(48_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = meter.integrated_loudness(other.T) - meter.integrated_loudness(clean.T)
    assert loudness_error_lu(clean, other, 48_000) == pytest.approx(expected, abs=0.02)


def test_a_peak_between_samples_counts() -> None:
    """A tone at a quarter of the rate, once with samples on its crests and once with them 3 dB below."""
    fade = np.sin(np.pi * np.arange(4_000) / 4_000) ** 2
    on_crests, beside = (
        (0.5 * fade * np.sin(np.pi / 2 * np.arange(4_000) + phase)).astype(np.float32)[np.newaxis]
        for phase in (0, np.pi / 4)
    )
    assert abs(beside).max() == pytest.approx(abs(on_crests).max() / np.sqrt(2), rel=1e-3)
    assert true_peak_error_db(on_crests, beside) == pytest.approx(0, abs=0.05)


def test_less_than_400_ms_has_no_loudness_but_a_peak() -> None:
    clean = noise(17_000)
    assert loudness_error_lu(clean, clean, 44_100) is None
    assert true_peak_error_db(clean, clean) == 0


def test_silence_in_place_of_music_has_no_level() -> None:
    clean = noise(44_100)
    silence = np.zeros_like(clean)
    assert loudness_error_lu(clean, silence, 44_100) is None
    assert true_peak_error_db(clean, silence) is None
