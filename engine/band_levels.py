"""How loud each band of a file is, how often, and how flat its spectrum is then: one pass, in memory that stays small.

The bands have the same edges at any sample rate. Frames that are silent in part are left out.
"""

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import Framing, powers_of, separate_spectra_of, size_near

Floats = NDArray[np.float64]

FRAME_SECONDS = 0.0464

LOWEST_BAND_HZ = 60.0
NARROWEST_BAND_HZ = 150.0
BANDS_PER_OCTAVE = 6
HIGHEST_BAND_HZ = 96_000.0

# The level of n bins of noise scatters by this over sqrt(n).
SCATTER_DB = 4.8

LOWEST_CELL_DB = -150.0
CELLS_PER_DB = 10
CELLS = 2_000
LOUD_SHARE = 0.95
# A frame this near the loudest so far is not in a fade.
LOUD_POWER_SHARE = 0.25


def analysis_framing(sample_rate_hz: float) -> Framing:
    """Frames of about 46 ms."""
    return Framing(size=size_near(FRAME_SECONDS * sample_rate_hz), overlap=4)


def band_edges_hz() -> Floats:
    """Where the bands begin, and where the last one ends; the same at any sample rate."""
    edges = [LOWEST_BAND_HZ]
    while edges[-1] < HIGHEST_BAND_HZ:
        edges.append(edges[-1] + max(NARROWEST_BAND_HZ, edges[-1] * (2 ** (1 / BANDS_PER_OCTAVE) - 1)))
    return np.asarray(edges)


def band_centres_hz() -> Floats:
    edges = band_edges_hz()
    return np.asarray(np.sqrt(edges[:-1] * edges[1:]))


class LevelCounts:
    """How often each band had which level, and how flat its spectrum was then."""

    def __init__(self, bands: int) -> None:
        self._counts = np.zeros((bands, CELLS), dtype=np.int64)
        self._flatness = np.zeros((bands, CELLS))

    def add(self, cells: NDArray[np.intp], flatness_db: Floats) -> None:
        """Count frames: `(frames, bands)` each."""
        places = (cells + np.arange(cells.shape[1]) * CELLS).ravel()
        size, shape = self._counts.size, self._counts.shape
        self._counts += np.bincount(places, minlength=size).reshape(shape)
        self._flatness += np.bincount(places, weights=flatness_db.ravel(), minlength=size).reshape(shape)

    def take(self, other: "LevelCounts") -> None:
        """Add all that the other has counted, and empty it."""
        self._counts += other._counts
        self._flatness += other._flatness
        other._counts[:] = 0
        other._flatness[:] = 0

    @property
    def frames(self) -> int:
        return int(self._counts[0].sum())

    def softest_db(self, share: float) -> Floats:
        """The density that each band is below in this share of the frames."""
        sums = np.cumsum(self._counts, axis=1)
        cells = np.argmax(sums >= share * sums[:, -1:], axis=1)
        return np.asarray(LOWEST_CELL_DB + (cells + 0.5) / CELLS_PER_DB)

    def flatness_db(self, share: float) -> Floats:
        """How flat each band is in this share of its frames, the softest."""
        is_soft = np.arange(CELLS) <= ((self.softest_db(share) - LOWEST_CELL_DB) * CELLS_PER_DB)[:, np.newaxis]
        counts = np.sum(self._counts * is_soft, axis=1)
        return np.asarray(np.sum(self._flatness * is_soft, axis=1) / np.maximum(counts, 1))

    def around_db(self, densities_db: Floats, reach_db: Floats) -> tuple[Floats, Floats]:
        """In what share of the frames each band is within reach of a density, and how flat it is then."""
        levels_db = LOWEST_CELL_DB + (np.arange(CELLS) + 0.5) / CELLS_PER_DB
        is_near = np.abs(levels_db - densities_db[:, np.newaxis]) <= reach_db[:, np.newaxis]
        counts = np.sum(self._counts * is_near, axis=1)
        flatness_db = np.sum(self._flatness * is_near, axis=1) / np.maximum(counts, 1)
        return counts / max(1, self.frames), np.asarray(flatness_db)


class BandLevels:
    """The levels of a file's bands; what comes after the last loud frame is counted apart, as it may be a fade."""

    def __init__(self, sample_rate_hz: float, silence_dbfs: float) -> None:
        self._silence_dbfs = silence_dbfs
        self.framing = analysis_framing(sample_rate_hz)
        self._scale = np.float32(self.framing.density_scale(sample_rate_hz))
        self._bin_hz = self.framing.bin_hz(sample_rate_hz)
        edges = band_edges_hz()
        starts = np.round(edges[edges <= sample_rate_hz / 2] / self._bin_hz).astype(int)
        self._starts, self._end = starts[:-1], starts[-1]
        self._widths = np.diff(starts)
        self.scatter_db = SCATTER_DB / np.sqrt(self._widths)
        self.body = LevelCounts(self._widths.size)
        self.tail = LevelCounts(self._widths.size)
        self._totals = LevelCounts(1)
        self._loudest = 0.0

    def see(self, slab: Audio) -> None:
        """Take note of the next frames, silence apart."""
        is_sounding = _is_sounding(slab, self.framing.size, self._silence_dbfs)
        powers = powers_of(separate_spectra_of(slab, self.framing))[:, is_sounding]
        if powers.shape[1] == 0:
            return
        powers /= self._scale
        totals = powers.mean(axis=0).sum(axis=1) * self._bin_hz
        bands = self._band_means(powers)
        powers += np.float32(1e-20)
        logs = self._band_means(np.log10(powers, out=powers))
        flatness_db = np.average(10 * logs - _decibels(bands), axis=0, weights=bands + 1e-30)
        self._totals.add(_cells(totals[:, np.newaxis]), np.zeros_like(totals))
        self._count(totals, _cells(bands.mean(axis=0)), flatness_db)

    def programme_dbfs(self) -> float | None:
        """How loud the louder frames are; None where nothing sounds."""
        return float(self._totals.softest_db(LOUD_SHARE)[0]) if self._totals.frames else None

    def total_dbfs(self, densities_db: Floats) -> float:
        """How loud noise of these densities is."""
        return float(10 * np.log10(np.sum(10 ** (densities_db / 10) * self._widths) * self._bin_hz))

    def _count(self, totals: Floats, cells: NDArray[np.intp], flatness_db: Floats) -> None:
        self._loudest = max(self._loudest, float(totals.max()))
        loud = np.flatnonzero(totals > self._loudest * LOUD_POWER_SHARE)
        if loud.size:
            self.body.take(self.tail)
        end = loud[-1] + 1 if loud.size else 0
        self.body.add(cells[:end], flatness_db[:end])
        self.tail.add(cells[end:], flatness_db[end:])

    def _band_means(self, powers: Audio) -> Floats:
        """The mean over the bins of each band, of the last axis."""
        sums = np.add.reduceat(powers[..., : self._end], self._starts, axis=-1)
        return np.asarray(sums / self._widths)


def _is_sounding(slab: Audio, size: int, silence_dbfs: float) -> NDArray[np.bool_]:
    """For each frame whether all of it is louder than silence."""
    count = slab.shape[1] // size
    parts = slab[:, : count * size].reshape(slab.shape[0], count, 8, size // 8)
    powers = np.einsum("cfps,cfps->fp", parts, parts) / (slab.shape[0] * size // 8)
    return np.asarray(powers.min(axis=1) > 10 ** (silence_dbfs / 10))


def _cells(powers: Floats) -> NDArray[np.intp]:
    return np.clip((_decibels(powers) - LOWEST_CELL_DB) * CELLS_PER_DB, 0, CELLS - 1).astype(np.intp)


def _decibels(powers: Floats) -> Floats:
    return np.asarray(10 * np.log10(powers + 1e-20))
