"""How a note begins, goes on and ends; nothing starts or stops with a step, so nothing clicks.

Curves have the type of the time they are a function of: float32 is enough for a note of seconds, and three times as
fast.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio

Curve = NDArray[np.floating[Any]]

ENDING_S = 0.004


def seconds_axis(frames: int, sample_rate_hz: float) -> Curve:
    """The time of each frame from 0."""
    return np.arange(frames) / sample_rate_hz


def note_axis(frames: int, sample_rate_hz: float) -> Audio:
    """The time of each frame from 0, as float32."""
    return np.arange(frames, dtype=np.float32) * np.float32(1 / sample_rate_hz)


def swell(time_s: Curve, attack_s: float) -> Curve:
    """From 0 to 1 along half a cosine within `attack_s`, 1 afterwards."""
    out = np.ones_like(time_s)
    # Most of a note lies after its attack; a cosine of all of it took a sixth of the time of a whole mix.
    inside = time_s < attack_s
    out[inside] = 0.5 - 0.5 * np.cos(np.pi * np.maximum(time_s[inside], 0) / attack_s)
    return out


def fall(time_s: Curve, decay_s: float, floor: float = 0.0) -> Curve:
    """From 1 towards `floor`, by a factor e within `decay_s`."""
    falling = np.exp(time_s * (-1 / decay_s))
    return np.asarray(floor + (1 - floor) * falling if floor else falling)


def note_shape(time_s: Curve, length_s: float, shape: tuple[float, float, float, float]) -> Audio:
    """Attack, decay, sustain and release of a note held for `length_s`; its last milliseconds reach zero."""
    attack_s, decay_s, sustain, release_s = shape
    body = swell(time_s, attack_s) * fall(np.maximum(time_s - attack_s, 0), decay_s, sustain)
    first = int(np.searchsorted(time_s, length_s))
    body[first:] *= np.exp((time_s[first:] - length_s) * (-3 / release_s))
    last = int(np.searchsorted(time_s, time_s[-1:] - ENDING_S)[0]) if len(time_s) else 0
    body[last:] *= swell(time_s[-1:] - time_s[last:], ENDING_S)
    return np.asarray(body, dtype=np.float32)


def wander(frames: int, sample_rate_hz: float, rate_hz: float, rng: np.random.Generator) -> Curve:
    """A slow random curve around 0 with a standard deviation near 1: nothing human stands still."""
    points = max(4, int(frames / sample_rate_hz * rate_hz) + 4)
    knots = rng.normal(0.0, 1.0, points)
    return np.asarray(np.interp(np.linspace(0, points - 1, frames), np.arange(points), knots))
