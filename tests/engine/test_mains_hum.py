"""Hum is found at its frequency and amplitude, and music is none."""

import numpy as np
import pytest
from scipy import signal
from signals import cut, noise, tone
from synthetic_music import mix

from rebounce.engine.audio import Audio
from rebounce.engine.mains_hum import NO_HUM, Hum, HumFinder

RATE = 44_100


def hum_in(blocks: list[Audio], rate_hz: float = RATE) -> Hum:
    finder = HumFinder(rate_hz)
    for block in blocks:
        finder.see(block)
    return finder.hum()


def thin(seconds: float, rate_hz: int = RATE) -> Audio:
    """A mix without its bass, which is on a grid of half seconds and has lines of its own there."""
    sections = signal.butter(8, 400, "highpass", fs=rate_hz, output="sos")
    return np.asarray(signal.sosfilt(sections, mix(seconds, rate_hz), axis=1), dtype=np.float32)


def humming(frames: int, mains_hz: float, rate_hz: int = RATE, level: float = 0.01) -> Audio:
    """Three lines: the mains, half of that at three times and a fifth at five times the frequency."""
    parts = [tone(mains_hz * times, frames, rate_hz, level * share) for times, share in ((1, 1), (3, 0.5), (5, 0.2))]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float32)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 96_000])
@pytest.mark.parametrize("mains_hz", [49.97, 50.0, 60.04])
def test_lines_under_music_are_found_at_their_frequency(rate_hz: int, mains_hz: float) -> None:
    music = thin(16, rate_hz)
    found = hum_in([music + humming(music.shape[1], mains_hz, rate_hz)], rate_hz)
    assert found.mains_hz == pytest.approx(mains_hz, abs=0.003)
    assert set(found.multiples) >= {1, 3, 5}


def test_the_amplitudes_are_those_of_the_lines() -> None:
    music = thin(16)
    found = hum_in([music + humming(music.shape[1], 50)])
    places = [found.multiples.index(multiple) for multiple in (1, 3, 5)]
    # A sine is a quarter of a turn behind a cosine.
    expected = -1j * 0.01 * np.asarray([[1], [0.5], [0.2]])
    np.testing.assert_allclose(found.amplitudes()[places], np.repeat(expected, 2, axis=1), atol=1.5e-4)
    assert found.level_dbfs() == pytest.approx(10 * np.log10(0.01**2 * 1.29 / 2), abs=0.3)


def test_hum_in_one_channel_alone_is_found_there() -> None:
    music = thin(16)
    music[0] += humming(music.shape[1], 50)[0]
    found = hum_in([music])
    amplitudes = np.abs(found.amplitudes()[found.multiples.index(1)])
    np.testing.assert_allclose(amplitudes, [0.01, 0], atol=5e-4)


@pytest.mark.parametrize("seconds", [6, 20])
def test_music_has_no_hum(seconds: int) -> None:
    assert hum_in([mix(seconds, RATE)]) == NO_HUM


@pytest.mark.parametrize("frequency_hz", [49.0, 51.9, 58.3, 61.7])
def test_a_bass_note_that_is_held_is_no_hum(frequency_hz: float) -> None:
    assert hum_in([mix(16, RATE) + humming(16 * RATE, frequency_hz, level=0.1)]) == NO_HUM


def test_a_note_at_the_mains_frequency_that_comes_and_goes_is_no_hum() -> None:
    seconds = np.arange(16 * RATE) / RATE
    note = humming(16 * RATE, 50, level=0.1) * (seconds % 2 < 1)
    assert hum_in([mix(16, RATE) + note.astype(np.float32)]) == NO_HUM


def test_drums_on_a_grid_of_half_seconds_are_no_hum() -> None:
    """They have lines at all multiples of 2 Hz, 50 and 60 among them."""
    drum = np.exp(-np.arange(RATE // 2) / 400) * np.sin(2 * np.pi * 55 * np.arange(RATE // 2) / RATE)
    drums = np.tile(drum, (2, 40)).astype(np.float32)
    assert hum_in([drums + noise(drums.shape[1], level=1e-4)]) == NO_HUM


def test_tones_on_a_grid_of_ten_hertz_are_no_hum() -> None:
    """They have lines at both 50 and 60 Hz; hum of 50 Hz has one of its lines at 300 Hz alone."""
    grid = np.sum([tone(10.0 * times, 16 * RATE, level=0.01) for times in range(1, 40, 1)], axis=0)
    both = thin(16) + tone(50, 16 * RATE, level=0.01) + tone(60, 16 * RATE, level=0.01)
    assert hum_in([thin(16) + grid]) == NO_HUM
    assert hum_in([both]) == NO_HUM
    alone = thin(16) + humming(16 * RATE, 50) + tone(300, 16 * RATE, level=0.01)
    assert hum_in([alone]).mains_hz == pytest.approx(50, abs=0.003)


def notes(per_second: float, decay: float, wave: str) -> Audio:
    """One note after another at random, each begun anew: plucked sawtooths, or the square waves of a game."""
    generator = np.random.default_rng(1)
    times = np.arange(round(RATE / per_second)) / RATE
    shape = signal.sawtooth if wave == "sawtooth" else signal.square
    pitches_hz = 220 * 2 ** (generator.choice([-12, -9, -7, -5, 0, 3, 5, 7], round(16 * per_second)) / 12)
    line = [0.3 * shape(2 * np.pi * hz * times) * np.exp(-decay * times) for hz in pitches_hz]
    music = np.concatenate(line).astype(np.float32)
    return np.stack([music, music])


@pytest.mark.parametrize("per_second", [8, 12, 12.5])
@pytest.mark.parametrize(("decay", "wave"), [(25.0, "sawtooth"), (0.0, "square")])
def test_notes_of_a_sequencer_are_no_hum(per_second: float, decay: float, wave: str) -> None:
    """They have lines at all multiples of their rate, in all of the file and with steady phases."""
    assert hum_in([notes(per_second, decay, wave)]) == NO_HUM


def test_hum_is_found_under_notes_that_come_and_go_on_both_sides_of_it() -> None:
    turns = np.repeat(np.random.default_rng(5).choice([-1, 0, 1], 16), RATE).astype(np.float32)
    beside = tone(36, 16 * RATE, level=0.1) + tone(64, 16 * RATE, level=0.1)
    assert 1 in hum_in([thin(16) + turns * beside + humming(16 * RATE, 50)]).multiples


def test_a_few_high_multiples_alone_are_a_note() -> None:
    note = tone(400, 16 * RATE, level=0.005) + tone(600, 16 * RATE, level=0.005)
    assert hum_in([mix(16, RATE) + note]) == NO_HUM


def test_steady_tones_without_music_are_no_hum() -> None:
    """A square wave of 1 kHz that was made sample by sample has lines at all multiples of 100 Hz."""
    square = np.sign(tone(1_000, 16 * RATE) + np.float32(1e-4))
    assert hum_in([square]) == NO_HUM
    square[:, : 4 * RATE - 100] = 0
    assert hum_in([square]) == NO_HUM


@pytest.mark.parametrize(("music_db", "hum_dbfs"), [(0, -93), (40, -70)])
def test_hum_that_nobody_hears_is_left_alone(music_db: float, hum_dbfs: float) -> None:
    music = thin(16) * np.float32(10 ** (music_db / 20))
    hum = humming(16 * RATE, 50)
    soft = hum * np.float32(10 ** (hum_dbfs / 20) / np.sqrt(np.mean(hum**2)))
    assert hum_in([music + soft]) == NO_HUM
    assert hum_in([music + 10 * soft]) != NO_HUM


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros((2, 12 * RATE), dtype=np.float32),
        noise(12 * RATE),
        noise(1),
        noise(0),
        tone(440, 12 * RATE),
        tone(50, 12 * RATE),
        np.sign(tone(100, 12 * RATE)),
    ],
    ids=["silence", "noise", "one frame", "no frames", "a tone", "a tone of 50 Hz", "a square wave"],
)
def test_what_is_no_music_has_no_hum(audio: Audio) -> None:
    assert hum_in([audio]) == NO_HUM


def test_digital_silence_beside_the_music_does_not_hide_it() -> None:
    music = thin(16)
    noisy = music + humming(music.shape[1], 50)
    noisy[:, : 3 * RATE] = 0
    noisy[:, 8 * RATE : 10 * RATE] = 0
    assert hum_in([noisy]).mains_hz == pytest.approx(50, abs=0.003)


def test_the_cut_of_the_blocks_does_not_matter() -> None:
    noisy = thin(12) + humming(12 * RATE, 50)
    assert hum_in(list(cut(noisy, [319, 70_001, 5_000]))) == hum_in([noisy])


def test_a_long_file_is_kept_by_samples_of_it() -> None:
    """Past `MOST_STRETCHES` every other stretch goes; low rate and short stretches would hide what is dropped."""
    rate_hz = 8_000
    piece = thin(16, rate_hz)
    finder = HumFinder(rate_hz)
    hum = humming(rate_hz * 16, 50, rate_hz)
    for _ in range(70):
        finder.see(piece + hum)
    assert finder.hum().mains_hz == pytest.approx(50, abs=0.001)
