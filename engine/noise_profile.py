"""Finds the noise floor of a file, and finds none where there is none.

A steady noise shows in each band as a floor: in the softest frames of a file, be they pauses or only moments without
cymbals, the level is the same again and again, with no more scatter than noise has, and with neither the peaks nor the
gaps of tones. A single such band proves little. Several neighbours above 1.5 kHz with floors that lie on one smooth
line do: of 66 tracks of music one did so, a piano on tape, while white noise at -50 dBFS was found under 61 of them.

What always holds: memory does not grow with the file, digital silence and anything below `QUIETEST_NOISE_DBFS` do not
count, and a floor is only reported where it was seen, band by band.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.band_levels import BandLevels, Floats, LevelCounts, band_centres_hz, band_edges_hz
from rebounce.engine.overlap_add import Slabs

SLAB_FRAMES = 24

# Hiss below this lies under the dither of 16 bits in all but the quietest music, and a repair would only add risk.
QUIETEST_NOISE_DBFS = -80.0
QUIETEST_DENSITY_DB = QUIETEST_NOISE_DBFS - 43.4
# Louder frames of the programme stand this far above its noise, or the noise is the programme.
LEAST_DISTANCE_DB = 20.0

LOWEST_HZ = 10.0
PINK_SLOPE_DB = 3.0

# The shares of all frames that may be the softest of a band, and the fewest frames such a share must be.
SOFT_SHARES = (0.3, 0.1, 0.03, 0.01)
FEWEST_FRAMES = 10
# From a tenth of a share to all of it, a floor rises by no more than this times what noise in that band scatters by,
# even where noise alone is heard in hardly more frames than the share.
MOST_SCATTER = 2.4
# Nothing rises less but what repeats itself exactly, which no noise does.
LEAST_SCATTER = 0.25
# The softest frames of noise are softer than noise is on average; by how much depends on how often it is heard alone.
MIDDLE_SCATTER = 0.5
# The mean of log power minus the log of mean power is -2.5 dB for noise of any level, and far lower for tones.
LEAST_FLATNESS_DB = -3.0

# Beside bands that are proven to hold noise, these are enough.
SIDE_SCATTER = 3.6
SIDE_FLATNESS_DB = -3.8

PROOF_ABOVE_HZ = 1_500.0
FEWEST_PROOF_BANDS = 5
LARGEST_STEP_DB = 1.5
# Slopes in dB per octave from brown noise to slightly blue, and how far floors may lie off the line.
SLOPES_DB = (-6.0, 3.0)
MOST_ROUGHNESS_DB = 0.8

NO_DENSITY_DB = -200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseProfile:
    """The noise floor of one file: for each band its density in dBFS per hertz, empty where none was found."""

    density_db: tuple[float, ...]
    noise_dbfs: float | None
    programme_dbfs: float | None
    finding: str

    @property
    def is_noisy(self) -> bool:
        return len(self.density_db) > 0

    def densities_at(self, frequencies_hz: Floats) -> Floats:
        """The noise density in full scale squared per hertz, read between the centres of the bands that have noise."""
        densities_db = np.asarray(self.density_db)
        has_noise = densities_db > NO_DENSITY_DB
        centres = np.log(band_centres_hz()[: densities_db.size])
        places = np.log(np.maximum(frequencies_hz, LOWEST_HZ))
        read_db = np.interp(places, centres[has_noise], densities_db[has_noise])
        # Below the lowest band it goes on as pink noise does.
        read_db += PINK_SLOPE_DB * np.maximum(0, centres[0] - places) / np.log(2)
        bands = np.searchsorted(band_edges_hz(), frequencies_hz, side="right") - 1
        # The noise goes on into the band where a coder cut the file off: that band shows no floor, as it is half empty.
        reaches = has_noise | np.r_[False, has_noise[:-1]]
        inside = reaches[np.clip(bands, 0, densities_db.size - 1)]
        return np.asarray(10 ** (np.where(inside, read_db, NO_DENSITY_DB) / 10))


class NoiseFinder:
    """Takes blocks of `(channels, any)`, and says at the end what noise floor there is.

    `levels` is what was counted; with the profile, all frames are in its `body`.
    """

    def __init__(self, sample_rate_hz: float) -> None:
        self.levels = BandLevels(sample_rate_hz, QUIETEST_NOISE_DBFS)
        self._slabs = Slabs(SLAB_FRAMES * self.levels.framing.size)

    def see(self, block: Audio) -> None:
        for slab in self._slabs.push(block):
            self.levels.see(slab)

    def profile(self) -> NoiseProfile:
        """The floor under all that was seen; to be asked once, after the last block."""
        for slab in self._slabs.rest():
            self.levels.see(slab)
        levels = self.levels
        programme_dbfs = levels.programme_dbfs()
        if programme_dbfs is None:
            return NoiseProfile(density_db=(), noise_dbfs=None, programme_dbfs=None, finding="nothing but silence")
        # Where the end is faded out its noise is faded too, so the file is looked at without its end first.
        densities_db = _floor(levels.body, levels.scatter_db)
        levels.body.take(levels.tail)
        densities_db = max(densities_db, _floor(levels.body, levels.scatter_db), key=_bands_with_noise)
        noise_dbfs = levels.total_dbfs(densities_db)
        if densities_db.max() == NO_DENSITY_DB or noise_dbfs > programme_dbfs - LEAST_DISTANCE_DB:
            return _no_noise(programme_dbfs)
        return NoiseProfile(
            density_db=tuple(round(float(density), 2) for density in densities_db),
            noise_dbfs=round(noise_dbfs, 1),
            programme_dbfs=round(programme_dbfs, 1),
            finding=f"steady noise at {noise_dbfs:.0f} dBFS",
        )


def find_noise(blocks: Iterable[Audio], sample_rate_hz: float) -> NoiseProfile:
    """One pass over the file, `(channels, any)` a block."""
    finder = NoiseFinder(sample_rate_hz)
    for block in blocks:
        finder.see(block)
    return finder.profile()


def _no_noise(programme_dbfs: float) -> NoiseProfile:
    finding = "no steady noise that can be told from the music"
    return NoiseProfile(density_db=(), noise_dbfs=None, programme_dbfs=round(programme_dbfs, 1), finding=finding)


def _bands_with_noise(densities_db: Floats) -> int:
    return int(np.sum(densities_db > NO_DENSITY_DB))


def _floor(counts: LevelCounts, scatter_db: Floats) -> Floats:
    """The density of each band's noise floor in dB, from the share of frames that shows most of it."""
    shares = [share for share in SOFT_SHARES if share * counts.frames >= FEWEST_FRAMES]
    floors = [_floor_in(counts, scatter_db, share) for share in shares]
    return max(floors, key=_bands_with_noise, default=np.full(scatter_db.size, NO_DENSITY_DB))


def _floor_in(counts: LevelCounts, scatter_db: Floats, share: float) -> Floats:
    """The same from one share, the softest frames of each band."""
    densities_db = counts.softest_db(share)
    rise = (densities_db - counts.softest_db(share / 10)) / scatter_db
    flatness_db = counts.flatness_db(share)
    is_heard = densities_db > QUIETEST_DENSITY_DB
    is_floor = (rise < MOST_SCATTER) & (flatness_db > LEAST_FLATNESS_DB) & is_heard
    may_be_floor = (rise < SIDE_SCATTER) & (flatness_db > SIDE_FLATNESS_DB) & is_heard
    found = np.full(scatter_db.size, NO_DENSITY_DB)
    for run in _runs(is_floor, densities_db, scatter_db):
        if rise[run].mean() > LEAST_SCATTER and _is_noise(run, densities_db):
            whole = _with_sides(run, may_be_floor, densities_db)
            found[whole] = densities_db[whole] + MIDDLE_SCATTER * scatter_db[whole]
    return found


def _runs(is_floor: NDArray[np.bool_], densities_db: Floats, scatter_db: Floats) -> Iterator[slice]:
    """Neighbouring bands with floors of about the same density."""
    steps = np.abs(np.diff(densities_db)) < LARGEST_STEP_DB + scatter_db[1:]
    is_joined = is_floor[1:] & is_floor[:-1] & steps
    first = 0
    for band in range(is_floor.size):
        if band == is_floor.size - 1 or not is_joined[band]:
            yield slice(first, band + 1)
            first = band + 1


def _with_sides(run: slice, may_be_floor: NDArray[np.bool_], densities_db: Floats) -> slice:
    """The run and what goes on from it on both sides without rising faster than noise does."""
    octaves = np.log2(band_centres_hz())
    first, last = run.start, run.stop - 1
    while first > 0 and may_be_floor[first - 1]:
        rise_db = densities_db[first - 1] - densities_db[first]
        if rise_db > -SLOPES_DB[0] * (octaves[first] - octaves[first - 1]):
            break
        first -= 1
    while last + 1 < may_be_floor.size and may_be_floor[last + 1] and densities_db[last + 1] < densities_db[last]:
        last += 1
    return slice(first, last + 1)


def _is_noise(run: slice, densities_db: Floats) -> bool:
    """Whether enough neighbours lie on one line of a slope that noise has."""
    octaves = np.log2(band_centres_hz()[run])
    is_proof = octaves > np.log2(PROOF_ABOVE_HZ)
    if np.sum(is_proof) < FEWEST_PROOF_BANDS:
        return False
    octaves, floors = octaves[is_proof], densities_db[run][is_proof]
    slope, offset = np.polyfit(octaves, floors, 1)
    roughness = np.std(floors - slope * octaves - offset)
    return bool(SLOPES_DB[0] < slope < SLOPES_DB[1] and roughness < MOST_ROUGHNESS_DB)
