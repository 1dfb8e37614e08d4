"""An echo: the mix again, later and softer, one to a few times; the mix itself is not touched.

What always holds: delays are whole frames, the nearest to what was drawn. Without a low-pass an echo is nothing but
shifted copies, which NumPy adds to the bit; pedalboard's Delay also feeds itself back for ever, and here echoes end.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.faults.echo_undo import without_repeats, without_taps
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.pedalboard_chain import HIGHEST_SHARE_OF_RATE, through_effects
from rebounce.training.faults.ranges import Choice, Pick, Range, Span

REPEATS, TAPS = "repeats", "taps"


class Echo:
    """`repeats` is what comes back from a delay that is fed back: the k-th of `taps` echoes is k times as late, weaker
    by the k-th power of the gain and, if `damped`, k times through the low-pass. `taps` are echoes with a delay and a
    gain of their own, all through the low-pass once."""

    name = "echo"
    about = "the mix again, later and softer"
    ranges: ClassVar[Mapping[str, Range]] = {
        "pattern": Choice(options=(REPEATS, TAPS), drawn=(REPEATS, TAPS)),
        "taps": Span(lowest=1, highest=16, drawn=(1, 5), is_whole=True),
        "delay_ms": Span(lowest=5, highest=5_000, drawn=(60, 500)),
        "gain": Span(lowest=0, highest=0.95, drawn=(0.15, 0.6)),
        "damped": Choice(options=(True, False), drawn=(True, False)),
        "lowpass_hz": Span(lowest=200, highest=20_000, drawn=(1_500, 8_000), is_log=True),
    }

    def draw(self, pick: Pick) -> Parameters:
        """`lowpass_hz` is None where nothing is damped."""
        pattern, taps = pick("pattern"), pick("taps")
        drawn = {"pattern": pattern, "lowpass_hz": pick("lowpass_hz") if pick("damped") else None}
        if pattern == REPEATS:
            return drawn | {"taps": taps, "delay_ms": pick("delay_ms"), "gain": pick("gain")}
        return drawn | {"taps": [{"delay_ms": pick("delay_ms"), "gain": pick("gain")} for _ in range(taps)]}

    def apply(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        lowpass_hz = _lowpass_hz(sample_rate_hz, parameters)
        if parameters["pattern"] == REPEATS:
            return _with_repeats(audio, sample_rate_hz, parameters, lowpass_hz)
        dulled = _dulled(audio, sample_rate_hz, lowpass_hz)
        damaged = audio.copy()
        for delay, gain in _taps(sample_rate_hz, parameters):
            damaged[:, delay:] += np.float32(gain) * dulled[:, : max(0, audio.shape[1] - delay)]
        return damaged

    def undo(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio | None:
        """Repeats can always be taken back; taps for certain where their gains come to less than 1 together."""
        lowpass_hz = _lowpass_hz(sample_rate_hz, parameters)
        lowpass = None if lowpass_hz is None else (lowpass_hz, sample_rate_hz)
        if parameters["pattern"] == REPEATS:
            delay = _frames(parameters["delay_ms"], sample_rate_hz)
            return without_repeats(audio, delay, parameters["gain"], parameters["taps"], lowpass)
        taps = _taps(sample_rate_hz, parameters)
        return without_taps(audio, taps, lowpass) if sum(gain for _, gain in taps) < 1 else None


def _with_repeats(audio: Audio, sample_rate_hz: int, parameters: Parameters, lowpass_hz: float | None) -> Audio:
    delay = _frames(parameters["delay_ms"], sample_rate_hz)
    gain = np.float32(parameters["gain"])
    damaged, repeat = audio.copy(), audio
    for late in range(delay, min(parameters["taps"] * delay + 1, audio.shape[1]), delay):
        repeat = gain * _dulled(repeat[:, : audio.shape[1] - late], sample_rate_hz, lowpass_hz)
        damaged[:, late:] += repeat
    return damaged


def _dulled(audio: Audio, sample_rate_hz: int, lowpass_hz: float | None) -> Audio:
    if lowpass_hz is None:
        return audio
    from pedalboard import LowpassFilter

    return through_effects([LowpassFilter(lowpass_hz)], audio, sample_rate_hz)


def _lowpass_hz(sample_rate_hz: int, parameters: Parameters) -> float | None:
    drawn_hz = parameters["lowpass_hz"]
    return None if drawn_hz is None else min(drawn_hz, HIGHEST_SHARE_OF_RATE * sample_rate_hz)


def _taps(sample_rate_hz: int, parameters: Parameters) -> list[tuple[int, float]]:
    return [(_frames(tap["delay_ms"], sample_rate_hz), tap["gain"]) for tap in parameters["taps"]]


def _frames(delay_ms: float, sample_rate_hz: int) -> int:
    return max(1, round(delay_ms / 1000 * sample_rate_hz))
