"""Compressors run backwards: from what came out, the gain that they had put in, sample by sample.

A feed-forward compressor hears its input, which is what is sought: the gain of a sample depends on the sample itself,
by as much as the gain can move within one sample. In both designs here the output rises with the input at any state,
so there is exactly one input; each sample gives the state for the next. What always holds: a gain found is never
negative in dB, and never above the range.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.dynamics import (
    FLOOR_MAGNITUDE,
    HOLD_DB_PER_MS,
    SMALLEST_REDUCTION_DB,
    SMOOTHER_FLOOR,
    SMOOTHER_FULL_SCALE_DB,
    TIME_SCALE,
)

Gains = NDArray[np.float64]

# Newton's steps double the digits that are right; from the last gain, which is near, two or three do.
MOST_STEPS = 20
STEP_TOLERANCE = 1e-9
# pedalboard's compressor takes no time at all below this.
SHORTEST_MS = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Those of the compressor that is undone, and `range_db`, which no frame is turned up beyond."""

    threshold_db: float
    ratio: float
    attack_ms: float
    release_ms: float
    range_db: float


class LinkedInverse:
    """Undoes `Dynamics`: one gain for all channels, smoothed in dB. Its curve is straight in pieces: solved in closed
    form. Levels and gains in dB, a reduction is positive.
    """

    def __init__(self, sample_rate_hz: float, settings: Settings) -> None:
        self._fall_db = HOLD_DB_PER_MS * 1000 / sample_rate_hz
        self._threshold_db = settings.threshold_db
        self._slope = 1 - 1 / settings.ratio
        self._rise = _step_share(sample_rate_hz, settings.attack_ms, 1.0)
        self._drop = _step_share(sample_rate_hz, settings.release_ms, 1.0)
        self._range_db = settings.range_db
        self._held_db = 20 * math.log10(FLOOR_MAGNITUDE)
        # The smoother of `Dynamics` begins at zero and works on top of a floor.
        self._reduction_db = -SMOOTHER_FLOOR * SMOOTHER_FULL_SCALE_DB

    def gains_db(self, block: Audio) -> Gains | None:
        """What each frame of `(channels, frames)` was turned down by `(frames,)`; None where nothing was."""
        magnitude = np.maximum(np.abs(block).max(axis=0), np.float32(FLOOR_MAGNITUDE))
        levels_db = 20 * np.log10(magnitude, dtype=np.float64)
        highest_db = max(float(levels_db.max()), self._held_db)
        if self._reduction_db < SMALLEST_REDUCTION_DB and highest_db + SMALLEST_REDUCTION_DB < self._threshold_db:
            self._rest(levels_db)
            return None
        gains_db = np.array(self._walk(levels_db.tolist()))
        return gains_db if gains_db.any() else None

    def _rest(self, levels_db: Gains) -> None:
        """Go past a block in which nothing is turned down."""
        fallen_db = self._fall_db * np.arange(levels_db.size - 1, -1, -1)
        held_db = self._held_db - self._fall_db * levels_db.size
        self._held_db = max(held_db, float((levels_db - fallen_db).max()))

    def _walk(self, levels_db: list[float]) -> list[float]:
        # Local names: this loop runs at the sample rate.
        fall, threshold, slope, rise, drop = self._fall_db, self._threshold_db, self._slope, self._rise, self._drop
        held, reduction, least, most = self._held_db, self._reduction_db, SMALLEST_REDUCTION_DB, self._range_db
        found = []
        for level in levels_db:
            # First as if the input stayed under the held peak: then the gain does not depend on it.
            held -= fall
            asked = slope * (held - threshold) if held > threshold else 0.0
            moved = reduction + (rise if asked > reduction else drop) * (asked - reduction)
            gain = moved - least if moved > least else 0.0
            if level + gain > held:
                moved, held = self._at_a_peak(level, reduction)
                gain = moved - least if moved > least else 0.0
            if gain > most:
                moved, gain, held = most + least, most, min(held, level + most)
            reduction = moved
            found.append(gain)
        self._held_db, self._reduction_db = held, reduction
        return found

    def _at_a_peak(self, level: float, reduction: float) -> tuple[float, float]:
        """The reduction and the input's level where the input is itself the peak that counts."""
        least, slope = SMALLEST_REDUCTION_DB, self._slope
        moved = reduction - (self._drop if reduction > 0 else self._rise) * reduction
        peak = level + max(moved - least, 0.0)
        if peak <= self._threshold_db:
            return moved, peak
        for share in (self._drop, self._rise):
            rest = (1 - share) * reduction - share * slope * self._threshold_db
            peak = (level - least + rest) / (1 - share * slope)
            moved = rest + share * slope * peak
            if slope * (peak - self._threshold_db) <= reduction:
                break
        return (moved, peak) if moved > least else (moved, level)


class ChannelInverse:
    """Undoes one channel of pedalboard's `Compressor`, which smooths the magnitude and works on each channel apart.

    Magnitudes and gains are factors. The gain falls with the envelope e as (threshold / e) ** slope; Newton's method
    finds the input on the side, rising or falling, that the output tells.
    """

    def __init__(self, sample_rate_hz: float, settings: Settings) -> None:
        self._threshold = 10 ** (settings.threshold_db / 20)
        self._slope = 1 - 1 / settings.ratio
        self._rise = _step_share(sample_rate_hz, settings.attack_ms, TIME_SCALE)
        self._drop = _step_share(sample_rate_hz, settings.release_ms, TIME_SCALE)
        # The natural logarithm of the largest gain.
        self._most = settings.range_db / 20 * math.log(10)
        self._envelope = 0.0

    def gains_db(self, channel: Audio) -> Gains | None:
        """What each frame of `(1, frames)` was turned down by `(frames,)`; None where nothing was."""
        magnitudes = np.abs(channel[0]).astype(np.float64)
        if max(float(magnitudes.max()), self._envelope) < self._threshold:
            self._rest(magnitudes)
            return None
        factors = np.array(self._walk(magnitudes.tolist()))
        gains_db: Gains = 20 * np.log10(factors)
        return gains_db

    def _rest(self, magnitudes: Gains) -> None:
        envelope = self._envelope
        for magnitude in magnitudes.tolist():
            envelope += (self._rise if magnitude > envelope else self._drop) * (magnitude - envelope)
        self._envelope = envelope

    def _walk(self, magnitudes: list[float]) -> list[float]:
        rise, drop, threshold = self._rise, self._drop, self._threshold
        envelope, found = self._envelope, []
        for magnitude in magnitudes:
            share = rise if magnitude > envelope else drop
            moved, gain = envelope + share * (magnitude - envelope), 1.0
            if moved > threshold:
                gain = self._gain(magnitude, envelope)
                heard = magnitude * gain
                moved = envelope + (rise if heard > envelope else drop) * (heard - envelope)
            envelope = moved
            found.append(gain)
        self._envelope = envelope
        return found

    def _gain(self, magnitude: float, envelope: float) -> float:
        """What the magnitude was turned down by, for the envelope before it."""
        slope, threshold, most = self._slope, self._threshold, self._most
        power = min(slope * math.log(max(envelope / threshold, 1.0)), most)
        share = self._rise if magnitude * math.exp(power) > envelope else self._drop
        for _ in range(MOST_STEPS):
            heard = magnitude * math.exp(power)
            moved = max(envelope + share * (heard - envelope), threshold)
            step = (power - slope * math.log(moved / threshold)) / (1 - slope * share * heard / moved)
            power = min(power - step, most)
            if abs(step) < STEP_TOLERANCE or power == most:
                break
        return math.exp(power)


def _step_share(sample_rate_hz: float, time_ms: float, scale: float) -> float:
    """How much of the way to its target a smoother goes in one sample."""
    return 1.0 if time_ms * scale < SHORTEST_MS * scale else 1 - math.exp(-scale * 1000 / (sample_rate_hz * time_ms))
