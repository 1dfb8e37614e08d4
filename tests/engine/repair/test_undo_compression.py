"""A compressor and its inverse give the audio back, in numbers; what was not turned down stays as it was."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pedalboard import Compressor
from signals import cut, noise, tone
from synthetic_music import mix

from rebounce.engine.audio import Audio
from rebounce.engine.dynamics import Dynamics
from rebounce.engine.repair.undo_compression import UndoCompression

RATE = 44_100

SETTINGS = [
    {"threshold_db": -30.0, "ratio": 4.0, "attack_ms": 10.0, "release_ms": 100.0},
    {"threshold_db": -24.0, "ratio": 12.0, "attack_ms": 1.0, "release_ms": 40.0},
    {"threshold_db": -26.0, "ratio": 2.5, "attack_ms": 30.0, "release_ms": 400.0},
    {"threshold_db": -25.0, "ratio": 100.0, "attack_ms": 0.1, "release_ms": 20.0},
    {"threshold_db": -25.0, "ratio": 4.0, "attack_ms": 0.0, "release_ms": 0.0},
]


def error_db(clean: Audio, other: Audio) -> float:
    difference = np.square(other - clean, dtype=np.float64).sum()
    return float(10 * np.log10(difference / np.square(clean, dtype=np.float64).sum() + 1e-30))


@pytest.fixture(scope="module")
def music() -> Audio:
    made = mix(2, RATE)
    return made * np.float32(0.1 / made.std())


@pytest.mark.parametrize("given", SETTINGS)
def test_dynamics_run_backwards_gives_the_music_back(music: Audio, given: dict[str, Any]) -> None:
    squeezed = Dynamics(**given)(music, RATE)
    assert error_db(music, squeezed) > -15
    assert error_db(music, UndoCompression(**given)(squeezed, RATE)) < -90


@pytest.mark.parametrize("given", SETTINGS)
def test_the_compressor_of_pedalboard_run_backwards_gives_the_music_back(music: Audio, given: dict[str, Any]) -> None:
    squeezed = Compressor(**given)(music, RATE)
    assert error_db(music, squeezed) > -15
    assert error_db(music, UndoCompression(design="pedalboard", **given)(squeezed, RATE)) < -90


@pytest.mark.parametrize("rate_hz", [8_000, 48_000, 192_000])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("design", ["rebounce", "pedalboard"])
def test_any_rate_and_any_number_of_channels_are_undone(rate_hz: int, channels: int, design: str) -> None:
    audio = noise(30_000, channels) * np.linspace(0.2, 2, 30_000, dtype=np.float32)
    compressor = Dynamics() if design == "rebounce" else Compressor(-20.0, 4.0, 10.0, 100.0)
    # pedalboard's own takes two channels at most, and works on each apart.
    parts = [audio] if design == "rebounce" else np.split(audio, channels)
    squeezed = np.concatenate([compressor(part, rate_hz) for part in parts])
    assert error_db(audio, UndoCompression(design=design, ratio=4)(squeezed, rate_hz)) < -80


def test_what_the_compressor_was_turned_up_by_is_taken_back(music: Audio) -> None:
    squeezed = Dynamics(threshold_db=-30, makeup_db=9)(music, RATE)
    assert error_db(music, UndoCompression(threshold_db=-30, ratio=4, makeup_db=9)(squeezed, RATE)) < -90


@pytest.mark.parametrize("design", ["rebounce", "pedalboard", "expander"])
def test_no_frame_is_turned_up_by_more_than_the_range(music: Audio, design: str) -> None:
    plugin = UndoCompression(design=design, threshold_db=-60, ratio=20, attack_ms=1, range_db=6)
    opened = plugin(music, RATE)
    sounding = np.abs(music) > 1e-3
    gains_db = 20 * np.log10(opened[sounding] / music[sounding])
    assert gains_db.max() == pytest.approx(6, abs=0.01)
    assert gains_db.min() > -0.01
    assert plugin.notes() == ["turned up by up to 6.0 dB what a compressor had turned down"]


def test_what_is_turned_down_in_return_is_told(music: Audio) -> None:
    plugin = UndoCompression(threshold_db=-60, ratio=20, attack_ms=1, range_db=9, makeup_db=4, strength=0.5)
    plugin(music, RATE)
    told = "peaks up by 2.5 dB at most, what is soft down by 2.0 dB at most"
    assert plugin.notes() == [f"opened what a compressor had squeezed: {told}"]


def test_the_expander_gives_a_steady_level_back() -> None:
    loud = np.full((1, RATE), 0.5, dtype=np.float32)
    squeezed = Dynamics(threshold_db=-20, ratio=2)(loud, RATE)
    opened = UndoCompression(design="expander", threshold_db=-20, ratio=2)(squeezed, RATE)
    assert opened[0, -1] == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("design", ["rebounce", "pedalboard", "expander"])
def test_below_the_threshold_samples_are_bit_identical(design: str) -> None:
    audio = tone(200, 60_000, RATE, 0.0999)
    plugin = UndoCompression(design=design, ratio=4)
    np.testing.assert_array_equal(plugin(audio, RATE), audio)
    assert plugin.notes() == []


def test_without_a_ratio_nothing_is_changed_and_that_is_told(music: Audio) -> None:
    plugin = UndoCompression()
    np.testing.assert_array_equal(plugin(music, RATE), music)
    assert plugin.notes() == ["no ratio was given: left alone"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"makeup_db": 6.0}, "turned down by 6.0 dB, and nothing opened"),
        ({"makeup_db": -3.0}, "turned up by 3.0 dB, and nothing opened"),
        ({"makeup_db": 6.0, "ratio": 4.0, "threshold_db": 20.0}, "turned down by 6.0 dB, and nothing opened"),
        ({"makeup_db": 6.0, "strength": 0.5}, "turned down by 3.0 dB, and nothing opened"),
    ],
)
def test_a_level_that_is_all_that_changes_is_told(music: Audio, given: dict[str, Any], told: str) -> None:
    plugin = UndoCompression(**given)
    plugin(music, RATE)
    assert plugin.notes() == [told]


def test_what_it_was_turned_down_by_is_added_to_what_is_told(music: Audio) -> None:
    plugin = UndoCompression(threshold_db=-40, ratio=100, range_db=6, makeup_db=-3)
    restored = plugin(music, RATE)
    most_db = 20 * np.log10(np.abs(restored[music != 0] / music[music != 0]).max())
    assert most_db == pytest.approx(9, abs=0.05)
    assert plugin.notes() == ["turned up by up to 9.0 dB what a compressor had turned down"]


@pytest.mark.parametrize(
    "unset", [{"strength": 0.0, "makeup_db": 3.0}, {"ratio": 1.0}, {"ratio": 4.0, "range_db": 0.0}]
)
def test_with_nothing_to_undo_nothing_changes(music: Audio, unset: dict[str, Any]) -> None:
    np.testing.assert_array_equal(UndoCompression(**unset)(music, RATE), music)


def test_strength_scales_the_gain_in_decibels(music: Audio) -> None:
    squeezed = Dynamics(threshold_db=-30)(music, RATE)
    sounding = np.abs(squeezed) > 1e-3
    full, half = (
        20
        * np.log10(
            UndoCompression(threshold_db=-30, ratio=4, strength=strength)(squeezed, RATE)[sounding] / squeezed[sounding]
        )
        for strength in (1.0, 0.5)
    )
    assert half == pytest.approx(full / 2, abs=1e-3)


@pytest.mark.parametrize("design", ["rebounce", "pedalboard", "expander"])
@given(sizes=st.lists(st.integers(1, 30_000), min_size=1, max_size=4), channels=st.integers(1, 3))
@settings(max_examples=8, deadline=None)
def test_the_output_does_not_depend_on_the_blocks(design: str, sizes: list[int], channels: int) -> None:
    audio, plugin = noise(20_000, channels, channels, 0.2), UndoCompression(design=design, ratio=4)
    whole = plugin(audio, RATE)
    pieces = [plugin.process(piece, RATE, reset=False) for piece in cut(audio, sizes)]
    np.testing.assert_array_equal(np.concatenate([*pieces, plugin.flush()], axis=1), whole)
    assert not np.array_equal(whole, audio)


@pytest.mark.parametrize("design", ["rebounce", "pedalboard", "expander"])
@pytest.mark.parametrize("rate_hz", [8_000, 192_000])
def test_odd_audio_stays_finite(design: str, rate_hz: int) -> None:
    plugin = UndoCompression(design=design, threshold_db=-60, ratio=100, attack_ms=0, release_ms=0, makeup_db=3)
    for audio in (
        np.zeros((2, 5000)),
        np.zeros((2, 0)),
        np.full((2, 1), 10.0),
        np.full((1, 5000), -1e20),
        noise(5000, level=1e-30),
        np.concatenate([noise(5000, level=1e6), np.zeros((2, 5000))], axis=1),
    ):
        result = plugin(audio.astype(np.float32), rate_hz)
        assert result.shape == audio.shape
        assert np.isfinite(result).all()


def test_it_is_saved_with_its_settings(music: Audio) -> None:
    plugin = UndoCompression(design="expander", threshold_db=-33, ratio=3)
    again = UndoCompression.from_dict(plugin.to_dict())
    np.testing.assert_array_equal(again(music, RATE), plugin(music, RATE))
