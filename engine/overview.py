"""What a picture of a file needs, gathered while the file streams by.

An `Overview` is told the number of frames and fed every block once, in order. It keeps the extremes and the power of
some hundreds of columns, and a few spectra for each, so its size does not grow with the file; what it holds does not
depend on how the file was cut into blocks. Long files are looked at in places: `SPECTRA_PER_COLUMN` spectra stand for
however many seconds a column covers, while the extremes are those of every sample.
"""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.audio import Audio
from rebounce.engine.source import open_source

WAVE_COLUMNS = 1200
SPECTRUM_COLUMNS = 900
SPECTRUM_ROWS = 288
SPECTRA_PER_COLUMN = 3
HIGHEST_HZ = 24_000.0
WARP_HZ = 1_000.0
"""Rows are spaced as log(1 + f / WARP_HZ): nearly linear below 1 kHz, nearly in octaves above, much as ears have it."""

SPECTRUM_S = 0.085
"""A spectrum is at least this long; at 44.1 kHz that makes 4096 frames, and a bin never wider than a row."""

FLOOR_DBFS = -127.5
STEPS_PER_DB = 2


class Overview:
    """The picture of one file, see above; `channels` are kept apart in the wave and summed in the spectrum."""

    def __init__(self, *, frames: int, channels: int, sample_rate_hz: float) -> None:
        self.frames = frames
        self.channels = channels
        self.sample_rate_hz = float(sample_rate_hz)
        self._seen = 0
        columns = min(WAVE_COLUMNS, frames)
        self._wave_starts = _column_starts(frames, columns)
        self._lowest = np.full((channels, columns), np.inf, dtype=np.float32)
        self._highest = np.full((channels, columns), -np.inf, dtype=np.float32)
        self._power = np.zeros((channels, columns))
        self._spectra = _Spectra(frames, channels, self.sample_rate_hz)

    def add(self, block: Audio) -> None:
        """Take the next frames `(channels, any)`."""
        assert block.shape[0] == self.channels, block.shape
        assert self._seen + block.shape[1] <= self.frames, (self._seen, block.shape, self.frames)
        if block.shape[1]:
            self._add_wave(block)
            self._spectra.add(block)
            self._seen += block.shape[1]

    @property
    def is_whole(self) -> bool:
        """True when every frame has come by."""
        return self._seen == self.frames

    @property
    def duration_s(self) -> float:
        return self.frames / self.sample_rate_hz

    @property
    def lowest(self) -> Audio:
        """The smallest sample of each column, `(channels, columns)`."""
        return self._lowest

    @property
    def highest(self) -> Audio:
        """The largest sample of each column, `(channels, columns)`."""
        return self._highest

    @property
    def rms(self) -> Audio:
        """The root mean square of each column, `(channels, columns)`."""
        lengths = np.diff(np.append(self._wave_starts, self.frames))
        return np.sqrt(self._power / np.maximum(lengths, 1)).astype(np.float32)

    @property
    def spectrum_dbfs(self) -> Audio:
        """Level `(rows, columns)`, lowest row first, a full-scale sine at 0; `FLOOR_DBFS` and less reads as floor."""
        return self._spectra.levels_dbfs()

    def loudest_s(self, length_s: float) -> tuple[float, float]:
        """Start and end of the stretch of at most `length_s` that carries the most power."""
        length_s = min(length_s, self.duration_s)
        columns = len(self._wave_starts)
        if not columns or length_s >= self.duration_s:
            return 0.0, self.duration_s
        wide = max(1, round(length_s / self.duration_s * columns))
        total = np.concatenate([[0.0], np.cumsum(self._power.sum(axis=0))])
        carried = total[wide:] - total[:-wide]
        # The earliest of those that are as good as equal: the order of additions must not decide.
        first = int(np.argmax(carried >= carried.max() * (1 - 1e-6)))
        start_s = min(int(self._wave_starts[first]) / self.sample_rate_hz, self.duration_s - length_s)
        return start_s, start_s + length_s

    def _add_wave(self, block: Audio) -> None:
        """Fold the block into the columns that it touches."""
        end = self._seen + block.shape[1]
        first = int(np.searchsorted(self._wave_starts, self._seen, side="right")) - 1
        last = int(np.searchsorted(self._wave_starts, end, side="left"))
        cuts = np.maximum(self._wave_starts[first:last] - self._seen, 0)
        touched = slice(first, last)
        np.minimum(self._lowest[:, touched], np.minimum.reduceat(block, cuts, axis=1), out=self._lowest[:, touched])
        np.maximum(self._highest[:, touched], np.maximum.reduceat(block, cuts, axis=1), out=self._highest[:, touched])
        self._power[:, touched] += np.add.reduceat(np.square(block, dtype=np.float64), cuts, axis=1)


class _Spectra:
    """Spectra at places fixed beforehand, each worked out as soon as its last frame has come by."""

    def __init__(self, frames: int, channels: int, sample_rate_hz: float) -> None:
        self._length = spectrum_frames(sample_rate_hz)
        self._columns = min(SPECTRUM_COLUMNS, frames)
        self._frames = frames
        self._starts = _spectrum_starts(frames, self._columns, self._length)
        self._next = 0
        # Silence before the start and after the end, so that the first and last columns have whole windows.
        self._before = np.zeros((channels, self._length), dtype=np.float32)
        self._position = 0
        self._power = np.zeros((SPECTRUM_ROWS, self._columns), dtype=np.float32)
        self._window = np.hanning(self._length).astype(np.float32)
        self._edges, self._end = row_bins(sample_rate_hz)

    def add(self, block: Audio) -> None:
        self._take(block)
        if self._position == self._frames:
            self._take(np.zeros((block.shape[0], self._length), dtype=np.float32))

    def levels_dbfs(self) -> Audio:
        quietest = np.float32(10 ** (FLOOR_DBFS / 10))
        return np.asarray(10 * np.log10(np.maximum(self._power, quietest)), dtype=np.float32)

    def _take(self, block: Audio) -> None:
        """Work out every spectrum that ends within the block."""
        known = np.concatenate([self._before, block], axis=1)
        known_from = self._position - self._length
        self._position += block.shape[1]
        while self._next < len(self._starts) and self._starts[self._next] + self._length <= self._position:
            start = int(self._starts[self._next]) - known_from
            self._look(known[:, start : start + self._length], self._next * self._columns // len(self._starts))
            self._next += 1
        self._before = known[:, known.shape[1] - self._length :].copy()

    def _look(self, window: Audio, column: int) -> None:
        """Add one spectrum to its column: the strongest bin of each row, the power of the channels averaged."""
        spectrum = fft.rfft(window * self._window, axis=1)
        power = np.mean(spectrum.real**2 + spectrum.imag**2, axis=0) * np.float32((2 / self._window.sum()) ** 2)
        levels = np.maximum.reduceat(power[: self._end], self._edges)
        known = self._power[: len(levels), column]
        np.maximum(known, levels, out=known)


def overview_of(path: Path) -> Overview:
    """The overview of a file on disk, read block by block as it is restored: a header that lies is mended here too."""
    with open_source(path) as source:
        info = source.info
        overview = Overview(frames=info.frames, channels=info.channels, sample_rate_hz=info.sample_rate_hz)
        for block in source.blocks():
            overview.add(block.audio)
    return overview


def spectrum_frames(sample_rate_hz: float) -> int:
    """How many frames one spectrum takes at a rate: a power of two."""
    return 1 << math.ceil(math.log2(SPECTRUM_S * sample_rate_hz))


def row_hz(row: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """The frequency of the lower edge of a row."""
    return np.asarray(WARP_HZ * np.expm1(np.asarray(row) / SPECTRUM_ROWS * math.log1p(HIGHEST_HZ / WARP_HZ)))


def hz_row(frequency_hz: float) -> float:
    """The row, with its fraction, where a frequency lies."""
    return SPECTRUM_ROWS * math.log1p(frequency_hz / WARP_HZ) / math.log1p(HIGHEST_HZ / WARP_HZ)


def row_bins(sample_rate_hz: float) -> tuple[NDArray[np.int64], int]:
    """The first bin of each row that begins below half the rate, and the bin where the last of them ends."""
    length = spectrum_frames(sample_rate_hz)
    edges_hz = row_hz(np.arange(SPECTRUM_ROWS + 1.0))
    bins = np.minimum(np.round(edges_hz * length / sample_rate_hz), length // 2).astype(np.int64)
    rows = min(SPECTRUM_ROWS, int(np.count_nonzero(edges_hz < sample_rate_hz / 2)))
    return bins[:rows], int(max(bins[rows], bins[rows - 1] + 1))


def _column_starts(frames: int, columns: int) -> NDArray[np.int64]:
    return np.arange(columns, dtype=np.int64) * frames // max(columns, 1)


def _spectrum_starts(frames: int, columns: int, length: int) -> NDArray[np.int64]:
    """The first frame of each spectrum; they stand evenly, with the same number for every column."""
    per_column = SPECTRA_PER_COLUMN if frames // max(columns, 1) >= length else 1
    count = columns * per_column
    centres = (2 * np.arange(count, dtype=np.int64) + 1) * frames // (2 * max(count, 1))
    return centres - length // 2
