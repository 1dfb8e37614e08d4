"""A compressor: what lies above the threshold is brought nearer to it, alike in all channels.

The gain computer works in dB and the attack and release smooth the gain reduction that it asks for, so both times mean
what they say: after `attack_ms` the gain has gone 63 % of the way to where it is heading, after `release_ms` 63 % of
the way back. What always holds: no look-ahead, and samples that are not turned down leave bit-identical.
"""

import math
from typing import Any

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.parameters import Number
from rebounce.engine.plugin import Plugin
from rebounce.engine.stream import GRID_FRAMES, Kernel, Timing

BLOCK_FRAMES = 2 * GRID_FRAMES

# The quietest detector level; keeps the logarithm finite.
FLOOR_MAGNITUDE = 1e-9

# How fast the detector lets go of a peak. Fast enough not to lengthen the release by more than a few ms, slow enough to
# bridge the zeros of a wave, which otherwise make the reduction on a tone fall short by up to 1.3 dB, more when loud.
HOLD_DB_PER_MS = 2.0

# A reduction below this is none: the release creeps towards 0 dB and would never arrive.
SMALLEST_REDUCTION_DB = 1e-3

# pedalboard's compressor counts its times as exp(-2 pi / t), so that 63 % is reached after t / (2 pi).
TIME_SCALE = 2 * math.pi

# Where the smoother works: reductions are fed as a fraction of 100 dB on top of a floor that lies above its threshold.
SMOOTHER_FULL_SCALE_DB = 100.0
SMOOTHER_FLOOR = 1e-4
SMOOTHER_THRESHOLD_DB = -100.0
SMOOTHER_THRESHOLD = 1e-5


class PeakDetector:
    """The level in dB of the loudest channel: up at once, down at `HOLD_DB_PER_MS`."""

    def __init__(self, sample_rate_hz: float) -> None:
        self._fall_db = HOLD_DB_PER_MS * 1000 / sample_rate_hz
        self._last_db = 20 * math.log10(FLOOR_MAGNITUDE)

    def level_db(self, block: Audio) -> Audio:
        """The level at each frame `(frames,)` of `(channels, frames)`."""
        magnitude = np.abs(block).max(axis=0)
        level_db = 20 * np.log10(np.maximum(magnitude, np.float32(FLOOR_MAGNITUDE)))
        level_db[0] = max(float(level_db[0]), self._last_db - self._fall_db)
        fallen_db = (self._fall_db * np.arange(level_db.size)).astype(np.float32)
        held_db: Audio = np.maximum.accumulate(level_db + fallen_db) - fallen_db
        self._last_db = float(held_db[-1])
        return held_db


class ReductionSmoother:
    """A one-pole filter with one time for rising and another for falling values: attack and release.

    Such a filter decides at every sample, which numpy cannot do at once. pedalboard's compressor has it inside,
    compiled: with a threshold far below its input and a ratio of 2 its gain is (threshold / envelope) ** 0.5, from
    which the envelope is read back to 7 digits.
    """

    def __init__(self, sample_rate_hz: float, attack_ms: float, release_ms: float) -> None:
        from pedalboard import Compressor

        self._rate = sample_rate_hz
        self._compressor: Any = Compressor(
            threshold_db=SMOOTHER_THRESHOLD_DB,
            ratio=2.0,
            attack_ms=attack_ms * TIME_SCALE,
            release_ms=release_ms * TIME_SCALE,
        )
        self._compressor.reset()
        self._is_at_rest = True

    def smooth(self, reduction_db: Audio) -> Audio:
        """The smoothed reduction for the next `(frames,)`; exactly 0 where there is none."""
        if self._is_at_rest and not reduction_db.any():
            return reduction_db
        fed = reduction_db / np.float32(SMOOTHER_FULL_SCALE_DB) + np.float32(SMOOTHER_FLOOR)
        turned_down = self._compressor.process(fed, self._rate, reset=False)
        envelope = np.square(fed / turned_down) * np.float32(SMOOTHER_THRESHOLD)
        above_floor = (envelope - np.float32(SMOOTHER_FLOOR)) * np.float32(SMOOTHER_FULL_SCALE_DB)
        smoothed: Audio = np.maximum(above_floor - np.float32(SMALLEST_REDUCTION_DB), np.float32(0))
        self._is_at_rest = smoothed[-1] == 0
        return smoothed


class CompressorKernel:
    """One run of the compressor; knows afterwards how far it went down."""

    def __init__(self, sample_rate_hz: float, settings: "Dynamics") -> None:
        self._detector = PeakDetector(sample_rate_hz)
        self._smoother = ReductionSmoother(sample_rate_hz, settings.attack_ms, settings.release_ms)
        self._threshold_db = np.float32(settings.threshold_db)
        self._slope = np.float32(1 - 1 / settings.ratio)
        self._makeup_db = np.float32(settings.makeup_db)
        self._strength = np.float32(settings.strength)
        self.largest_reduction_db = 0.0

    def __call__(self, block: Audio) -> Audio:
        asked_db = np.maximum(self._detector.level_db(block) - self._threshold_db, np.float32(0)) * self._slope
        reduction_db = self._smoother.smooth(asked_db)
        largest = float(reduction_db.max())
        if largest == 0 and self._makeup_db == 0:
            return block
        self.largest_reduction_db = max(self.largest_reduction_db, largest * float(self._strength))
        gain_db = (self._makeup_db - reduction_db) * self._strength
        gain: Audio = np.exp(gain_db * np.float32(math.log(10) / 20))
        return block * gain


class Dynamics(Plugin):
    """Feed-forward compressor on the louder of the channels' magnitudes, hard knee.

    A steady level L above the threshold leaves at threshold + (L - threshold) / ratio. On a tone the reduction is that
    of its peak less 0.14 dB at 1 kHz and 0.9 dB at 50 Hz, at any level: the detector falls a little between the peaks.
    `strength` scales the gain in dB.
    """

    threshold_db = Number(-80.0, 0.0)
    ratio = Number(1.0, 100.0)
    attack_ms = Number(0.0, 1_000.0)
    release_ms = Number(0.0, 10_000.0)
    makeup_db = Number(-24.0, 24.0)
    strength = Number(0.0, 1.0)

    def __init__(
        self,
        *,
        threshold_db: float = -20.0,
        ratio: float = 4.0,
        attack_ms: float = 10.0,
        release_ms: float = 100.0,
        makeup_db: float = 0.0,
        strength: float = 1.0,
    ) -> None:
        super().__init__(
            threshold_db=threshold_db,
            ratio=ratio,
            attack_ms=attack_ms,
            release_ms=release_ms,
            makeup_db=makeup_db,
            strength=strength,
        )
        self._last_run: CompressorKernel | None = None

    def timing(self, sample_rate_hz: float) -> Timing:
        return Timing(block_frames=BLOCK_FRAMES)

    def kernel(self, sample_rate_hz: float, channels: int) -> Kernel:
        self._last_run = CompressorKernel(sample_rate_hz, self)
        return self._last_run

    def is_identity(self) -> bool:
        return super().is_identity() or (self.ratio == 1 and self.makeup_db == 0)

    def notes(self) -> list[str]:
        if self._last_run is None or self._last_run.largest_reduction_db == 0:
            return []
        return [f"turned down by up to {self._last_run.largest_reduction_db:.1f} dB above {self.threshold_db:g} dB"]
