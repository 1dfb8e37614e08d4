"""Signals that tests share."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio


def noise(frames: int, channels: int = 2, seed: int = 0, level: float = 0.1) -> Audio:
    """White noise."""
    values = np.random.default_rng(seed).standard_normal((channels, frames)) * level
    return values.astype(np.float32)


def tone(frequency_hz: float, frames: int, sample_rate_hz: float = 44_100.0, level: float = 0.5) -> Audio:
    """One sine in both channels."""
    wave = level * np.sin(2 * np.pi * frequency_hz * np.arange(frames) / sample_rate_hz)
    return np.stack([wave, wave]).astype(np.float32)


def likeness(audio: Audio, other: Audio) -> NDArray[np.float64]:
    """The cross-correlation of the first channels: at `n`, with the other one `n` frames later; at `-n`, earlier."""
    size = 2 * audio.shape[1]
    return np.asarray(np.fft.irfft(np.fft.rfft(other[0], size) * np.conj(np.fft.rfft(audio[0], size)), size))


def lag_frames(audio: Audio, other: Audio) -> int:
    """By how much the other one is later."""
    peak = int(np.argmax(likeness(audio, other)))
    return peak if peak < audio.shape[1] else peak - 2 * audio.shape[1]


def cut(audio: Audio, sizes: list[int]) -> Iterator[Audio]:
    """The audio in pieces of these sizes, over and over, until it is used up; one at least, to tell the channels."""
    start = turn = 0
    while start < audio.shape[1] or turn == 0:
        size = max(sizes[turn % len(sizes)], 1)
        yield audio[:, start : start + size]
        start, turn = start + size, turn + 1
