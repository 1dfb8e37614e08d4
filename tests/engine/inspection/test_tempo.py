"""The beat is found from when sounds begin, and a delay is on its grid or not."""

import numpy as np
import pytest
from signals import cut, noise

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.tempo import Beats, Rhythm

RATE = 16_000


def drummed(bpm: float, seconds: float = 14.0, rate_hz: int = RATE) -> Audio:
    """A burst of noise on each beat, and a softer one between."""
    frames = round(seconds * rate_hz)
    times = np.arange(frames) / rate_hz
    beat_s = 60 / bpm
    envelope = np.exp(-(times % beat_s) / 0.03) + 0.4 * np.exp(-((times + beat_s / 2) % beat_s) / 0.02)
    return noise(frames, level=0.1) * envelope.astype(np.float32)


def beats_of(audio: Audio, sizes: list[int], rate_hz: int = RATE) -> Beats:
    rhythm = Rhythm(rate_hz)
    for block in cut(audio, sizes):
        rhythm.see(block)
    return rhythm.beats()


@pytest.mark.parametrize("bpm", [84.0, 97.3, 120.0, 155.0])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_a_beat_and_half_of_one_are_on_the_grid_that_is_found_and_delays_nearby_are_not(
    bpm: float, rate_hz: int
) -> None:
    beats = beats_of(drummed(bpm, rate_hz=rate_hz), [rate_hz], rate_hz)
    for delay_s in (60 / bpm, 30 / bpm):
        assert beats.on_grid(delay_s) is not None
        assert beats.on_grid(delay_s * 1.015) is None


def test_what_has_no_beat_gets_none() -> None:
    assert beats_of(noise(14 * RATE), [RATE]).lengths_s == ()
    assert beats_of(np.zeros((2, 14 * RATE), dtype=np.float32), [RATE]).lengths_s == ()
    assert beats_of(noise(100), [100]).lengths_s == ()


def test_blocks_of_any_length_give_the_same_beat() -> None:
    audio = drummed(113)
    assert beats_of(audio, [audio.shape[1]]) == beats_of(audio, [1_001, 17, 40_000])


@pytest.mark.parametrize("delay_s", [0.125, 0.25, 0.375, 0.5, 1 / 6, 1 / 3, 0.3753])
def test_sixteenths_and_triplets_are_on_the_grid(delay_s: float) -> None:
    assert Beats(lengths_s=(0.41, 0.5)).on_grid(delay_s) == 0.5


@pytest.mark.parametrize("delay_s", [0.06, 0.14, 0.2, 0.29, 0.4, 0.45, 0.378])
def test_other_delays_are_not(delay_s: float) -> None:
    assert Beats(lengths_s=(0.5,)).on_grid(delay_s) is None
    assert Beats(lengths_s=()).on_grid(delay_s) is None
