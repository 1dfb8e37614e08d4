"""A noise floor is found where there is one, at its level, and nowhere else."""

import numpy as np
import pytest
from scipy import signal
from signals import cut, noise
from synthetic_music import mix, with_pauses

from rebounce.engine.audio import Audio
from rebounce.engine.noise_profile import NoiseProfile, find_noise

RATE = 44_100


def densities_db(profile: NoiseProfile, frequencies_hz: list[float]) -> np.ndarray:
    return 10 * np.log10(profile.densities_at(np.asarray(frequencies_hz)))


def white(frames: int, dbfs: float, rate_hz: int = RATE) -> tuple[Audio, float]:
    """White noise, and its density in dB per hertz."""
    return noise(frames, seed=9, level=10 ** (dbfs / 20)), dbfs - 10 * np.log10(rate_hz / 2)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 96_000])
@pytest.mark.parametrize("dbfs", [-65.0, -50.0])
def test_white_noise_under_a_mix_with_pauses_is_measured(rate_hz: int, dbfs: float) -> None:
    music = with_pauses(mix(12, rate_hz), rate_hz)
    hiss, density_db = white(music.shape[1], dbfs, rate_hz)
    profile = find_noise([music + hiss], rate_hz)
    assert profile.noise_dbfs == pytest.approx(dbfs, abs=2)
    found = densities_db(profile, [400, 1_000, 3_000, 6_000])
    np.testing.assert_allclose(found, density_db, atol=2.5)


def test_hiss_is_found_between_the_cymbals_of_a_mix_without_pauses() -> None:
    music = mix(12, RATE)
    hiss, density_db = white(music.shape[1], -50)
    profile = find_noise([music + hiss], RATE)
    np.testing.assert_allclose(densities_db(profile, [8_000, 12_000, 16_000]), density_db, atol=2)


def test_a_band_of_noise_is_found_where_it_is_and_not_beside_it() -> None:
    music = with_pauses(mix(12, RATE), RATE)
    band = signal.butter(10, (4_000, 12_000), "bandpass", fs=RATE, output="sos")
    hiss, density_db = white(music.shape[1], -48)
    profile = find_noise([music + signal.sosfilt(band, hiss).astype(np.float32)], RATE)
    found = densities_db(profile, [500, 5_000, 8_000, 11_000, 18_000])
    np.testing.assert_allclose(found[1:4], density_db, atol=2)
    assert found[0] < -150
    assert found[4] < -150


def test_a_fade_and_digital_silence_do_not_hide_the_noise() -> None:
    music = with_pauses(mix(12, RATE), RATE)
    hiss, _ = white(music.shape[1], -50)
    noisy = music + hiss
    fade = np.clip(np.linspace(5, 0, noisy.shape[1]), 0, 1).astype(np.float32)
    ends = np.zeros((2, RATE), dtype=np.float32)
    profile = find_noise([ends, noisy * fade, ends], RATE)
    assert profile.noise_dbfs == pytest.approx(-50, abs=2.5)


@pytest.mark.parametrize("pauses", [False, True])
def test_clean_music_has_no_noise(pauses: bool) -> None:
    music = mix(12, RATE)
    profile = find_noise([with_pauses(music, RATE) if pauses else music], RATE)
    assert not profile.is_noisy
    assert profile.programme_dbfs == pytest.approx(-17, abs=3)


def test_a_fading_chord_and_sixteen_bit_dither_have_no_noise() -> None:
    chord = mix(12, RATE) * np.geomspace(1, 1e-5, 12 * RATE).astype(np.float32)
    generator = np.random.default_rng(2)
    dither = generator.random(chord.shape) + generator.random(chord.shape) - 1
    written = (np.round(chord * 32768 + dither) / 32768).astype(np.float32)
    assert not find_noise([written], RATE).is_noisy


def test_a_file_of_nothing_but_noise_is_left_alone() -> None:
    assert not find_noise([white(6 * RATE, -40)[0]], RATE).is_noisy


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_a_square_wave_has_no_floor_although_its_level_never_changes(rate_hz: int) -> None:
    wave = np.sign(np.sin(2 * np.pi * 100 * (np.arange(12 * rate_hz) + 0.5) / rate_hz)).astype(np.float32)
    assert not find_noise([np.stack([wave, wave])], rate_hz).is_noisy


def test_continuous_loud_music_that_is_dense_and_noisy_has_no_floor() -> None:
    crash = mix(12, RATE) + noise(12 * RATE, level=0.2)
    assert not find_noise([crash], RATE).is_noisy


@pytest.mark.parametrize("frames", [0, 1, 319, 2_047, 2_048, 30_000])
def test_short_files_have_no_floor(frames: int) -> None:
    assert not find_noise([noise(frames)], RATE).is_noisy


def test_the_cut_does_not_matter() -> None:
    music = with_pauses(mix(6, RATE), RATE)
    noisy = music + white(music.shape[1], -50)[0]
    assert find_noise(cut(noisy, [319, 48_001, 5_000]), RATE) == find_noise([noisy], RATE)
