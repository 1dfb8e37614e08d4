"""Finds the noise floor of a file in its quietest passages, and finds none where there is none.

A noise floor is what is left when the music pauses. So the quietest frames are kept, in bounded memory, and taken for
noise only where they behave like it: many of them are equally loud, band by band no louder or softer from one to the
next than noise is, without the peaks and gaps of tones, and well below the programme. What always holds: digital
silence, fades, and anything below `QUIETEST_NOISE_DBFS` never count, and continuous music has no floor.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import Framing, Powers, powers_of, separate_spectra_of, size_near, slabs_of

Floats = NDArray[np.float64]

FRAME_SECONDS = 0.0464
SLAB_FRAMES = 24
KEPT_FRAMES = 128

# Hiss below this is under the dither of 16 bits in all but the quietest music, and a repair would only add risk.
QUIETEST_NOISE_DBFS = -80.0
# The programme is at its own loudest this far above its noise, or the quiet passages are part of the music.
LEAST_DISTANCE_DB = 20.0
FEWEST_QUIET_FRAMES = 8
CLUSTER_WIDTH_DB = 1.2
# How many of the bands must behave like noise for the quiet frames to be noise.
LEAST_NOISE_SHARE = 0.75

# The mean of log power minus the log of mean power is -2.5 dB for noise whatever its level, and far lower for tones.
FLATTEST_NOISE_DB = -3.5
# The level of a band of n bins scatters by about 4.3 / sqrt(n) dB in noise; Hann makes neighbours alike.
SCATTER_DB = 5.3
SCATTER_ALLOWED = 1.7

LOWEST_BAND_HZ = 60.0
NARROWEST_BAND_HZ = 150.0
BANDS_PER_OCTAVE = 6
HIGHEST_BAND_HZ = 96_000.0

NO_DENSITY_DB = -200.0
LEAST_DENSITY_DB = -145.0
HISTOGRAM_DB = (-150, 50)
LOUD_SHARE = 0.95
SELDOM_SHARE = 0.02


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
        """The noise density in full scale squared per hertz, read between the centres of the bands."""
        centres = band_centres_hz()[: len(self.density_db)]
        places = np.log(np.maximum(frequencies_hz, centres[0]))
        return np.asarray(10 ** (np.interp(places, np.log(centres), self.density_db, right=NO_DENSITY_DB) / 10))


def noise_framing(sample_rate_hz: float) -> Framing:
    """Frames of about 46 ms."""
    return Framing(size=size_near(FRAME_SECONDS * sample_rate_hz), overlap=4)


def find_noise(blocks: Iterable[Audio], sample_rate_hz: float) -> NoiseProfile:
    """One pass over the file, `(channels, any)` a block."""
    quiet = _QuietFrames(sample_rate_hz)
    for slab in slabs_of(blocks, SLAB_FRAMES * quiet.framing.size):
        quiet.see(slab)
    programme_dbfs = quiet.loud_dbfs()
    if programme_dbfs is None:
        return _nothing(None, "the file is silent")
    for cluster in quiet.clusters():
        densities, is_noise = quiet.judge(cluster)
        level_dbfs = quiet.level_dbfs(cluster)
        is_low = level_dbfs <= programme_dbfs - LEAST_DISTANCE_DB
        if is_low and np.mean(is_noise) >= LEAST_NOISE_SHARE:
            kept = np.where(is_noise, densities, NO_DENSITY_DB)
            return NoiseProfile(
                density_db=tuple(round(float(density), 2) for density in kept),
                noise_dbfs=round(level_dbfs, 1),
                programme_dbfs=round(programme_dbfs, 1),
                finding=f"a noise floor of {level_dbfs:.0f} dBFS in the pauses",
            )
    return _nothing(programme_dbfs, "no passage where only noise is heard")


def band_edges_hz() -> Floats:
    """Where the bands begin, and where the last one ends; the same at any sample rate."""
    edges = [LOWEST_BAND_HZ]
    while edges[-1] < HIGHEST_BAND_HZ:
        edges.append(edges[-1] + max(NARROWEST_BAND_HZ, edges[-1] * (2 ** (1 / BANDS_PER_OCTAVE) - 1)))
    return np.asarray(edges)


def band_centres_hz() -> Floats:
    edges = band_edges_hz()
    return np.asarray(np.sqrt(edges[:-1] * edges[1:]))


class _QuietFrames:
    """The quietest frames of a file that are not silence, and how loud each band is over all of it."""

    def __init__(self, sample_rate_hz: float) -> None:
        self.framing = noise_framing(sample_rate_hz)
        self._scale = self.framing.density_scale(sample_rate_hz)
        self._bin_hz = self.framing.bin_hz(sample_rate_hz)
        edges = band_edges_hz()
        # A band is whole or not there.
        edges = edges[edges <= sample_rate_hz / 2]
        self._starts = np.round(edges / self._bin_hz).astype(int)
        self._widths = np.diff(self._starts)
        self._histogram = np.zeros((self._widths.size + 1, HISTOGRAM_DB[1] - HISTOGRAM_DB[0]), dtype=np.int64)
        self._powers: Powers | None = None
        self._quietness = np.zeros(0)

    def see(self, slab: Audio) -> None:
        """Take note of the next frames."""
        powers = powers_of(separate_spectra_of(slab, self.framing)) / np.float32(self._scale)
        powers = powers[:, _is_sounding(slab, self.framing.size)]
        if powers.shape[1] == 0:
            return
        bands = self._band_means(powers.mean(axis=0))
        levels_db = _decibels(bands)
        totals_db = _decibels(powers.mean(axis=0).sum(axis=1) * self._bin_hz)
        self._count(np.concatenate([levels_db, totals_db[:, np.newaxis]], axis=1))
        self._keep(powers, np.maximum(levels_db, LEAST_DENSITY_DB).mean(axis=1))

    def loud_dbfs(self) -> float | None:
        """How loud the louder frames are; None where nothing sounds."""
        return _quantile(self._histogram[-1], LOUD_SHARE) if self._histogram.any() else None

    def _seldom_softer_db(self) -> Floats:
        """The level each band seldom falls below in all of the file."""
        return np.asarray([_quantile(row, SELDOM_SHARE) for row in self._histogram[:-1]])

    def clusters(self) -> Iterable[Powers]:
        """Groups of equally quiet frames, the quietest first."""
        order = np.argsort(self._quietness, kind="stable")
        quietness = self._quietness[order]
        first = 0
        while self._powers is not None and first < quietness.size:
            last = int(np.searchsorted(quietness, quietness[first] + CLUSTER_WIDTH_DB))
            if last - first >= FEWEST_QUIET_FRAMES:
                yield self._powers[:, order[first:last]]
                first = last
            else:
                first += 1

    def judge(self, cluster: Powers) -> tuple[Floats, NDArray[np.bool_]]:
        """The density of each band over these frames, and whether it behaves like noise."""
        bands = self._band_means(cluster)
        logs = self._band_means(_decibels(cluster))
        flatness = np.average(logs - _decibels(bands), axis=(0, 1), weights=bands + 1e-30)
        levels_db = _decibels(bands.mean(axis=0))
        densities_db = np.median(levels_db, axis=0)
        # The quartiles, so that a few frames with something else in them do not count.
        scatter = np.diff(np.percentile(levels_db, (25, 75), axis=0), axis=0)[0] / 1.35
        expected = SCATTER_DB / np.sqrt(self._widths)
        is_steady = scatter < SCATTER_ALLOWED * expected
        is_always_there = densities_db < self._seldom_softer_db() + 3 * expected + 1
        is_there = densities_db > LEAST_DENSITY_DB
        return densities_db, (flatness > FLATTEST_NOISE_DB) & is_steady & is_always_there & is_there

    def level_dbfs(self, cluster: Powers) -> float:
        return float(_decibels(cluster.mean(axis=(0, 1)).sum() * self._bin_hz))

    def _band_means(self, powers: NDArray[np.floating]) -> Floats:
        """The mean over the bins of each band, of the last axis."""
        inside = powers[..., : self._starts[-1]]
        return np.asarray(np.add.reduceat(inside, self._starts[:-1], axis=-1, dtype=np.float64) / self._widths)

    def _count(self, levels_db: Floats) -> None:
        low, high = HISTOGRAM_DB
        cells = np.clip(levels_db.astype(int) - low, 0, high - low - 1)
        rows = np.arange(cells.shape[1]) * (high - low)
        counts = np.bincount((cells + rows).ravel(), minlength=self._histogram.size)
        self._histogram += counts.reshape(self._histogram.shape)

    def _keep(self, powers: Powers, quietness: Floats) -> None:
        if self._powers is not None:
            powers = np.concatenate([self._powers, powers], axis=1)
            quietness = np.concatenate([self._quietness, quietness])
        kept = np.argsort(quietness, kind="stable")[:KEPT_FRAMES]
        self._powers, self._quietness = powers[:, kept], quietness[kept]


def _is_sounding(slab: Audio, size: int) -> NDArray[np.bool_]:
    """For each frame whether all of it is louder than the quietest noise that counts."""
    count = slab.shape[1] // size
    parts = slab[:, : count * size].reshape(slab.shape[0], count, 8, size // 8)
    powers = np.einsum("cfps,cfps->fp", parts, parts) / (slab.shape[0] * size // 8)
    return np.asarray(powers.min(axis=1) > 10 ** (QUIETEST_NOISE_DBFS / 10))


def _decibels(powers: NDArray[np.floating]) -> Floats:
    return np.asarray(10 * np.log10(powers + 1e-20))


def _quantile(histogram: NDArray[np.int64], share: float) -> float:
    counts = np.cumsum(histogram)
    return float(HISTOGRAM_DB[0] + np.searchsorted(counts, share * counts[-1]) + 0.5)


def _nothing(programme_dbfs: float | None, finding: str) -> NoiseProfile:
    loud = None if programme_dbfs is None else round(programme_dbfs, 1)
    return NoiseProfile(density_db=(), noise_dbfs=None, programme_dbfs=loud, finding=finding)
