"""Finds where a file was cut off: a wall in its long-term spectrum that no instrument and no gentle filter makes.

Coders and resamplers take everything above some frequency away, within a few hundred hertz and for good. So a cut-off
is a fall by at least `LEAST_FALL_DB` within a tenth of an octave, out of music that is dense up to the edge, down to a
floor that stays low up to half the sample rate. What always holds: lone tones, silence, dull music and music that
reaches 19 kHz have none.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from rebounce.engine.audio import Audio
from rebounce.engine.band_levels import analysis_framing
from rebounce.engine.overlap_add import Slabs, powers_of, separate_spectra_of

Floats = NDArray[np.float64]

SLAB_FRAMES = 24
# Frames this far below full scale are silence.
SILENCE_DBFS = -80.0

LOWEST_CUTOFF_HZ = 4_000.0
HIGHEST_FILL_HZ = 20_000.0
NYQUIST_SHARE = 0.98
# Less than this missing is not worth a repair.
LEAST_MISSING_HZ = 800.0

LEAST_FALL_DB = 25.0
# The mean power is ruled by the loudest frames; so the mean in which soft frames count for more must fall too.
LEAST_COMMON_FALL_DB = 20.0
# How far below and above the middle of the wall the levels are compared.
REACH_SHARE = 0.035
DENSE_HZ = 320.0
SMOOTH_HZ = 190.0

# The slope is measured over this part below the wall, and its height in the upper part of it.
SLOPE_SHARES = (0.5, 0.92)
HEIGHT_SHARES = (0.8, 0.93)
STEEPEST_SLOPE_DB = -45.0
FLATTEST_SLOPE_DB = -6.0
MOST_ROUGHNESS_DB = 6.0
KNEE_DB = 3.0
FOOT_DB = 15.0

# A coder that has no bits to spare leaves a band quite empty for a moment: so far below all that sounds, a hertz.
HOLE_BAND_HZ = 500.0
HOLE_SHARE = 1e-12
HOLE_SHARES = (0.8, 0.93)

# Below this share of the strongest bin there is nothing to be seen.
FLOOR_SHARE = 1e-18


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoff:
    """Where one file was cut off, and how its spectrum runs towards that place; no frequency, no cut-off.

    The level falls by `KNEE_DB` at `cutoff_hz` and is gone `transition_hz` further up.
    """

    cutoff_hz: float | None
    transition_hz: float | None
    slope_db_per_octave: float | None


NOTHING_MISSING = Cutoff(cutoff_hz=None, transition_hz=None, slope_db_per_octave=None)


def highest_fill_hz(sample_rate_hz: float) -> float:
    """Up to where a file of this rate should reach."""
    return min(HIGHEST_FILL_HZ, NYQUIST_SHARE * sample_rate_hz / 2)


class CutoffFinder:
    """Takes blocks of `(channels, any)`, and says at the end where the file was cut off."""

    def __init__(self, sample_rate_hz: float) -> None:
        self._framing = analysis_framing(sample_rate_hz)
        self._scale = np.float32(self._framing.density_scale(sample_rate_hz))
        self._bin_hz = self._framing.bin_hz(sample_rate_hz)
        self._slabs = Slabs(SLAB_FRAMES * self._framing.size)
        self._power = np.zeros(self._framing.bins)
        self._balanced = np.zeros(self._framing.bins)
        self._hole_bins = max(1, round(HOLE_BAND_HZ / self._bin_hz))
        self._holes = np.zeros(self._framing.bins // self._hole_bins)
        self._frames = 0

    def see(self, block: Audio) -> None:
        for slab in self._slabs.push(block):
            self._add(slab)

    def cutoff(self) -> Cutoff:
        """The cut-off of all that was seen; to be asked once, after the last block."""
        for slab in self._slabs.rest():
            self._add(slab)
        if not self._power.any():
            return NOTHING_MISSING
        return _cutoff_in(self._power, self._balanced, self._bin_hz)

    def _add(self, slab: Audio) -> None:
        powers = powers_of(separate_spectra_of(slab, self._framing)).sum(axis=0)
        powers /= self._scale
        total = powers.sum(axis=1) * self._bin_hz
        is_sounding = total > 10 ** (SILENCE_DBFS / 10)
        self._power += powers[is_sounding].sum(axis=0)
        self._balanced += (1 / np.sqrt(total[is_sounding])) @ powers[is_sounding]
        sums = np.add.reduceat(powers, np.arange(self._holes.size) * self._hole_bins, axis=1) / self._hole_bins
        self._holes += (sums < HOLE_SHARE * total[:, np.newaxis])[is_sounding].sum(axis=0)
        self._frames += int(is_sounding.sum())

    def hole_share(self, cutoff_hz: float) -> float:
        """How often a band just below the cut-off was quite empty while the music played."""
        first, last = (round(share * cutoff_hz / self._bin_hz / self._hole_bins) for share in HOLE_SHARES)
        return float(self._holes[first : last + 1].mean() / max(1, self._frames))


def find_cutoff(blocks: Iterable[Audio], sample_rate_hz: float) -> Cutoff:
    """One pass over the file, `(channels, any)` a block."""
    finder = CutoffFinder(sample_rate_hz)
    for block in blocks:
        finder.see(block)
    return finder.cutoff()


def _cutoff_in(power: Floats, balanced: Floats, bin_hz: float) -> Cutoff:
    """The cut-off in a long-term spectrum, a value a bin; `balanced` is the same with soft frames counted for more."""
    nyquist_hz = (power.size - 1) * bin_hz
    power_db = 10 * np.log10(power + FLOOR_SHARE * power.max())
    balanced_db = 10 * np.log10(balanced + FLOOR_SHARE * balanced.max())
    places = np.arange(LOWEST_CUTOFF_HZ, highest_fill_hz(2 * nyquist_hz) - LEAST_MISSING_HZ, bin_hz)
    if places.size == 0:
        return NOTHING_MISSING
    dense_db = _dense(power_db, bin_hz)
    falls_db = _falls(dense_db, power_db, places, bin_hz)
    common_falls_db = _falls(_dense(balanced_db, bin_hz), balanced_db, places, bin_hz)
    falls_db[common_falls_db < LEAST_COMMON_FALL_DB] = 0
    wall_hz = float(places[np.argmax(falls_db)])
    if falls_db.max() < LEAST_FALL_DB:
        return NOTHING_MISSING
    return _knee(dense_db, wall_hz, bin_hz)


def _dense(levels_db: Floats, bin_hz: float) -> Floats:
    """The level that half the bins around reach: high only where the spectrum is filled, not where lone tones stand."""
    return np.asarray(ndimage.median_filter(levels_db, size=_odd(DENSE_HZ / bin_hz), mode="nearest"))


def _falls(dense_db: Floats, levels_db: Floats, places: Floats, bin_hz: float) -> Floats:
    """By how much the spectrum falls at each place: from the level just below to the highest anywhere above."""
    smooth_db = ndimage.uniform_filter1d(levels_db, size=_odd(SMOOTH_HZ / bin_hz), mode="nearest")
    last = int(NYQUIST_SHARE * (levels_db.size - 1))
    highest_above = np.maximum.accumulate(smooth_db[last::-1])[::-1]
    below = np.round(places * (1 - REACH_SHARE) / bin_hz).astype(int)
    above = np.minimum(np.round(places * (1 + REACH_SHARE) / bin_hz).astype(int), last)
    return np.asarray(dense_db[below] - highest_above[above])


def _knee(dense_db: Floats, wall_hz: float, bin_hz: float) -> Cutoff:
    """Where below the wall the spectrum leaves the line that it follows before, and how fast."""
    frequencies_hz: Floats = np.arange(1, dense_db.size) * np.float64(bin_hz)
    octaves = np.log2(frequencies_hz / wall_hz)
    levels_db = dense_db[1:]
    in_slope = _between(frequencies_hz, wall_hz, SLOPE_SHARES)
    in_height = _between(frequencies_hz, wall_hz, HEIGHT_SHARES)
    # Every octave counts the same, although it holds twice the bins of the one below.
    slope, offset = np.polyfit(octaves[in_slope], levels_db[in_slope], 1, w=1 / np.sqrt(frequencies_hz[in_slope]))
    roughness_db = np.std(levels_db[in_slope] - slope * octaves[in_slope] - offset)
    if slope < STEEPEST_SLOPE_DB or roughness_db > MOST_ROUGHNESS_DB:
        return NOTHING_MISSING
    slope = min(float(slope), FLATTEST_SLOPE_DB)
    lack_db = slope * octaves - levels_db
    lack_db -= np.median(lack_db[in_height])
    upper = frequencies_hz > HEIGHT_SHARES[1] * wall_hz
    knee_hz = float(frequencies_hz[upper][np.argmax(lack_db[upper] > KNEE_DB)])
    if highest_fill_hz(2 * frequencies_hz[-1]) - knee_hz < LEAST_MISSING_HZ:
        return NOTHING_MISSING
    foot_hz = float(frequencies_hz[upper][np.argmax(lack_db[upper] > FOOT_DB)])
    return Cutoff(
        cutoff_hz=round(knee_hz),
        transition_hz=round(max(bin_hz, foot_hz - knee_hz)),
        slope_db_per_octave=round(slope, 2),
    )


def _between(frequencies_hz: Floats, wall_hz: float, shares: tuple[float, float]) -> NDArray[np.bool_]:
    return (frequencies_hz > shares[0] * wall_hz) & (frequencies_hz < shares[1] * wall_hz)


def _odd(bins: float) -> int:
    return 2 * int(bins / 2) + 1
