"""The numbers of music against what they must be in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.training.music.statistics import (
    QUANTITIES,
    bandwidth_hz,
    crest_factor_db,
    loudness_range_lu,
    measure,
    mid_side_correlation,
    power_spectrum,
    side_over_mid_db,
    spectral_slope_db_per_octave,
    stereo_correlation,
)

RATE = 44_100
RATES = (8_000, 22_050, 44_100, 96_000, 192_000)


def sine(hz: float, seconds: float, rate_hz: int = RATE, channels: int = 2) -> Audio:
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)
    return np.tile(wave, (channels, 1)).astype(np.float32)


def noise(seconds: float, rate_hz: int = RATE, seed: int = 0) -> Audio:
    return np.random.default_rng(seed).normal(0, 0.1, (2, round(seconds * rate_hz))).astype(np.float32)


def coloured(db_per_octave: float, seconds: float = 12.0, rate_hz: int = RATE) -> Audio:
    """Noise that falls by exactly so much above 20 Hz."""
    spectrum = np.fft.rfft(noise(seconds, rate_hz).astype(np.float64), axis=1)
    hz = np.fft.rfftfreq(round(seconds * rate_hz), 1 / rate_hz)
    spectrum *= np.maximum(hz, 20.0) ** (db_per_octave / (20 * np.log10(2)))
    shaped = np.fft.irfft(spectrum, round(seconds * rate_hz), axis=1)
    return np.asarray(0.1 * shaped / shaped.std(), dtype=np.float32)


def steps(levels_dbfs: list[float], rate_hz: int = 16_000) -> Audio:
    """The test signals of EBU Tech 3342: a sine of 1 kHz, 20 s at each level (its peak in dBFS)."""
    time_s = np.arange(20 * rate_hz) / rate_hz
    tone = np.sin(2 * np.pi * 1_000 * time_s)
    whole = np.concatenate([10 ** (level / 20) * tone for level in levels_dbfs])
    return np.stack([whole, whole]).astype(np.float32)


def test_a_sine_has_a_crest_of_three_decibels_and_a_square_wave_none() -> None:
    assert crest_factor_db(sine(1_000, 1.0)) == pytest.approx(10 * np.log10(2), abs=1e-3)
    assert crest_factor_db(np.sign(sine(997, 1.0)) + np.float32(1e-9)) == pytest.approx(0.0, abs=1e-2)


def test_the_peak_of_one_channel_stands_over_the_power_of_both() -> None:
    audio = np.zeros((2, 100), dtype=np.float32)
    audio[1, 7] = 0.8
    assert crest_factor_db(audio) == pytest.approx(10 * np.log10(200))


@pytest.mark.parametrize(
    ("levels_dbfs", "range_lu"),
    [([-20, -30], 10), ([-20, -15], 5), ([-40, -20], 20), ([-50, -35, -20, -35, -50], 15)],
)
def test_the_loudness_range_is_that_of_the_ebus_test_signals(levels_dbfs: list[float], range_lu: float) -> None:
    # Tech 3342 table 1, whose tolerance is 1 LU.
    assert loudness_range_lu(steps(levels_dbfs), 16_000) == pytest.approx(range_lu, abs=1.0)


def test_a_steady_sound_has_no_loudness_range_and_a_short_one_none_that_is_defined() -> None:
    assert loudness_range_lu(sine(1_000, 5.0), RATE) == pytest.approx(0.0, abs=0.01)
    assert loudness_range_lu(sine(1_000, 2.9), RATE) is None


@settings(max_examples=20, deadline=None)
@given(side=st.floats(0.0, 3.0))
def test_correlation_and_width_are_those_of_a_known_mid_and_side(side: float) -> None:
    mid, apart = noise(2.0, seed=1)
    audio = np.stack([mid + np.float32(side) * apart, mid - np.float32(side) * apart])
    expected = (1 - side**2) / (1 + side**2)
    assert stereo_correlation(audio) == pytest.approx(expected, abs=0.02)
    if side > 1e-3:
        assert side_over_mid_db(audio) == pytest.approx(20 * np.log10(side), abs=0.2)


def test_mid_and_side_go_together_as_far_as_one_channel_is_louder() -> None:
    left, right = noise(2.0, seed=2)
    for gain in (0.5, 1.0, 3.0):
        expected = (gain**2 - 1) / (gain**2 + 1)
        audio = np.stack([np.float32(gain) * left, right])
        assert mid_side_correlation(audio) == pytest.approx(expected, abs=0.02)


def test_mono_is_one_and_its_opposite_minus_one() -> None:
    same = sine(300, 1.0)
    assert stereo_correlation(same) == pytest.approx(1.0)
    assert stereo_correlation(same * np.array([[1], [-1]], dtype=np.float32)) == pytest.approx(-1.0)
    assert side_over_mid_db(same) == pytest.approx(-120.0)
    assert mid_side_correlation(same) == 0.0


@pytest.mark.parametrize("db_per_octave", [0.0, -3.0, -6.0, -9.0])
def test_the_slope_is_that_of_the_noise(db_per_octave: float) -> None:
    spectrum = power_spectrum(coloured(db_per_octave), RATE)
    assert spectral_slope_db_per_octave(*spectrum) == pytest.approx(db_per_octave, abs=0.15)


@pytest.mark.parametrize("rate_hz", RATES)
def test_slope_and_bandwidth_of_white_noise_at_any_rate(rate_hz: int) -> None:
    spectrum = power_spectrum(noise(3.0, rate_hz), rate_hz)
    assert spectral_slope_db_per_octave(*spectrum) == pytest.approx(0.0, abs=0.3)
    assert bandwidth_hz(*spectrum) == pytest.approx(0.95 * rate_hz / 2, rel=0.01)


@pytest.mark.parametrize("hz", [110.0, 1_000.0, 9_000.0])
def test_the_bandwidth_of_a_sine_is_its_frequency(hz: float) -> None:
    assert bandwidth_hz(*power_spectrum(sine(hz, 2.0), RATE)) == pytest.approx(hz, abs=6.0)


@settings(max_examples=20, deadline=None)
@given(frames=st.integers(1, 40_000), channels=st.integers(1, 3), rate_hz=st.sampled_from(RATES))
def test_the_spectrum_holds_all_the_energy_there_is(frames: int, channels: int, rate_hz: int) -> None:
    audio = np.random.default_rng(frames).normal(0, 1, (channels, frames)).astype(np.float32)
    power: NDArray[np.float64] = power_spectrum(audio, rate_hz)[1]
    assert power.sum() == pytest.approx(np.sum(audio.astype(np.float64) ** 2), rel=1e-6)


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros((2, RATE), dtype=np.float32),
        np.zeros((2, 0), dtype=np.float32),
        np.full((2, RATE), np.nan, dtype=np.float32),
        np.full((2, RATE), np.inf, dtype=np.float32),
    ],
)
def test_what_makes_no_sound_has_no_numbers(audio: Audio) -> None:
    assert all(getattr(measure(audio, RATE), name) is None for name in QUANTITIES)


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_every_rate_and_count_of_channels_is_measured(rate_hz: int, channels: int) -> None:
    found = measure(sine(500, 4.0, rate_hz, channels), rate_hz)
    assert found.crest_factor_db == pytest.approx(3.01, abs=0.01)
    assert found.bandwidth_hz == pytest.approx(500, abs=6)
    assert (found.stereo_correlation is None) == (channels != 2)


def test_one_frame_is_measured_as_far_as_it_goes() -> None:
    found = measure(np.array([[0.5], [0.25]], dtype=np.float32), RATE)
    assert found.crest_factor_db == pytest.approx(20 * np.log10(0.5) - 10 * np.log10(0.15625))
    assert found.loudness_range_lu is None
    assert found.stereo_correlation is None
