"""The level that faults go by: the root mean square of all samples of all channels, and what of a piece is a pause."""

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio

# A stretch of this length whose highest sample lies this far below the highest of the piece is a pause: it tells
# nothing about how loud the music is.
PAUSE_S = 0.05
PAUSE_DB = -60.0


def rms(audio: Audio) -> float:
    """The root mean square of `(channels, frames)`; 0 for silence, and where there is nothing."""
    # In float64 throughout: the squares of float32 end at 1.8e19.
    return float(np.sqrt(np.einsum("cf,cf->", audio, audio, dtype=np.float64) / max(audio.size, 1)))


def sounding_rms(audio: Audio, sample_rate_hz: int) -> float:
    """The root mean square of the frames in which some channel has no pause: silence around it does not count."""
    heard = is_sounding(audio, sample_rate_hz).any(axis=0)
    return rms(audio if heard.all() else audio[:, heard])


def is_sounding(audio: Audio, sample_rate_hz: int) -> NDArray[np.bool_]:
    """False for samples `(channels, frames)` that belong to a pause of their channel; silence is nothing but pause."""
    frames = audio.shape[1]
    starts = np.arange(0, frames, max(1, round(PAUSE_S * sample_rate_hz)))
    peaks = np.maximum.reduceat(np.abs(audio), starts, axis=1)
    is_heard = peaks > np.float64(10 ** (PAUSE_DB / 20)) * peaks.max()
    return np.repeat(is_heard, np.diff(starts, append=frames), axis=1)


def brought_to(audio: Audio, level: float) -> Audio:
    """The audio with `level` as its root mean square; silence stays silence."""
    found = rms(audio)
    return audio * np.float32(level / found) if found > 0 else audio.copy()
