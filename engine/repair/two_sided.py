"""Takes back what a mix went through where that has no inverse that dies out, but one that also needs what comes later.

Made in the frequency domain, with context on both sides, on a grid fixed from the first frame.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.audio import Audio
from rebounce.engine.repair.black import is_black
from rebounce.engine.stream import Timing

Samples = NDArray[np.float32]
Floats = NDArray[np.float64]

BLOCK_SECONDS = 12.0
# An inverse that looks both ways rings for some seconds, the longer the nearer the echoes come to silencing a tone.
CONTEXT_SECONDS = 12.0
# How deep a notch is filled, as power: below this it is mostly error.
LEAST_POWER = 3e-3
# The last echoes of a file are cut off with it, but the inverse asks for them: they are made from what it gave, and it
# is asked again. On 20-s pieces this is worth 2 dB.
TAIL_ROUNDS = 6
# Further before the end nothing changes that would be heard.
TAIL_REACH_S = 4.0


def two_sided_timing(sample_rate_hz: float) -> Timing:
    """How the audio is cut for `TwoSided`."""
    context = round(CONTEXT_SECONDS * sample_rate_hz)
    return Timing(block_frames=round(BLOCK_SECONDS * sample_rate_hz), before_frames=context, after_frames=context)


class TwoSided:
    """Divides the spectrum of a long window by a response, its notches apart.

    `response_at` gives the response at frequencies in Hz, what goes straight through included.
    """

    def __init__(self, response_at: Callable[[Floats], NDArray[np.complexfloating]], sample_rate_hz: float) -> None:
        timing = two_sided_timing(sample_rate_hz)
        self._rate_hz = sample_rate_hz
        self._size = fft.next_fast_len(timing.window_frames, real=True)
        self.frequencies_hz = fft.rfftfreq(self._size, 1 / sample_rate_hz)
        response = response_at(self.frequencies_hz)
        power = np.square(response.real) + np.square(response.imag)
        self._response = response.astype(np.complex64)
        self._inverse = (np.conj(response) / (power + LEAST_POWER)).astype(np.complex64)
        self.inner = slice(timing.before_frames, timing.before_frames + timing.block_frames)
        self._last_tail = self.inner.stop + round(TAIL_REACH_S * sample_rate_hz)

    def __call__(self, window: Audio) -> Audio:
        """The block in the middle of the window, each channel by itself."""
        end = end_of(window)
        block = window[:, self.inner]
        if end == 0:
            return block
        clean = np.stack([self.freed(samples, end)[self.inner] for samples in window])
        return np.where(self.is_black(window), block, clean)

    def is_black(self, window: Audio) -> NDArray[np.bool_]:
        """Which frames of the block in the middle are to stay as they came."""
        return is_black(window, self._rate_hz)[self.inner]

    def freed(self, samples: Samples, end: int) -> Samples:
        """All of the samples without what was added, and some; from `end` on there is nothing but zeros."""
        padded = np.zeros(self._size, dtype=np.float32)
        padded[: samples.size] = samples
        freed = self.through(padded, self._inverse)
        if end < min(samples.size, self._last_tail):
            for _ in range(TAIL_ROUNDS):
                freed[end:] = 0
                padded[end:] = self.through(freed, self._response)[end:]
                freed = self.through(padded, self._inverse)
        return freed

    def through(self, samples: Samples, response: NDArray[np.complex64]) -> Samples:
        """What a response at `frequencies_hz` makes of what `freed` gave."""
        made: Samples = fft.irfft(fft.rfft(samples) * response, self._size)
        return made


def end_of(window: Audio) -> int:
    """From where on there is nothing but zeros."""
    sounding = np.flatnonzero(window.any(axis=0))
    return int(sounding[-1]) + 1 if sounding.size else 0
