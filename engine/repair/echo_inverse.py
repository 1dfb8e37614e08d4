"""The ways back from an echo, as kernels for the streaming core.

Where the echoes are soft enough together, a frame of the mix is the frame that came less the echoes of frames already
known: exact, and in blocks no longer than the shortest delay. Louder ones have no such inverse that dies out, but one
that also needs what comes later; that one is made in the frequency domain, with context on both sides.
Both work on a grid fixed from the first frame; the recursion is float64 inside, as its errors come back to it.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.audio import Audio
from rebounce.engine.repair.echo_path import EchoPath, Floats, lowpass_coefficients
from rebounce.engine.stream import Kernel, Timing

Samples = NDArray[np.float32]

# A delay this near to a whole frame is one: what made the echo was digital.
WHOLE_FRAMES = 0.15
# The taps of a fraction of a frame, on each side.
SINC_SIDE = 16

BLOCK_SECONDS = 12.0
# An inverse that looks both ways rings for some seconds, the longer the nearer the echoes come to silencing a tone.
CONTEXT_SECONDS = 12.0
# How deep a notch of the echo is filled, as power: below this it is mostly error.
LEAST_POWER = 3e-3
# The last echoes of a file are cut off with it, but the inverse asks for them: they are made from what it gave, and it
# is asked again. On 20-s pieces this is worth 2 dB.
TAIL_ROUNDS = 6
# Further before the end nothing changes that would be heard.
TAIL_REACH_S = 4.0


def timing_of(path: EchoPath, sample_rate_hz: float) -> Timing:
    """How the audio is cut for `inverse_of`."""
    if path.is_causal():
        return Timing(block_frames=_shortest_reach(path, sample_rate_hz))
    context = round(CONTEXT_SECONDS * sample_rate_hz)
    return Timing(block_frames=round(BLOCK_SECONDS * sample_rate_hz), before_frames=context, after_frames=context)


def inverse_of(path: EchoPath, sample_rate_hz: float, channels: int) -> Kernel:
    """Takes the echo back."""
    if path.is_causal():
        return _Recursion(path, sample_rate_hz, channels)
    return _TwoSided(path, sample_rate_hz)


class _Recursion:
    """Keeps what was freed of echoes, dulled once, twice and so on, for as long as the longest delay needs."""

    def __init__(self, path: EchoPath, sample_rate_hz: float, channels: int) -> None:
        step = _shortest_reach(path, sample_rate_hz)
        self._taps: list[tuple[int, int, Floats]] = []
        for delay_s, gain, dulled in path.reflections():
            late, kernel = _fractional(delay_s * sample_rate_hz)
            self._taps.append((dulled, late, gain * kernel))
        reach = max(late + kernel.size for _, late, kernel in self._taps)
        self._held = np.zeros((max(tap[0] for tap in self._taps) + 1, channels, reach + step))
        self._filters = [_lowpass(path, sample_rate_hz, channels) for _ in range(len(self._held) - 1)]

    def __call__(self, block: Audio) -> Audio:
        frames = block.shape[1]
        end = self._held.shape[2]
        clean = block.astype(np.float64)
        for dulled, late, kernel in self._taps:
            for number, weight in enumerate(kernel):
                start = end - late - number
                clean -= weight * self._held[dulled, :, start : start + frames]
        self._held[:, :, :-frames] = self._held[:, :, frames:].copy()
        dull = clean
        for order, held in enumerate(self._held):
            dull = self._filters[order - 1](dull) if order else clean
            held[:, -frames:] = dull
        return clean.astype(np.float32)


class _TwoSided:
    """Divides the spectrum of a long window by that of the echo, notches apart."""

    def __init__(self, path: EchoPath, sample_rate_hz: float) -> None:
        self._context = round(CONTEXT_SECONDS * sample_rate_hz)
        timing = timing_of(path, sample_rate_hz)
        self._size = fft.next_fast_len(timing.window_frames, real=True)
        frequencies_hz = fft.rfftfreq(self._size, 1 / sample_rate_hz)
        response = path.response(frequencies_hz, sample_rate_hz)
        power = np.square(response.real) + np.square(response.imag)
        self._response = response.astype(np.complex64)
        self._inverse = (np.conj(response) / (power + LEAST_POWER)).astype(np.complex64)
        self._last_tail = timing.window_frames - self._context + round(TAIL_REACH_S * sample_rate_hz)

    def __call__(self, window: Audio) -> Audio:
        inner = slice(self._context, window.shape[1] - self._context)
        sounding = np.flatnonzero(window.any(axis=0))
        end = int(sounding[-1]) + 1 if sounding.size else 0
        clean = np.zeros((window.shape[0], inner.stop - inner.start), dtype=np.float32)
        if end > 0:
            for channel, samples in enumerate(window):
                clean[channel] = self._freed(samples, end)[inner]
        return clean

    def _freed(self, samples: Samples, end: int) -> Samples:
        """The samples without echoes; from `end` on there is nothing but zeros."""
        padded = np.zeros(self._size, dtype=np.float32)
        padded[: samples.size] = samples
        freed = self._through(padded, self._inverse)
        if end < min(samples.size, self._last_tail):
            for _ in range(TAIL_ROUNDS):
                freed[end:] = 0
                padded[end:] = self._through(freed, self._response)[end:]
                freed = self._through(padded, self._inverse)
        return freed

    def _through(self, samples: Samples, response: NDArray[np.complex64]) -> Samples:
        made: Samples = fft.irfft(fft.rfft(samples) * response, self._size)
        return made


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
