"""Denoise does what its name says, in numbers, and leaves everything else alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from signals import cut, noise, tone
from synthetic_music import mix, with_pauses

from rebounce.engine.audio import Audio
from rebounce.engine.denoise import Denoise

RATE = 44_100
# Inside a pause, away from the music on both sides, and a stretch of music before it.
PAUSE = slice(int(3.0 * RATE), int(3.8 * RATE))
MUSIC = slice(int(0.2 * RATE), int(2.7 * RATE))


def level_db(audio: Audio) -> float:
    return float(10 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-30))


def hissed(music: Audio, dbfs: float = -50.0) -> Audio:
    return music + noise(music.shape[1], len(music), seed=9, level=10 ** (dbfs / 20))


@pytest.fixture(scope="module")
def music() -> Audio:
    return with_pauses(mix(8, RATE), RATE)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 96_000])
def test_noise_in_the_pauses_falls_and_the_music_stays(rate_hz: int) -> None:
    clean = with_pauses(mix(8, rate_hz), rate_hz)
    noisy = hissed(clean)
    plugin = Denoise(strength=0.8)
    restored = plugin(noisy, rate_hz)
    pause, music = (slice(part.start * rate_hz // RATE, part.stop * rate_hz // RATE) for part in (PAUSE, MUSIC))
    assert level_db(noisy[:, pause]) - level_db(restored[:, pause]) > 12
    assert level_db((restored - noisy)[:, music]) - level_db(noisy[:, music]) < -30
    before, after = level_db((noisy - clean)[:, music]), level_db((restored - clean)[:, music])
    assert after < before
    assert plugin.notes() == [f"steady noise at {plugin.analysis.noise_dbfs:.0f} dBFS, reduced by up to 16 dB"]


def test_what_is_left_of_the_noise_does_not_warble(music: Audio) -> None:
    noisy = hissed(music)
    restored = Denoise()(noisy, RATE)

    def unevenness_db(audio: Audio) -> float:
        cells = np.abs(signal.stft(audio[0, PAUSE], nperseg=1024)[2][5:-5]) ** 2
        return float(10 * np.log10(np.percentile(cells, 99.9) / cells.mean()))

    assert unevenness_db(restored) < unevenness_db(noisy) + 1


def test_hiss_in_a_band_falls_and_the_rest_of_the_spectrum_stays(music: Audio) -> None:
    band = signal.butter(8, (4_000, 16_000), "bandpass", fs=RATE, output="sos")
    noisy = music + signal.sosfilt(band, noise(music.shape[1], level=0.004)).astype(np.float32)
    restored = Denoise()(noisy, RATE)
    assert level_db(noisy[:, PAUSE]) - level_db(restored[:, PAUSE]) > 12
    low = signal.butter(8, 2_500, "low", fs=RATE, output="sos")
    assert level_db(signal.sosfilt(low, restored - noisy)) < level_db(noisy) - 60


@pytest.mark.parametrize("frequency_hz", [110.0, 1_000.0, 7_000.0])
def test_a_tone_over_noise_is_freed_of_it_and_keeps_its_level(frequency_hz: float) -> None:
    clean = with_pauses(tone(frequency_hz, 8 * RATE, level=0.3), RATE)
    noisy = hissed(clean)
    restored = Denoise()(noisy, RATE)
    assert level_db((restored - clean)[:, MUSIC]) < level_db((noisy - clean)[:, MUSIC]) - 6
    carrier = np.exp(-2j * np.pi * frequency_hz * np.arange(8 * RATE) / RATE)[MUSIC]
    gain = np.abs(restored[0, MUSIC] @ carrier) / np.abs(clean[0, MUSIC] @ carrier)
    assert gain == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("pauses", [False, True])
def test_clean_music_leaves_bit_identical(pauses: bool) -> None:
    clean = mix(8, RATE)
    clean = with_pauses(clean, RATE) if pauses else clean
    plugin = Denoise(strength=1)
    np.testing.assert_array_equal(plugin(clean, RATE), clean)
    assert plugin.notes() == ["no steady noise that can be told from the music: left alone"]


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros((2, 3 * RATE), dtype=np.float32),
        np.full((1, 3 * RATE), 0.3, dtype=np.float32),
        tone(440, 3 * RATE),
        noise(3 * RATE, level=10.0),
        noise(319),
        noise(1),
        noise(0),
    ],
    ids=["silence", "DC", "sine", "loud noise", "319 frames", "one frame", "no frames"],
)
def test_what_has_no_noise_floor_leaves_bit_identical(audio: Audio) -> None:
    np.testing.assert_array_equal(Denoise(strength=1)(audio, RATE), audio)


@pytest.mark.parametrize("parameters", [{"strength": 0.0}, {"max_reduction_db": 0.0}])
def test_no_strength_is_no_change(music: Audio, parameters: dict[str, float]) -> None:
    noisy = hissed(music)
    np.testing.assert_array_equal(Denoise(**parameters)(noisy, RATE), noisy)


def test_strength_scales_the_reduction_in_decibels(music: Audio) -> None:
    noisy = hissed(music)
    falls = [
        level_db(noisy[:, PAUSE]) - level_db(Denoise(strength=strength)(noisy, RATE)[:, PAUSE])
        for strength in (0.25, 0.5, 1.0)
    ]
    assert falls == pytest.approx([5, 10, 20], abs=0.7)


def test_samples_under_an_open_gate_and_silence_leave_bit_identical(music: Audio) -> None:
    plugin = Denoise()
    plugin.analyse([hissed(music)], RATE)
    mixed = np.concatenate([noise(RATE, level=0.2), np.zeros((2, RATE), dtype=np.float32)], axis=1)
    restored = plugin(mixed, RATE)
    inner = slice(4_096, RATE - 8_192)
    np.testing.assert_array_equal(restored[:, inner], mixed[:, inner])
    np.testing.assert_array_equal(restored[:, RATE + 8_192 :], 0)


def test_the_image_does_not_move(music: Audio) -> None:
    noisy = hissed(music)
    plugin = Denoise()
    plugin.analyse([noisy], RATE)
    mono = noisy[:1]
    np.testing.assert_array_equal(*plugin(np.concatenate([mono, mono]), RATE))
    left, right = plugin(np.concatenate([mono, -mono]), RATE)
    np.testing.assert_array_equal(left, -right)


def test_noise_in_one_channel_falls_and_the_silent_one_stays_silent(music: Audio) -> None:
    noisy = hissed(music)
    noisy[1] = 0
    restored = Denoise()(noisy, RATE)
    assert level_db(noisy[:1, PAUSE]) - level_db(restored[:1, PAUSE]) > 12
    assert not restored[1].any()


@pytest.fixture(scope="module")
def pinned(music: Audio) -> Denoise:
    plugin = Denoise()
    plugin.analyse([hissed(music)], RATE)
    return plugin


@settings(max_examples=12, deadline=None)
@given(sizes=st.lists(st.integers(1, 70_000), min_size=1, max_size=3), channels=st.integers(1, 3))
def test_the_block_size_does_not_matter(pinned: Denoise, sizes: list[int], channels: int) -> None:
    audio = noise(2 * RATE + 77, channels, level=0.004)
    whole = pinned(audio, RATE)
    pieces = [pinned.process(block, RATE, reset=False) for block in cut(audio, sizes)]
    np.testing.assert_array_equal(np.concatenate([*pieces, pinned.flush()], axis=1), whole)
    assert level_db(whole) < level_db(audio) - 5


def test_the_second_file_is_measured_afresh(music: Audio) -> None:
    plugin = Denoise()
    np.testing.assert_array_equal(plugin(music, RATE), music)
    noisy = hissed(music)
    np.testing.assert_array_equal(plugin(noisy, RATE), Denoise()(noisy, RATE))
    assert plugin.analysis.is_noisy


def test_it_is_saved_with_what_it_found(music: Audio) -> None:
    noisy = hissed(music)
    plugin = Denoise(threshold_db=9)
    plugin.analyse([noisy], RATE)
    again = Denoise.from_dict(plugin.to_dict())
    np.testing.assert_array_equal(again(noisy, RATE), plugin(noisy, RATE))
