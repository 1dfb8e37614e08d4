from typing import Any

import numpy as np
import pytest
from scipy import signal
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.training.faults.echo import Echo
from rebounce.training.faults.fault import apply_fault, draw_fault

RATE_HZ = 48_000


def repeats(**changes: Any) -> dict[str, Any]:
    return {"pattern": "repeats", "taps": 3, "delay_ms": 100.0, "gain": 0.5, "lowpass_hz": None} | changes


def taps(*pairs: tuple[float, float], lowpass_hz: float | None = None) -> dict[str, Any]:
    drawn = [{"delay_ms": delay_ms, "gain": gain} for delay_ms, gain in pairs]
    return {"pattern": "taps", "taps": drawn, "lowpass_hz": lowpass_hz}


def response(parameters: dict[str, Any], frames: int = 24_001, sample_rate_hz: int = RATE_HZ) -> Audio:
    """What comes of an impulse in the left channel."""
    impulse = np.zeros((2, frames), dtype=np.float32)
    impulse[0, 0] = 1
    return apply_fault(Echo(), impulse, sample_rate_hz, parameters)


def one_pole(cutoff_hz: float, sample_rate_hz: float = RATE_HZ) -> Any:
    return signal.butter(1, cutoff_hz, fs=sample_rate_hz)


def test_repeats_are_multiples_of_the_delay_and_powers_of_the_gain_and_end() -> None:
    expected = np.zeros((2, 24_001), dtype=np.float32)
    expected[0, [0, 4_800, 9_600, 14_400]] = [1, 0.5, 0.25, 0.125]
    np.testing.assert_array_equal(response(repeats()), expected)


def test_taps_have_a_delay_and_a_gain_of_their_own_and_add_up() -> None:
    expected = np.zeros((2, 24_001), dtype=np.float32)
    expected[0, [0, 3_000, 24_000]] = [1, 0.75, 0.2]
    drawn = taps((62.5, 0.5), (500, 0.2), (62.5, 0.25))
    np.testing.assert_allclose(response(drawn), expected, atol=1e-7)


@pytest.mark.parametrize("sample_rate_hz", [8_000, 44_100, 96_000])
def test_a_delay_is_the_nearest_whole_frame(sample_rate_hz: int) -> None:
    parameters = repeats(taps=1, delay_ms=123.456)
    heard = response(parameters, frames=sample_rate_hz, sample_rate_hz=sample_rate_hz)
    assert list(np.flatnonzero(heard[0])) == [0, round(0.123456 * sample_rate_hz)]


def test_each_repeat_goes_through_the_low_pass_once_more() -> None:
    rising, falling = one_pole(2_000)
    expected = np.zeros(24_001)
    expected[0] = 1
    repeat = expected
    for _ in range(3):
        repeat = 0.5 * np.concatenate([np.zeros(4_800), signal.lfilter(rising, falling, repeat)[:-4_800]])
        expected = expected + repeat
    np.testing.assert_allclose(response(repeats(lowpass_hz=2_000.0))[0], expected, atol=1e-6)


def test_taps_go_through_the_low_pass_once() -> None:
    impulse = np.zeros(24_001)
    impulse[0] = 1
    dulled = signal.lfilter(*one_pole(3_000), impulse)
    expected = impulse.copy()
    expected[4_800:] += 0.5 * dulled[:-4_800]
    expected[9_600:] += 0.2 * dulled[:-9_600]
    heard = response(taps((100, 0.5), (200, 0.2), lowpass_hz=3_000))
    np.testing.assert_allclose(heard[0], expected, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 2, 4_800, 4_801, 9_599])
@pytest.mark.parametrize("parameters", [repeats(lowpass_hz=1_500.0), taps((100, 0.5), (150, 0.3), lowpass_hz=1_500)])
def test_a_piece_shorter_than_the_echoes_is_the_beginning_of_a_longer_one(
    frames: int, parameters: dict[str, Any]
) -> None:
    audio = noise(20_000)
    whole = apply_fault(Echo(), audio, RATE_HZ, parameters)
    np.testing.assert_allclose(
        apply_fault(Echo(), audio[:, :frames], RATE_HZ, parameters), whole[:, :frames], atol=1e-7
    )


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("sample_rate_hz", [8_000, 44_100])
@pytest.mark.parametrize(
    "parameters",
    [
        repeats(taps=1, gain=0.95),
        repeats(taps=5, gain=0.6, lowpass_hz=8_000.0),
        repeats(taps=16, gain=0.9, delay_ms=5.0, lowpass_hz=200.0),
        taps((60, 0.4), (61, 0.3), (477.7, 0.25)),
        taps((60, 0.4), (5, 0.55), lowpass_hz=20_000),
    ],
)
def test_undone_it_is_the_input_again(channels: int, sample_rate_hz: int, parameters: dict[str, Any]) -> None:
    audio = noise(12_345, channels, level=0.3)
    damaged = apply_fault(Echo(), audio, sample_rate_hz, parameters)
    assert np.abs(damaged - audio).max() > 0.1
    undone = Echo().undo(damaged, sample_rate_hz, parameters)
    assert undone is not None
    np.testing.assert_allclose(undone, audio, atol=1e-5)


def test_taps_that_may_not_be_invertible_are_not_undone() -> None:
    assert Echo().undo(noise(100), RATE_HZ, taps((60, 0.5), (70, 0.5))) is None


def test_it_draws_both_patterns_damped_or_not_within_its_ranges() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_fault(Echo(), rng) for _ in range(200)]
    assert {(item["pattern"], item["lowpass_hz"] is None) for item in drawn} == {
        (pattern, is_bright) for pattern in ("repeats", "taps") for is_bright in (True, False)
    }
    echoes = [tap for item in drawn for tap in (item["taps"] if item["pattern"] == "taps" else [item])]
    assert all(60 <= echo["delay_ms"] <= 500 and 0.15 <= echo["gain"] <= 0.6 for echo in echoes)
    assert all(1_500 <= item["lowpass_hz"] <= 8_000 for item in drawn if item["lowpass_hz"])
    counts = {item["taps"] if item["pattern"] == "repeats" else len(item["taps"]) for item in drawn}
    assert counts == {1, 2, 3, 4, 5}
