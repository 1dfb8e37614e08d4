"""RemoveHum takes hum away, and nothing that is music."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from signals import cut, noise, tone
from synthetic_music import mix

from rebounce.engine.audio import Audio
from rebounce.engine.repair.remove_hum import RemoveHum
from rebounce.engine.repair.scope import Scope

RATE = 44_100


def level_db(audio: Audio) -> float:
    return float(10 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-30))


def thin(seconds: float, rate_hz: int = RATE) -> Audio:
    """A mix without its bass, which is on a grid of half seconds and has lines of its own there."""
    sections = signal.butter(8, 400, "highpass", fs=rate_hz, output="sos")
    return np.asarray(signal.sosfilt(sections, mix(seconds, rate_hz), axis=1), dtype=np.float32)


def hum_of(frames: int, rate_hz: int = RATE, mains_hz: float = 50.0) -> Audio:
    return np.asarray(
        tone(mains_hz, frames, rate_hz, 0.01) + tone(3 * mains_hz, frames, rate_hz, 0.006), dtype=np.float32
    )


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 96_000])
def test_a_steady_hum_is_gone_to_thirty_decibels(rate_hz: int) -> None:
    music = thin(16, rate_hz)
    hum = hum_of(music.shape[1], rate_hz)
    plugin = RemoveHum()
    restored = plugin(music + hum, rate_hz)
    assert level_db(restored - music) < level_db(hum) - 30
    assert "50.0 Hz" in plugin.notes()[0]


def test_the_note_tells_a_part_of_the_strength() -> None:
    music = thin(16, RATE)
    plugin = RemoveHum(strength=0.6)
    plugin(music + hum_of(music.shape[1]), RATE)
    assert plugin.notes() == ["hum at 50.0 Hz, 2 of its multiples: taken away by 60 %"]


def test_a_hum_that_drifts_is_followed() -> None:
    """Half a percent of a turn a second and a level that rises by half."""
    music = thin(60)
    seconds = np.arange(60 * RATE) / RATE
    turns = 50 * seconds + 0.15 * np.sin(2 * np.pi * seconds / 60)
    wave = 0.01 * (1 + seconds / 120) * np.sin(2 * np.pi * turns)
    hum = np.stack([wave, wave]).astype(np.float32)
    restored = RemoveHum()(music + hum, RATE)
    assert level_db(restored - music) < level_db(hum) - 10


def test_half_the_strength_takes_half_the_hum() -> None:
    music = thin(12)
    noisy = music + hum_of(music.shape[1])
    half, whole = (RemoveHum(strength=strength)(noisy, RATE) - noisy for strength in (0.5, 1.0))
    np.testing.assert_allclose(half, whole / 2, atol=1e-6)


def test_digital_silence_stays_silent() -> None:
    music = thin(16)
    noisy = music + hum_of(music.shape[1])
    noisy[:, 6 * RATE : 7 * RATE] = 0
    restored = RemoveHum()(noisy, RATE)
    black = restored[:, 6 * RATE + 300 : 7 * RATE - 300]
    np.testing.assert_array_equal(black, 0)
    assert level_db((restored - music)[:, 9 * RATE :]) < level_db(hum_of(RATE)) - 25


def test_the_change_lies_within_the_scope() -> None:
    music = thin(16)
    plugin = RemoveHum()
    change = plugin(noisy := music + hum_of(music.shape[1]), RATE) - noisy
    bands_hz = plugin.scope(RATE).bands_hz
    assert bands_hz is not None
    spectrum = np.square(np.abs(np.fft.rfft(change * np.hanning(change.shape[1]))))
    places_hz = np.fft.rfftfreq(change.shape[1], 1 / RATE)
    inside = np.any([(places_hz > low) & (places_hz < high) for low, high in bands_hz], axis=0)
    assert spectrum[:, ~inside].sum() < 1e-6 * spectrum.sum()


@pytest.mark.parametrize("audio", [mix(10, RATE), np.zeros((2, 3 * RATE), dtype=np.float32), noise(1), noise(0)])
def test_what_has_no_hum_leaves_bit_identical(audio: Audio) -> None:
    plugin = RemoveHum()
    np.testing.assert_array_equal(plugin(audio, RATE), audio)
    assert plugin.notes() == ["no mains hum: left alone"]


def test_nothing_is_said_before_anything_was_seen() -> None:
    assert RemoveHum().notes() == []
    assert RemoveHum().scope(RATE) == Scope()


@pytest.fixture(scope="module")
def pinned() -> RemoveHum:
    plugin = RemoveHum()
    plugin.analyse([thin(10) + hum_of(10 * RATE)], RATE)
    return plugin


@settings(max_examples=8, deadline=None)
@given(sizes=st.lists(st.integers(1, 90_000), min_size=1, max_size=3), channels=st.integers(1, 3))
def test_the_block_size_does_not_matter(pinned: RemoveHum, sizes: list[int], channels: int) -> None:
    audio = noise(3 * RATE + 77, channels, level=0.1)
    whole = pinned(audio, RATE)
    pieces = [pinned.process(block, RATE, reset=False) for block in cut(audio, sizes)]
    np.testing.assert_array_equal(np.concatenate([*pieces, pinned.flush()], axis=1), whole)
    assert not np.array_equal(whole, audio)


def test_it_is_saved_with_what_it_found(pinned: RemoveHum) -> None:
    table: dict[str, Any] = pinned.to_dict()
    audio = noise(2 * RATE)
    np.testing.assert_array_equal(RemoveHum.from_dict(table)(audio, RATE), pinned(audio, RATE))
