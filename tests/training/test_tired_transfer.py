"""The tired transfer: every part of it in numbers, nothing late, nothing longer."""

import numpy as np
import pytest
from numpy.typing import NDArray
from signals import lag_frames, noise, tone

from rebounce.engine.audio import Audio
from rebounce.training.tired_transfer import (
    BOOM_DB,
    BOOM_HZ,
    CUTOFF_HZ,
    HISS_DBFS,
    HUM_DBFS,
    LOUDEST_PEAK_DBFS,
    RIDE_DB,
    damage,
)

RATE = 44_100


def spectrum(audio: Audio) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies, and levels with a full-scale sine at 1."""
    window = np.hanning(audio.shape[1])
    levels = np.abs(np.fft.rfft(audio[0].astype(np.float64) * window)) * 2 / window.sum()
    frequency_hz = np.arange(len(levels)) * RATE / audio.shape[1]
    return frequency_hz, np.asarray(levels, dtype=np.float64)


def band_rms_db(audio: Audio, low_hz: float, high_hz: float) -> float:
    spectrum = np.fft.rfft(audio.astype(np.float64), axis=1)
    frequency_hz = np.fft.rfftfreq(audio.shape[1], 1 / RATE)
    spectrum[:, (frequency_hz < low_hz) | (frequency_hz > high_hz)] = 0
    return float(10 * np.log10(np.mean(np.fft.irfft(spectrum, audio.shape[1], axis=1) ** 2)))


@pytest.mark.parametrize("frames", [0, 1, 319, 44_100, 100_001])
@pytest.mark.parametrize("channels", [1, 2])
def test_shape_stays_and_nothing_is_clipped(frames: int, channels: int) -> None:
    damaged = damage(noise(frames, channels, level=0.3), RATE)
    assert damaged.shape == (channels, frames)
    assert damaged.dtype == np.float32
    assert np.abs(damaged).max(initial=0.0) < 0.5


def test_nothing_is_late() -> None:
    clean = noise(RATE * 4, channels=1, level=0.2)
    assert lag_frames(clean, damage(clean, RATE)) == 0


def test_the_same_seed_damages_alike_and_another_does_not() -> None:
    clean = noise(RATE)
    assert np.array_equal(damage(clean, RATE, 5), damage(clean, RATE, 5))
    assert not np.array_equal(damage(clean, RATE, 5), damage(clean, RATE, 6))


def test_nothing_is_left_above_the_cut_off_and_everything_below() -> None:
    clean = noise(RATE * 4, level=0.2)
    damaged = damage(clean, RATE)
    drop_db = band_rms_db(clean, 5_000, 6_000) - band_rms_db(damaged, 5_000, 6_000)
    assert band_rms_db(clean, 14_000, 15_000) - band_rms_db(damaged, 14_000, 15_000) == pytest.approx(drop_db, abs=0.3)
    frequency_hz, levels = spectrum(damaged)
    assert 20 * np.log10(levels[frequency_hz > CUTOFF_HZ + 400].max()) < -115.0


@pytest.mark.parametrize("rate", [16_000, 32_000])
def test_a_rate_without_anything_above_the_cut_off_is_only_not_limited(rate: int) -> None:
    damaged = damage(noise(rate * 2, level=0.2), rate)
    assert damaged.shape == (2, rate * 2)
    assert np.all(np.isfinite(damaged))


def test_hiss_hum_and_rumble_fill_the_silence_at_their_levels() -> None:
    silence = damage(np.zeros((2, RATE * 8), dtype=np.float32), RATE)
    # Of white noise at HISS_DBFS the band of 2 to 12 kHz holds its share.
    share_db = 10 * np.log10(10_000 / (RATE / 2))
    assert band_rms_db(silence, 2_000, 12_000) == pytest.approx(HISS_DBFS + share_db, abs=0.3)
    frequency_hz, levels = spectrum(silence)
    for harmonic, level_dbfs in HUM_DBFS.items():
        nearest = int(np.argmin(np.abs(frequency_hz - 50.0 * harmonic)))
        assert 20 * np.log10(levels[nearest]) == pytest.approx(level_dbfs, abs=1.5)
    assert -46 < band_rms_db(silence, 2, 20) < -42


def test_it_booms_where_it_should_and_not_elsewhere() -> None:
    def gain_db(frequency_hz: float) -> float:
        clean = tone(frequency_hz, RATE * 12, level=0.5) + tone(3_000.0, RATE * 12, level=0.4)
        damaged = damage(clean, RATE)
        frequencies, levels = spectrum(damaged)
        here, there = (levels[int(np.argmin(np.abs(frequencies - at)))] for at in (frequency_hz, 3_000.0))
        return float(20 * np.log10(here / there * 0.4 / 0.5))

    assert gain_db(BOOM_HZ) == pytest.approx(BOOM_DB, abs=0.3)
    assert gain_db(1_000.0) == pytest.approx(0.0, abs=0.3)


def test_the_level_is_too_low_and_wanders() -> None:
    damaged = damage(tone(1_000.0, RATE * 20, level=0.9), RATE)
    assert np.abs(damaged).max() == pytest.approx(10 ** (LOUDEST_PEAK_DBFS / 20), rel=0.1)
    pieces = np.sqrt(np.mean(damaged[0].reshape(200, -1).astype(np.float64) ** 2, axis=1))
    span_db = 20 * np.log10(pieces.max() / pieces.min())
    assert RIDE_DB < span_db <= 2 * RIDE_DB + 0.5
    assert np.abs(np.diff(20 * np.log10(pieces))).max() < 0.5
