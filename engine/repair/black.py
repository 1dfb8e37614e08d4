"""Where a file is black: what nothing was heard in is left as it came.

A repair that takes back what a mix went through would write its own answer to the sound before into a gap that was cut
afterwards, or into a pause. What always holds: whether a frame is black is told by `reach_frames` on both sides of it.
"""

import math

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio

# Silence this long is no passage through zero.
BLACK_SECONDS = 0.05
# The dither of 16 bits stays below this.
LOUDEST_DITHER = np.float32(2.5 / 32_768)


def is_black(window: Audio, sample_rate_hz: float) -> NDArray[np.bool_]:
    """Which frames lie in a stretch of silence, dithered or not."""
    is_heard = (np.abs(window) > LOUDEST_DITHER).any(axis=0)
    heard = np.concatenate([[-1], np.flatnonzero(is_heard), [window.shape[1]]])
    black = np.zeros(window.shape[1], dtype=np.bool_)
    for place in np.flatnonzero(np.diff(heard) > BLACK_SECONDS * sample_rate_hz):
        black[heard[place] + 1 : heard[place + 1]] = True
    return black


def reach_frames(sample_rate_hz: float) -> int:
    """How much context on each side tells whether a frame is black."""
    return math.ceil(BLACK_SECONDS * sample_rate_hz)
