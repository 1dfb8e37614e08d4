"""The streaming core, proven with plugins whose result is known."""

from typing import Any

import numpy as np
import pytest
from doubles import Delay, Smooth, Swallows, Withholds
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise

from rebounce.engine.audio import Audio
from rebounce.engine.errors import PluginError, UsageError
from rebounce.engine.plugin import Plugin

LENGTHS = [0, 1, 2, 319, 8191, 8192, 8193, 47_519, 48_001]


def streamed(plugin: Plugin, audio: Audio, sizes: list[int]) -> Audio:
    parts = [plugin.process(piece, 48_000, reset=False) for piece in cut(audio, sizes)]
    return np.concatenate([np.zeros((len(audio), 0), np.float32), *parts, plugin.flush()], axis=1)


@pytest.mark.parametrize("frames", LENGTHS)
@pytest.mark.parametrize("latency", [0, 1, 37, 8192, 20_000])
def test_a_declared_delay_comes_out_in_place_and_in_full(frames: int, latency: int) -> None:
    audio = noise(frames)
    assert np.array_equal(Delay(frames=latency)(audio, 48_000), audio)


@pytest.mark.parametrize("frames", LENGTHS)
def test_frames_held_back_are_pushed_out_with_silence(frames: int) -> None:
    audio = noise(frames)
    assert np.array_equal(Withholds()(audio, 48_000), audio)


@settings(max_examples=25, deadline=None)
@given(frames=st.integers(1, 30_000), sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=5))
def test_the_block_size_does_not_matter(frames: int, sizes: list[int]) -> None:
    audio = noise(frames)
    for plugin in (Delay(frames=500), Smooth(), Withholds()):
        assert np.array_equal(streamed(plugin, audio, sizes), plugin(audio, 48_000))


def test_context_is_the_audio_on_both_sides_and_silence_beyond_the_ends() -> None:
    audio = noise(1234, channels=1)
    padded = np.pad(audio[0], (13, 5))
    expected = np.convolve(padded, np.full(19, 1 / 19), mode="valid")
    assert np.abs(Smooth()(audio, 48_000)[0] - expected).max() < 1e-6


def test_a_plugin_that_gives_nothing_back_is_an_error_and_not_a_hang() -> None:
    with pytest.raises(PluginError, match="Swallows: expected 100 frames back, but 100 never came out"):
        Swallows()(noise(100), 48_000)


def test_a_caller_may_use_its_block_again() -> None:
    audio, buffer, smooth = noise(20_000), np.zeros((2, 100), np.float32), Smooth()
    parts = []
    for piece in cut(audio, [100]):
        buffer[:] = piece
        parts.append(smooth.process(buffer, 48_000, reset=False))
    assert np.array_equal(np.concatenate([*parts, smooth.flush()], axis=1), Smooth()(audio, 48_000))


def test_after_flush_the_plugin_starts_afresh() -> None:
    plugin, audio = Delay(frames=100), noise(5000)
    first = streamed(plugin, audio, [777])
    assert np.array_equal(streamed(plugin, audio, [1000]), first)


def test_changing_the_shape_in_mid_stream_is_an_error() -> None:
    plugin = Delay()
    plugin.process(noise(10), 48_000, reset=False)
    with pytest.raises(UsageError, match=r"this block has \(48000\.0, 1\)"):
        plugin.process(noise(10, channels=1), 48_000, reset=False)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros((441_000, 2), np.float32), r"channels-last - pass x\.T"),
        (np.zeros((2, 3, 4), np.float32), r"expected audio of shape \(channels, frames\), got \(2, 3, 4\)"),
        (np.zeros((2, 10), np.int16), "expected floating-point audio, got int16"),
        (np.array(["a"]), "expected an array of numbers"),
    ],
)
def test_audio_of_another_shape_or_type_is_explained(audio: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Delay()(audio, 48_000)


@pytest.mark.parametrize("rate", [0, 7_999, 192_001, float("nan")])
def test_a_rate_outside_8_to_192_khz_is_refused(rate: float) -> None:
    with pytest.raises(UsageError, match="expected 8000 to 192000 Hz"):
        Delay()(noise(10), rate)


def test_one_dimension_is_one_channel() -> None:
    assert Delay()(noise(100)[0], 48_000).shape == (100,)


def test_what_comes_back_is_the_callers_own() -> None:
    audio = noise(100)
    made = Delay(frames=0)(audio, 48_000)
    made[:] = 0
    assert audio.any()
