"""Finds the hum of the mains: lines at 50 or 60 Hz and their multiples that stand still through the whole file.

A bass note comes and goes; hum has the same level and the same phase in the softest moment as in the loudest. So every
second is looked at for the few hertz around each multiple, and a line counts where one frequency, level and phase
explain most seconds that are soft enough to show it and where no second denies it. What always holds: memory does not
grow with the file beyond `MOST_STRETCHES`, and the channels agree on the frequency alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import Slabs

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

MAINS_HZ = (50.0, 60.0)
MOST_OFF_HZ = 0.5
HIGHEST_MULTIPLE = 12
# The rate that is left for looking, at least.
LOOKING_RATE_HZ = 6_000.0
# What is silent for so long is black: no hum goes through it.
PART_SECONDS = 0.005
MOST_BLACK_SHARE = 0.01
# The neighbours in which the music around a line is measured reach this far past where the line itself may be.
NEIGHBOUR_HZ = 3.0
# The median of the power of noise is so much below its mean.
MEDIAN_SHARE = np.log(2)
# Amplitudes of nothing at all, -160 dBFS.
LEAST_AMPLITUDE = 1e-8

# A stretch is what one phase is fitted to; every other one is dropped when there are this many.
STRETCH_SECONDS = 16
MOST_STRETCHES = 64
FEWEST_SECONDS = 6
COARSE_STEP_HZ = 0.002
FINE_STEP_HZ = 0.0001
# No single multiple says more than this, so that a loud bass note alone never decides on the frequency.
MOST_EVIDENCE = 40.0

FITS = 8
# A second shows a line where the music around it is this much softer, and agrees with it where no more is left.
SHOWN_SHARE = 0.4
AGREES_SHARE = 0.5
# It denies the line where it would have shown it and it is not there.
DENIES_SHARE = 0.6
FEWEST_AGREEING_SHARE = 0.3
MOST_DENYING_SHARE = 0.04
FEWEST_AGREEING = 5

LEAST_WANDER = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Hum:
    """The lines that one file has: multiples of `mains_hz`, none where there is no hum.

    `real` and `imaginary` are the amplitudes at the first frame, channel by channel for each multiple in turn.
    `wander` is by how much of itself an amplitude changes in a second.
    """

    mains_hz: float | None
    multiples: tuple[int, ...]
    real: tuple[float, ...]
    imaginary: tuple[float, ...]
    wander: float

    def amplitudes(self) -> Complexes:
        """`(lines, channels)`."""
        values = np.asarray(self.real) + 1j * np.asarray(self.imaginary)
        return values.reshape(len(self.multiples), -1)

    def level_dbfs(self) -> float:
        """The level of all lines together, a channel."""
        power = np.square(np.abs(self.amplitudes())).sum(axis=0).mean() / 2
        return float(10 * np.log10(power + LEAST_AMPLITUDE**2))


NO_HUM = Hum(mains_hz=None, multiples=(), real=(), imaginary=(), wander=LEAST_WANDER)


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
    def seconds(self) -> float:
        """How long what is called a second really is."""
        return self.second / self.sample_rate_hz

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
    last = int((MAINS_HZ[-1] + MOST_OFF_HZ) * HIGHEST_MULTIPLE / grid.bin_hz + NEIGHBOUR_HZ / grid.bin_hz) + 2
    last = min(last, grid.size // 2)
    bins = np.fft.rfft(slow * window)[:, :last] * (2 / grid.size)
    bins[:, 1::2] *= -1
    return np.asarray(bins / _step_gains(np.arange(last) * grid.bin_hz, grid), dtype=np.complex128)


def _step_gains(frequencies_hz: Floats, grid: Grid) -> Floats:
    """What the mean over a step leaves of each frequency."""
    turns = frequencies_hz / grid.sample_rate_hz
    return np.asarray(np.sinc(turns * grid.step) / np.sinc(turns))


def line_response(offset_bins: Floats) -> Floats:
    """What a bin shows of a line of amplitude 1 that lies so far from it."""
    inside = np.clip(np.abs(offset_bins), 0, 0.999)
    return np.asarray(np.sinc(inside) / (1 - inside**2))


def music_around(bins: Complexes, mains_hz: float, multiple: int, grid: Grid) -> Floats:
    """The amplitude of what else is around a line, in the mean over the channels of the last axis but one."""
    reach = multiple * MOST_OFF_HZ + NEIGHBOUR_HZ
    nominal = min(MAINS_HZ, key=lambda hz: abs(hz - mains_hz)) * multiple
    first, last = (int(round((nominal + side * reach) / grid.bin_hz)) for side in (-1, 1))
    power = np.square(np.abs(bins[..., max(first, 1) : last + 1])).mean(axis=-2)
    return np.asarray(np.sqrt(np.median(power, axis=-1) / MEDIAN_SHARE) + LEAST_AMPLITUDE)


def lines_in(bins: Complexes, frequencies_hz: Floats, grid: Grid) -> Complexes:
    """The amplitudes of lines about the middle of a look, `(..., channels, lines)`."""
    places = np.round(frequencies_hz / grid.bin_hz).astype(int)
    return np.asarray(bins[..., places] / line_response(frequencies_hz / grid.bin_hz - places))
