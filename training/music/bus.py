"""The mix bus: what every piece goes through last, set differently for each.

A bus compressor, a tilt of the tone, the width, and a drive into saturation that takes the peaks down, all drawn from
the seed within what the style allows. What always holds: silence stays silence, the peak is `PEAK_DBFS`, nothing is
clipped, and the end is a fade into true silence.
"""

from dataclasses import dataclass, fields

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.music.style import BusRanges

PEAK_DBFS = -3.0
FADE_S = 0.6
SILENCE_S = 0.5
"""How long nothing at all sounds at the end."""

BUS_LEVEL_DBFS = -16.0
"""Root mean square that the compressor and the saturation are set for."""

LOW_SHELF_HZ = 220.0
BODY_HZ = 700.0
HIGH_SHELF_HZ = 2_800.0
SIDE_HIGHPASS_HZ = 150.0
"""Below this the width is left alone: bass stays in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """The settings of one piece.

    `tilt_db` is a shelf up above 2.8 kHz and the same down below 220 Hz, `body_db` a wide peak at 700 Hz, `side_db`
    the gain of left minus right, `drive_db` how far the level lies above -16 dBFS when it meets a saturation that
    begins near full scale.
    """

    glue_ratio: float = 1.6
    tilt_db: float = 0.0
    body_db: float = 0.0
    side_db: float = 0.0
    drive_db: float = -8.0


def draw_bus(ranges: BusRanges, rng: np.random.Generator) -> Bus:
    """A bus somewhere within the ranges."""
    return Bus(**{field.name: float(rng.uniform(*getattr(ranges, field.name))) for field in fields(BusRanges)})


def through_bus(premix: Audio, sample_rate_hz: float, bus: Bus) -> Audio:
    """The sum of the stems `(2, frames)` through the bus."""
    from pedalboard import (
        Compressor,
        Distortion,
        Gain,
        HighpassFilter,
        HighShelfFilter,
        LowShelfFilter,
        PeakFilter,
        Pedalboard,
    )

    level = float(np.sqrt(np.mean(np.square(premix, dtype=np.float64)))) if premix.size else 0.0
    if level == 0:
        return np.zeros_like(premix)
    chain = Pedalboard(
        [
            LowShelfFilter(LOW_SHELF_HZ, -bus.tilt_db, 0.5),
            PeakFilter(BODY_HZ, bus.body_db, 0.4),
            HighShelfFilter(HIGH_SHELF_HZ, bus.tilt_db, 0.5),
            Compressor(-17.0, bus.glue_ratio, attack_ms=30.0, release_ms=160.0),
            Distortion(bus.drive_db),
            Gain(-bus.drive_db),
            HighpassFilter(24.0),
        ]
    )
    drive = np.float32(10 ** (BUS_LEVEL_DBFS / 20) / level)
    bussed = chain(_widened(premix * drive, sample_rate_hz, bus.side_db), sample_rate_hz)
    bussed *= _fade(premix.shape[1], sample_rate_hz)
    peak = float(np.abs(bussed).max())
    return np.asarray(bussed * np.float32(10 ** (PEAK_DBFS / 20) / peak if peak > 0 else 1.0))


def _widened(audio: Audio, sample_rate_hz: float, side_db: float) -> Audio:
    """The difference of the channels made louder or softer, above the bass."""
    from pedalboard import HighpassFilter

    side = 0.5 * (audio[:1] - audio[1:])
    more = HighpassFilter(SIDE_HIGHPASS_HZ)(side, sample_rate_hz) * np.float32(10 ** (side_db / 20) - 1)
    return np.asarray(audio + np.concatenate([more, -more]))


def _fade(frames: int, sample_rate_hz: float) -> Audio:
    """Ones, and at the end half a cosine down to `SILENCE_S` of zeros."""
    left_s = (frames - 1 - np.arange(frames)) / sample_rate_hz - SILENCE_S
    return np.asarray((0.5 - 0.5 * np.cos(np.pi * np.clip(left_s / FADE_S, 0, 1))).astype(np.float32))
