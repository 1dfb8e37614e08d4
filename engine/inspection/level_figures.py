"""What the levels of a piece say of its dynamics, in numbers.

What always holds: a gain changes nothing but the ceiling, and silence and what is too short have no figures.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.inspection.short_levels import STEPS_PER_SECOND, Steps
from rebounce.engine.loudness import ABSOLUTE_GATE_LUFS, HOPS_PER_SECOND

Levels = NDArray[np.float64]

# Figures are those of stretches this long, in the middle of all stretches: the overshoot grows with what is looked at.
STRETCH_STEPS = 15 * STEPS_PER_SECOND
SHORTEST_STEPS = 3 * STEPS_PER_SECOND
STEPS_PER_LEVEL = 40

# What lies this far below the loudest is a pause, and says nothing of how music was squeezed.
PEAK_RANGE_DB, LEVEL_RANGE_DB = 60.0, 40.0
SOFTEST_POWER = 1e-24
# A peak this near to the highest stands at the ceiling; as near as the second, close to it.
AT_CEILING_DB, NEAR_CEILING_DB = 0.1, 0.5

# EBU Tech 3342: loudness over 3 s, its own gate, and from the tenth to the ninety-fifth percentile.
RANGE_SECONDS, RANGE_GATE_LU = 3, -20.0
RANGE_PERCENTILES = (10, 95)

# Where a gain pumps, and the pieces over which the level's spectrum is averaged.
PUMPING_HZ = (0.5, 8.0)
PUMPING_STEPS = 1_024
# What a swing must measure, and how far it must stand out of the others, to be called pumping.
LEAST_SWING_DB, STANDING_OUT, ABOUT_THE_MOST = 0.5, 3.0, 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """Where the highest peaks stand: `share` of all steps stand there, `sharpness` is how many of those that come near
    do, and `flat_share` how many of the near ones stand still at their peak.
    """

    dbfs: float
    count: int
    share: float
    sharpness: float
    flat_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How far the levels of a stretch lie apart, in dB.

    `body_db` from the middle peak to the louder ones (95 in 100 are softer), `overshoot_db` from there to the highest,
    `range_db` from the softest tenth of the 400 ms levels to the loudest.
    """

    body_db: float
    overshoot_db: float
    range_db: float


def ceiling_of(steps: Steps) -> Ceiling | None:
    """Of a whole piece."""
    if steps.peaks.size < SHORTEST_STEPS or steps.powers.max() < SOFTEST_POWER:
        return None
    peaks_db = 20 * np.log10(np.maximum(steps.peaks, 1e-30), dtype=np.float64)
    highest_db = float(peaks_db.max())
    is_near = peaks_db > highest_db - NEAR_CEILING_DB
    count = int(np.count_nonzero(peaks_db > highest_db - AT_CEILING_DB))
    return Ceiling(
        dbfs=highest_db,
        count=count,
        share=count / peaks_db.size,
        sharpness=count / int(np.count_nonzero(is_near)),
        flat_share=float(steps.is_flat[is_near].mean()),
    )


def spreads_of(steps: Steps) -> list[Spread]:
    """Of each stretch that sounds; what is left at the end counts from half a stretch, or if there is nothing else."""
    found = []
    for start in range(0, steps.peaks.size, STRETCH_STEPS):
        peaks, powers = steps.peaks[start : start + STRETCH_STEPS], steps.powers[start : start + STRETCH_STEPS]
        is_long = peaks.size >= (STRETCH_STEPS // 2 if start else SHORTEST_STEPS)
        if is_long and powers.max() > SOFTEST_POWER:
            found.append(_spread(peaks, powers))
    return found


def _spread(peaks: NDArray[np.float32], powers: Levels) -> Spread:
    peaks_db = 20 * np.log10(np.maximum(peaks, 1e-30), dtype=np.float64)
    middle_db, loud_db, highest_db = np.percentile(peaks_db[peaks_db > peaks_db.max() - PEAK_RANGE_DB], [50, 95, 100])
    whole = powers[: powers.size // STEPS_PER_LEVEL * STEPS_PER_LEVEL].reshape(-1, STEPS_PER_LEVEL).mean(axis=1)
    levels_db = 10 * np.log10(np.maximum(whole, 1e-60))
    soft_db, louder_db = np.percentile(levels_db[levels_db > levels_db.max() - LEVEL_RANGE_DB], [10, 90])
    return Spread(
        body_db=float(loud_db - middle_db),
        overshoot_db=float(highest_db - loud_db),
        range_db=float(louder_db - soft_db),
    )


def crest_db_of(steps: Steps) -> float:
    """The highest peak over the root mean square of all."""
    return float(20 * np.log10(steps.peaks.max(), dtype=np.float64) - 10 * np.log10(steps.powers.mean()))


def loudness_range_lu(hop_powers: Levels) -> float | None:
    """The range after EBU Tech 3342, from the weighted power of each 100 ms; None where there is too little."""
    width = RANGE_SECONDS * HOPS_PER_SECOND
    if hop_powers.size < width:
        return None
    powers = np.convolve(hop_powers, np.full(width, 1 / width), mode="valid")
    powers = powers[powers > 10 ** ((ABSOLUTE_GATE_LUFS + 0.691) / 10)]
    if not powers.size:
        return None
    low, high = np.percentile(powers[powers > powers.mean() * 10 ** (RANGE_GATE_LU / 10)], RANGE_PERCENTILES)
    return float(10 * np.log10(high / low))


def pumping_hz_of(steps: Steps) -> float | None:
    """How often a second the level goes up and down the most, from 0.5 to 8 Hz, or half as often if that is as strong.

    None where no rate stands out, and for what is shorter than 10 s.
    """
    count = steps.powers.size // PUMPING_STEPS
    if not count:
        return None
    levels_db = _through_pauses_db(steps.powers)[: count * PUMPING_STEPS].reshape(count, -1)
    levels_db -= levels_db.mean(axis=1, keepdims=True)
    spectrum = np.square(np.abs(np.fft.rfft(levels_db * np.hanning(PUMPING_STEPS), axis=1))).mean(axis=0)
    rates_hz = np.fft.rfftfreq(PUMPING_STEPS, 1 / STEPS_PER_SECOND)
    inside = (rates_hz >= PUMPING_HZ[0]) & (rates_hz <= PUMPING_HZ[1])
    # The window keeps half of a swing, and each of its two sides has half of that.
    swings_db = 4 * np.sqrt(spectrum[inside]) / PUMPING_STEPS
    return _rate_of_swings(np.asarray(rates_hz[inside], dtype=np.float64), swings_db)


def _through_pauses_db(powers: Levels) -> Levels:
    """The levels, which in a pause go on from before it to after it: nothing pumps where nothing sounds."""
    floor = max(float(powers.max()) * 10 ** (-PEAK_RANGE_DB / 10), 1e-60)
    sounding = np.flatnonzero(powers > floor)
    if not sounding.size:
        return np.zeros(powers.size)
    return np.asarray(np.interp(np.arange(powers.size), sounding, 10 * np.log10(powers[sounding])))


def _rate_of_swings(rates_hz: Levels, swings_db: Levels) -> float | None:
    """The slowest of the rates at which the level swings about the most."""
    most_db = float(swings_db.max())
    if most_db < LEAST_SWING_DB or most_db < STANDING_OUT * float(np.median(swings_db)):
        return None
    is_peak = np.ones(swings_db.size, dtype=bool)
    is_peak[1:] &= swings_db[1:] >= swings_db[:-1]
    is_peak[:-1] &= swings_db[:-1] >= swings_db[1:]
    return float(rates_hz[is_peak & (swings_db >= ABOUT_THE_MOST * most_db)][0])
