"""The rise meter hears what a repair turned up: a third of an octave of the whole, or a channel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.repair.rise_meter import RiseMeter

RATE = 44_100


def largest_db(before: Audio, after: Audio, sizes: tuple[int, ...] = (50_000,), rate_hz: int = RATE) -> float:
    meter = RiseMeter(rate_hz, len(before))
    for block in cut(before, list(sizes)):
        meter.before(block)
    for block in cut(after, list(sizes)[::-1]):
        meter.after(block)
    return meter.largest_db()


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("gain_db", [0.0, 4.0, 12.0])
def test_a_gain_is_a_rise_by_its_decibels(gain_db: float, rate_hz: int) -> None:
    before = noise(2 * rate_hz)
    assert largest_db(before, before * np.float32(10 ** (gain_db / 20)), rate_hz=rate_hz) == pytest.approx(
        gain_db, abs=0.02
    )


def test_one_third_that_rises_is_heard_among_others_that_fall() -> None:
    hum = tone(50, 4 * RATE, RATE, 0.1)
    assert largest_db(noise(4 * RATE) + hum, 0.5 * noise(4 * RATE) + 2 * hum) == pytest.approx(6.0, abs=0.3)


def test_a_silent_channel_that_sounds_has_risen_far() -> None:
    before = noise(RATE) * np.array([[1], [0]], dtype=np.float32)
    assert largest_db(before, before[[0, 0]]) > 40


def test_silence_has_not_risen_and_nothing_has_no_level() -> None:
    silence = np.zeros((2, RATE), dtype=np.float32)
    assert largest_db(silence, silence) == 0
    assert largest_db(silence[:, :0], silence[:, :0]) == 0


@settings(deadline=None, max_examples=10)
@given(sizes=st.lists(st.integers(500, 60_000), min_size=1, max_size=4))
def test_the_size_of_the_blocks_does_not_matter(sizes: list[int]) -> None:
    before, after = noise(100_000), noise(100_000, seed=3)
    assert largest_db(before, after, tuple(sizes)) == largest_db(before, after, (100_000,))
