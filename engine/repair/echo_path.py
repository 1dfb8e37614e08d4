"""What an echo is: the mix again at some delays, each softer, and perhaps duller.

Either one delay that repeats, each echo made from the one before, or delays with a gain each and one low-pass for all.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.errors import ChainError

Floats = NDArray[np.float64]
Response = NDArray[np.complex128]

# A low-pass above this share of the sample rate is none.
HIGHEST_LOWPASS_SHARE = 0.45
# Beyond these nothing is an echo, and an inverse would take for ever.
LATEST_S = 5.0
MOST_REPEATS = 16
# With gains that come to less, a recursion that takes the echo back dies out, wherever its delays lie.
MOST_STABLE_GAIN = 0.98


class Reflection(NamedTuple):
    """One echo: how late, how loud, and how many times it went through the low-pass."""

    delay_s: float
    gain: float
    dulled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoPath:
    """Delays and gains, one each; with `repeats` there is one delay, and the k-th echo has its gain to the k-th."""

    delays_s: tuple[float, ...] = ()
    gains: tuple[float, ...] = ()
    repeats: int = 0
    lowpass_hz: float | None = None

    def __post_init__(self) -> None:
        is_whole = len(self.delays_s) == len(self.gains) and all(0 < delay_s <= LATEST_S for delay_s in self.delays_s)
        is_one = not self.repeats or (len(self.gains) == 1 and abs(self.gains[0]) < 1)
        is_finite = all(map(math.isfinite, self.gains)) and (self.lowpass_hz is None or self.lowpass_hz > 0)
        if not is_whole or not is_one or not is_finite or not 0 <= self.repeats <= MOST_REPEATS:
            raise ChainError(
                f"RemoveEcho: analysis: delays_s = {self.delays_s}, gains = {self.gains}, repeats = {self.repeats}, "
                f"lowpass_hz = {self.lowpass_hz}: expected as many gains as delays above 0 s and up to {LATEST_S:g} s, "
                f"with repeats, at most {MOST_REPEATS}, one delay and one gain below 1, and a low-pass above 0 Hz or "
                "none; delete the analysis to look at the file afresh"
            )

    def reflections(self) -> list[Reflection]:
        """All echoes, one after another."""
        if self.repeats:
            delay_s, gain = self.delays_s[0], self.gains[0]
            return [Reflection(k * delay_s, gain**k, k) for k in range(1, self.repeats + 1)]
        return [Reflection(delay_s, gain, 1) for delay_s, gain in zip(self.delays_s, self.gains, strict=True)]

    def is_causal(self) -> bool:
        """Whether a frame can be freed of its echoes from the frames before it, without an error that grows.

        Repeats come to (1 - r^(n+1)) / (1 - r), whose zeros lie inside the unit circle for every gain below 1.
        """
        if self.repeats:
            return abs(self.gains[0]) < MOST_STABLE_GAIN
        return sum(map(abs, self.gains)) < MOST_STABLE_GAIN

    def response(self, frequencies_hz: Floats, sample_rate_hz: float) -> Response:
        """What the mix goes through, the mix itself included."""
        dull = lowpass_response(self.lowpass_hz, frequencies_hz, sample_rate_hz)
        total = np.ones(frequencies_hz.size, dtype=np.complex128)
        for delay_s, gain, dulled in self.reflections():
            total += gain * dull**dulled * np.exp(-2j * np.pi * delay_s * frequencies_hz)
        return total


def lowpass_response(lowpass_hz: float | None, frequencies_hz: Floats, sample_rate_hz: float) -> Response:
    """6 dB an octave, by the bilinear transform; 1 everywhere where there is none."""
    if lowpass_hz is None or lowpass_hz > HIGHEST_LOWPASS_SHARE * sample_rate_hz:
        return np.ones(frequencies_hz.size, dtype=np.complex128)
    turn = np.tan(np.pi * lowpass_hz / sample_rate_hz)
    back = np.exp(-2j * np.pi * frequencies_hz / sample_rate_hz)
    return np.asarray(turn * (1 + back) / (1 + turn + (turn - 1) * back))


def lowpass_coefficients(lowpass_hz: float | None, sample_rate_hz: float) -> tuple[Floats, Floats] | None:
    """The same filter for a recursion: what rises, and what falls."""
    if lowpass_hz is None or lowpass_hz > HIGHEST_LOWPASS_SHARE * sample_rate_hz:
        return None
    return first_order_lowpass(lowpass_hz, sample_rate_hz)


def first_order_lowpass(cutoff_hz: float, sample_rate_hz: float) -> tuple[Floats, Floats]:
    """pedalboard's LowpassFilter by its formula, 6 dB an octave by the bilinear transform: what rises, what falls."""
    turn = np.tan(np.pi * cutoff_hz / sample_rate_hz)
    return np.array([turn, turn]) / (1 + turn), np.array([1.0, (turn - 1) / (turn + 1)])
