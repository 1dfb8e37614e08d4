"""Looks at the few hertz around each multiple of the mains: two seconds at a time, one a second.

What always holds: a look with digital silence in it is none, and all amplitudes are told about the middle of the look.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

MAINS_HZ = (50.0, 60.0)
MOST_OFF_HZ = 0.1
HIGHEST_MULTIPLE = 12
ALL_LINES = [(mains_hz, multiple) for mains_hz in MAINS_HZ for multiple in range(1, HIGHEST_MULTIPLE + 1)]

# The rate that is left for looking, at least.
LOOKING_RATE_HZ = 6_000.0
# What is silent for so long is black: no hum goes through it.
PART_SECONDS = 0.005
MOST_BLACK_SHARE = 0.01
# The neighbours in which the music around a line is measured reach this far past where the line itself may be, and all
# that is kept reaches further past the highest line.
NEIGHBOUR_HZ = 3.0
KEPT_HZ = 28.0
# The median of the power of noise is so much below its mean.
MEDIAN_SHARE = np.log(2)
# Amplitudes of nothing at all, -160 dBFS.
LEAST_AMPLITUDE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How the audio is cut for looking at it: seconds that are a whole number of `part` frames, of `step` frames each.

    A look is two such seconds under a Hann window.
    """

    sample_rate_hz: float
    step: int
    part: int
    second: int

    @property
    def size(self) -> int:
        return 2 * self.second // self.step

    @property
    def bin_hz(self) -> float:
        return self.sample_rate_hz / (2 * self.second)

    @property
    def centre(self) -> float:
        """Where the middle of a look lies, in frames from its first."""
        return self.second + (self.step - 1) / 2


def grid_for(sample_rate_hz: float) -> Grid:
    step = max(1, int(sample_rate_hz / LOOKING_RATE_HZ))
    part = step * max(1, round(PART_SECONDS * sample_rate_hz / step))
    return Grid(sample_rate_hz=sample_rate_hz, step=step, part=part, second=part * round(sample_rate_hz / part))


def black_parts(audio: Audio, grid: Grid) -> NDArray[np.bool_]:
    """Which parts are digital silence in all channels."""
    parts = audio.reshape(audio.shape[0], -1, grid.part)
    return np.asarray(~parts.any(axis=(0, 2)))


def look(audio: Audio, grid: Grid) -> Complexes | None:
    """The lowest bins of two seconds, `(channels, bins)`, as amplitudes about the middle; None where some is black."""
    if black_parts(audio, grid).mean() > MOST_BLACK_SHARE:
        return None
    slow = audio.reshape(audio.shape[0], grid.size, grid.step).mean(axis=2)
    window = (1 - np.cos(2 * np.pi * np.arange(grid.size) / grid.size)).astype(np.float32)
    last = int(((MAINS_HZ[-1] + MOST_OFF_HZ) * HIGHEST_MULTIPLE + KEPT_HZ) / grid.bin_hz) + 2
    last = min(last, grid.size // 2)
    bins = np.fft.rfft(slow * window)[:, :last] * (2 / grid.size)
    bins[:, 1::2] *= -1
    return np.asarray(bins / _step_gains(np.arange(last, dtype=np.float64) * grid.bin_hz, grid), dtype=np.complex128)


def _step_gains(frequencies_hz: Floats, grid: Grid) -> Floats:
    """What the mean over a step leaves of each frequency."""
    turns = frequencies_hz / grid.sample_rate_hz
    return np.asarray(np.sinc(turns * grid.step) / np.sinc(turns))


def music_around(bins: Complexes, lines: Iterable[tuple[float, int]], grid: Grid) -> Floats:
    """The amplitude of what else is around each line, in the mean over the channels."""
    powers = np.square(np.abs(bins)).mean(axis=0)
    medians = [np.median(powers[_neighbours(mains_hz, multiple, grid)]) for mains_hz, multiple in lines]
    return np.asarray(np.sqrt(np.asarray(medians) / MEDIAN_SHARE) + LEAST_AMPLITUDE)


def _neighbours(mains_hz: float, multiple: int, grid: Grid) -> slice:
    reach = multiple * MOST_OFF_HZ + NEIGHBOUR_HZ
    first, last = (round((mains_hz * multiple + side * reach) / grid.bin_hz) for side in (-1, 1))
    return slice(first, last + 1)


def line_response(offset_bins: Floats) -> Floats:
    """What a bin shows of a line of amplitude 1 that lies so far from it."""
    inside = np.clip(np.abs(offset_bins), 0, 0.999)
    return np.asarray(np.sinc(inside) / (1 - inside**2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Looks in a row, one a second: the lowest bins, `(looks, channels, bins)`, and the music around each line.

    `around` is `(looks, lines)` in the order of `ALL_LINES`, and `centres_s` is when the looks have their middles.
    """

    bins: NDArray[np.complex64]
    around: Floats
    centres_s: Floats

    def line(self, frequencies_hz: Floats, grid: Grid) -> Complexes:
        """What the looks show at each of some frequencies, told about the first frame of the file.

        `(frequencies, looks, channels)`.
        """
        exact = frequencies_hz / grid.bin_hz
        places = np.clip(np.round(exact).astype(int), 0, self.bins.shape[2] - 1)
        shown = np.moveaxis(self.bins[:, :, places], 2, 0) / _column(line_response(exact - places))
        turns = np.exp(-2j * np.pi * frequencies_hz[:, np.newaxis] * self.centres_s)
        return np.asarray(shown * turns[:, :, np.newaxis])

    def music(self, mains_hz: float, multiple: int) -> Floats:
        """The amplitude of what else is around a multiple, a value a look."""
        return self.around[:, ALL_LINES.index((mains_hz, multiple))]


def _column(values: Floats) -> Floats:
    return values[:, np.newaxis, np.newaxis]


def lines_in(bins: Complexes, frequencies_hz: Floats, grid: Grid) -> Complexes:
    """The amplitudes of lines about the middle of a look, `(..., channels, lines)`."""
    places = np.round(frequencies_hz / grid.bin_hz).astype(int)
    return np.asarray(bins[..., places] / line_response(frequencies_hz / grid.bin_hz - places))
