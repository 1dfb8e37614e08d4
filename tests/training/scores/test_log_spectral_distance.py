import numpy as np
import pytest
from signals import noise

from rebounce.training.scores.log_spectral_distance import log_spectral_distance_db


@pytest.mark.parametrize("gain_db", [-20.0, -0.1, 0.0, 3.0, 12.0])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 96_000])
def test_a_gain_reads_itself(gain_db: float, rate_hz: int) -> None:
    clean = noise(20_000)
    other = (clean * 10 ** (gain_db / 20)).astype(np.float32)
    assert log_spectral_distance_db(clean, other, rate_hz) == pytest.approx(abs(gain_db), abs=1e-3)


def test_it_is_the_published_formula() -> None:
    clean, other = noise(10_000, 2, seed=1), noise(10_000, 2, seed=2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    distances = []
    for ours, theirs in zip(clean, other, strict=True):
        spectra = [
            np.abs(np.fft.rfft([np.pad(piece, 1024)[i : i + 2048] * window for i in range(0, 10_001, 512)]))
            for piece in (ours, theirs)
        ]
        distances.append(np.sqrt(np.mean((20 * np.log10(spectra[1] / spectra[0])) ** 2, axis=1)).mean())
    assert log_spectral_distance_db(clean, other, 44_100) == pytest.approx(np.mean(distances), rel=1e-4)


def test_it_is_deaf_to_polarity_and_the_same_both_ways() -> None:
    clean, other = noise(20_000, seed=1), noise(20_000, seed=2)
    assert log_spectral_distance_db(clean, -clean, 44_100) == 0
    there, back = log_spectral_distance_db(clean, other, 44_100), log_spectral_distance_db(other, clean, 44_100)
    assert there == pytest.approx(back, rel=1e-5)


def test_dither_of_16_bits_is_no_difference_from_digital_silence() -> None:
    clean = np.zeros((1, 44_100), np.float32)
    clean[0, 0] = 1e-4
    dither = np.random.default_rng(0).triangular(-1, 0, 1, clean.shape) / 32_768
    dithered = (clean + dither).astype(np.float32)
    assert log_spectral_distance_db(clean, dithered, 44_100) == pytest.approx(0, abs=2)


def test_silence_in_place_of_music_is_far_away() -> None:
    clean = noise(20_000)
    distance_db = log_spectral_distance_db(clean, np.zeros_like(clean), 44_100)
    assert distance_db is not None
    assert distance_db > 60
