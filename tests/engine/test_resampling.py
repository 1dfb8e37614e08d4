"""Resampling against sines in closed form: level, place, length, and what must not be there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.engine.resampling import Resampler, resample_blocks, resampled_frames

PAIRS = [
    (44_100, 48_000),
    (48_000, 44_100),
    (96_000, 44_100),
    (44_100, 192_000),
    (192_000, 8_000),
    (8_000, 48_000),
    (32_000, 44_100),
    (44_100, 47_999),
]


def resampled(audio: Audio, from_hz: int, to_hz: int, sizes: list[int] | None = None) -> Audio:
    blocks = cut(audio, sizes) if sizes else [audio]
    return np.concatenate(list(resample_blocks(blocks, from_hz, to_hz, audio.shape[1])), axis=1)


def wave(frequency_hz: float, seconds: float, rate_hz: int) -> Audio:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.cos(2 * np.pi * frequency_hz * times + 0.3)[np.newaxis].astype(np.float32)


def decibels(error: Audio, reference: Audio) -> float:
    return float(10 * np.log10(np.mean(np.square(error, dtype=np.float64)) / np.mean(reference**2) + 1e-30))


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
@pytest.mark.parametrize("share", [0.001, 0.1, 0.3, 0.45])
def test_a_sine_stays_the_same_sine(from_hz: int, to_hz: int, share: float) -> None:
    frequency_hz = share * min(from_hz, to_hz)
    got = resampled(wave(frequency_hz, 0.6, from_hz), from_hz, to_hz)
    expected = wave(frequency_hz, 0.6, to_hz)
    inner = slice(to_hz // 10, -(to_hz // 10))
    error = (got[:, : expected.shape[1]] - expected[:, : got.shape[1]])[:, inner]
    assert decibels(error, expected[:, inner]) < -120


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS if pair[1] < pair[0]])
def test_what_the_lower_rate_cannot_hold_is_gone(from_hz: int, to_hz: int) -> None:
    tone = wave(min(0.55 * to_hz, 0.499 * from_hz), 0.6, from_hz)
    got = resampled(tone, from_hz, to_hz)[:, to_hz // 10 : -(to_hz // 10)]
    assert decibels(got, tone) < -110


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS if pair[1] > pair[0]])
def test_nothing_appears_above_the_old_band(from_hz: int, to_hz: int) -> None:
    got = resampled(noise(from_hz, 1), from_hz, to_hz)[0]
    power = np.abs(np.fft.rfft(got * np.blackman(got.size))) ** 2
    above = int(np.ceil(0.5 * from_hz / to_hz * got.size)) + 5
    assert 10 * np.log10(power[above:].mean() / power[:above].mean()) < -110


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_direct_current_keeps_its_level(from_hz: int, to_hz: int) -> None:
    got = resampled(np.full((2, from_hz // 2), 0.25, dtype=np.float32), from_hz, to_hz)
    np.testing.assert_allclose(got[:, to_hz // 10 : -(to_hz // 10)], 0.25, atol=1e-6)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(44_100, 48_000), (48_000, 44_100), (48_000, 96_000), (96_000, 48_000)])
def test_a_pulse_stays_at_its_place(from_hz: int, to_hz: int) -> None:
    period = from_hz // np.gcd(from_hz, to_hz)
    at = period * (30_000 // period)
    pulse = np.zeros((1, 2 * at + 1), dtype=np.float32)
    pulse[0, at] = 1
    got = resampled(pulse, from_hz, to_hz)[0]
    centre = at * to_hz // from_hz
    assert np.argmax(got) == centre
    np.testing.assert_allclose(got[centre + 1 : centre + 200], got[centre - 199 : centre][::-1], atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    frames=st.sampled_from([0, 1, 2, 319, 4_801, 47_519]) | st.integers(0, 20_000),
    rates=st.sampled_from([(44_100, 48_000), (48_000, 44_100), (44_100, 8_000), (8_000, 11_025), (48_000, 47_000)]),
)
def test_the_length_is_exact(frames: int, rates: tuple[int, int]) -> None:
    resampler = Resampler(*rates, channels=2)
    audio = noise(frames)
    got = np.concatenate([resampler.push(audio), resampler.finish()], axis=1)
    assert got.shape == (2, round(frames * rates[1] / rates[0]))
    assert resampled_frames(frames, *rates) == got.shape[1]


@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9_000), min_size=1, max_size=3),
    rates=st.sampled_from([(44_100, 48_000), (96_000, 44_100), (8_000, 48_000)]),
)
def test_the_block_size_does_not_matter(sizes: list[int], rates: tuple[int, int]) -> None:
    audio = noise(30_011)
    np.testing.assert_array_equal(resampled(audio, *rates, sizes), resampled(audio, *rates))


def test_the_same_rate_changes_nothing() -> None:
    audio = noise(5_000)
    np.testing.assert_array_equal(resampled(audio, 48_000, 48_000, [319]), audio)


def test_silence_stays_silent_and_channels_stay_apart() -> None:
    audio = np.stack([np.zeros(20_000, dtype=np.float32), noise(20_000, 1)[0]])
    got = resampled(audio, 44_100, 48_000)
    assert not got[0].any()
    np.testing.assert_allclose(got[1], resampled(audio[1:], 44_100, 48_000)[0], atol=1e-6)


def test_a_source_of_another_length_is_an_error() -> None:
    with pytest.raises(UsageError, match="expected 100 frames, got 99"):
        list(resample_blocks([noise(99)], 44_100, 48_000, 100))


@pytest.mark.parametrize("rate_hz", [7_999, 192_001, 44_100.5])
def test_a_rate_that_is_not_handled_is_an_error(rate_hz: float) -> None:
    with pytest.raises(UsageError, match="expected a whole number from 8000 to 192000 Hz"):
        Resampler(rate_hz, 48_000, 1)  # type: ignore[arg-type]
