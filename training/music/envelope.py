"""How a note begins, goes on and ends; nothing starts or stops with a step, so nothing clicks."""

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio

Curve = NDArray[np.float64]


def seconds_axis(frames: int, sample_rate_hz: float) -> Curve:
    """The time of each frame from 0."""
    return np.arange(frames) / sample_rate_hz


def swell(time_s: Curve, attack_s: float) -> Curve:
    """From 0 to 1 along half a cosine within `attack_s`, 1 afterwards."""
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.clip(time_s / attack_s, 0, 1)))


def fall(time_s: Curve, decay_s: float, floor: float = 0.0) -> Curve:
    """From 1 towards `floor`, by a factor e within `decay_s`."""
    return np.asarray(floor + (1 - floor) * np.exp(-time_s / decay_s))


def note_shape(time_s: Curve, length_s: float, shape: tuple[float, float, float, float]) -> Audio:
    """Attack, decay, sustain and release of a note held for `length_s`; the last 4 ms reach zero."""
    attack_s, decay_s, sustain, release_s = shape
    body = swell(time_s, attack_s) * fall(np.maximum(time_s - attack_s, 0), decay_s, sustain)
    released = np.exp(-np.maximum(time_s - length_s, 0) / (release_s / 3))
    ending = swell(time_s[-1] - time_s, 0.004) if len(time_s) else time_s
    return (body * released * ending).astype(np.float32)


def wander(frames: int, sample_rate_hz: float, rate_hz: float, rng: np.random.Generator) -> Curve:
    """A slow random curve around 0 with a standard deviation near 1: nothing human stands still."""
    points = max(4, int(frames / sample_rate_hz * rate_hz) + 4)
    knots = rng.normal(0.0, 1.0, points)
    return np.asarray(np.interp(np.linspace(0, points - 1, frames), np.arange(points), knots))
