"""The ways back from an echo, as kernels for the streaming core.

Where the echoes are soft enough together, a frame of the mix is the frame that came less the echoes of frames already
known: exact, and in blocks no longer than the shortest delay. Louder ones have no such inverse that dies out, but one
that also needs what comes later (see `two_sided`). Either leaves what is black as it came.
Both work on a grid fixed from the first frame; the recursion is float64 inside, as its errors come back to it.
"""

from collections.abc import Callable

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.repair.black import is_black, reach_frames
from rebounce.engine.repair.echo_path import EchoPath, Floats, lowpass_coefficients
from rebounce.engine.repair.two_sided import TwoSided, two_sided_timing
from rebounce.engine.stream import Kernel, Timing

# A delay this near to a whole frame is one: what made the echo was digital.
WHOLE_FRAMES = 0.15
# The taps of a fraction of a frame, on each side.
SINC_SIDE = 16


def timing_of(path: EchoPath, sample_rate_hz: float) -> Timing:
    """How the audio is cut for `inverse_of`."""
    if path.is_causal():
        context = reach_frames(sample_rate_hz)
        return Timing(block_frames=_shortest_reach(path, sample_rate_hz), before_frames=context, after_frames=context)
    return two_sided_timing(sample_rate_hz)


def inverse_of(path: EchoPath, sample_rate_hz: float, channels: int) -> Kernel:
    """Takes the echo back."""
    if path.is_causal():
        return _Recursion(path, sample_rate_hz, channels)
    return TwoSided(lambda frequencies_hz: path.response(frequencies_hz, sample_rate_hz), sample_rate_hz)


class _Recursion:
    """Keeps what was freed of echoes, dulled once, twice and so on, for as long as the longest delay needs."""

    def __init__(self, path: EchoPath, sample_rate_hz: float, channels: int) -> None:
        step, context = _shortest_reach(path, sample_rate_hz), reach_frames(sample_rate_hz)
        self._rate_hz = sample_rate_hz
        self._inner = slice(context, context + step)
        self._taps: list[tuple[int, int, Floats]] = []
        for delay_s, gain, dulled in path.reflections():
            late, kernel = _fractional(delay_s * sample_rate_hz)
            self._taps.append((dulled, late, gain * kernel))
        reach = max(late + kernel.size for _, late, kernel in self._taps)
        self._held = np.zeros((max(tap[0] for tap in self._taps) + 1, channels, reach + step))
        self._filters = [_lowpass(path, sample_rate_hz, channels) for _ in range(len(self._held) - 1)]

    def __call__(self, window: Audio) -> Audio:
        block = window[:, self._inner]
        frames = block.shape[1]
        end = self._held.shape[2]
        clean = block.astype(np.float64)
        for dulled, late, kernel in self._taps:
            for number, weight in enumerate(kernel):
                start = end - late - number
                clean -= weight * self._held[dulled, :, start : start + frames]
        clean = np.where(is_black(window, self._rate_hz)[self._inner], block, clean)
        self._held[:, :, :-frames] = self._held[:, :, frames:].copy()
        dull = clean
        for order, held in enumerate(self._held):
            dull = self._filters[order - 1](dull) if order else clean
            held[:, -frames:] = dull
        return clean.astype(np.float32)


def _shortest_reach(path: EchoPath, sample_rate_hz: float) -> int:
    """How many frames can be freed at once: those whose echoes all come from frames already free."""
    return min(_fractional(delay_s * sample_rate_hz)[0] for delay_s, _, _ in path.reflections())


def _fractional(delay_frames: float) -> tuple[int, Floats]:
    """A delay as whole frames and what to convolve with after them: a windowed sinc, or 1 for a whole delay."""
    whole = round(delay_frames)
    if abs(delay_frames - whole) < WHOLE_FRAMES or whole <= 2 * SINC_SIDE:
        return max(1, whole), np.ones(1)
    first = int(delay_frames) - SINC_SIDE + 1
    places = np.arange(2 * SINC_SIDE, dtype=np.float64) + (first - delay_frames)
    kernel = np.sinc(places) * np.cos(np.pi * places / (2 * SINC_SIDE + 2)) ** 2
    return first, kernel / kernel.sum()


def _lowpass(path: EchoPath, sample_rate_hz: float, channels: int) -> Callable[[Floats], Floats]:
    coefficients = lowpass_coefficients(path.lowpass_hz, sample_rate_hz)
    if coefficients is None:
        return lambda block: block
    from scipy import signal

    rising, falling = coefficients
    state = np.zeros((channels, 1))

    def dulled(block: Floats) -> Floats:
        made, state[:] = signal.lfilter(rising, falling, block, axis=1, zi=state)
        return np.asarray(made)

    return dulled
