"""Takes an echo back by the recursion that made it impossible to hear where it came from.

A frame of the mix is the frame that came, less its echoes; those are of frames already known. So it goes in blocks of
the shortest delay. It is stable where the echo is a filter of minimum phase, and only then may these be called: repeats
are for every gain below 1, since their sum is (1 - r^(n+1)) / (1 - r) with |r| < 1 on and outside the unit circle, and
so are taps whose gains come to less than 1 together.
"""

from collections.abc import Callable, Sequence

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.repair.echo_path import first_order_lowpass

Lowpass = tuple[float, int] | None
"""Cut-off and sample rate in Hz; None where nothing is damped."""


def without_repeats(audio: Audio, delay: int, gain: float, count: int, lowpass: Lowpass) -> Audio:
    """The audio `(channels, frames)` without `count` echoes, each of the one before: later, weaker, duller."""
    filters = [_filter(lowpass, audio.shape[0]) for _ in range(count)]
    clean = np.empty_like(audio)
    repeats = [np.zeros((audio.shape[0], delay), dtype=np.float32) for _ in range(count)]
    for start in range(0, audio.shape[1], delay):
        block = audio[:, start : start + delay].copy()
        for repeat in repeats:
            block -= repeat[:, : block.shape[1]]
        clean[:, start : start + delay] = block
        repeats = [
            np.float32(gain) * dulled(before) for dulled, before in zip(filters, [block, *repeats[:-1]], strict=True)
        ]
    return clean


def without_taps(audio: Audio, taps: Sequence[tuple[int, float]], lowpass: Lowpass) -> Audio:
    """The audio `(channels, frames)` without echoes of these delays and gains, all through the low-pass once."""
    step = min(delay for delay, _ in taps)
    dulled = _filter(lowpass, audio.shape[0])
    clean, dull = audio.copy(), np.empty_like(audio)
    for start in range(0, audio.shape[1], step):
        block = clean[:, start : start + step]
        for delay, gain in taps:
            echoed = dull[:, max(0, start - delay) : max(0, start - delay + block.shape[1])]
            block[:, block.shape[1] - echoed.shape[1] :] -= np.float32(gain) * echoed
        dull[:, start : start + step] = dulled(block)
    return clean


def _filter(lowpass: Lowpass, channels: int) -> Callable[[Audio], Audio]:
    """pedalboard's LowpassFilter by its formula, block after block: 6 dB an octave, by the bilinear transform."""
    if lowpass is None:
        return lambda block: block
    from scipy import signal

    rising, falling = first_order_lowpass(*lowpass)
    state = np.zeros((channels, 1))

    def dulled(block: Audio) -> Audio:
        made, state[:] = signal.lfilter(rising, falling, block, axis=1, zi=state)
        return np.asarray(made, dtype=np.float32)

    return dulled
