"""The level that faults go by: the root mean square of all samples of all channels."""

import numpy as np

from rebounce.engine.audio import Audio


def rms(audio: Audio) -> float:
    """The root mean square of `(channels, frames)`; 0 for silence."""
    return float(np.sqrt(np.mean(np.square(audio), dtype=np.float64)))


def brought_to(audio: Audio, level: float) -> Audio:
    """The audio with `level` as its root mean square; silence stays silence."""
    found = rms(audio)
    return audio * np.float32(level / found) if found > 0 else audio.copy()
