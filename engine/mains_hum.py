"""Finds the hum of the mains: lines at 50 or 60 Hz and their multiples that stand still through the whole file.

A bass note comes and goes; hum has the same level and the same phase in the softest moment as in the loudest. So every
second is looked at, and a line counts where one frequency, level and phase explain most seconds that are soft enough to
show it and hardly one denies it. What always holds: memory does not grow with the file beyond `MOST_STRETCHES`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.hum_looks import (
    ALL_LINES,
    HIGHEST_MULTIPLE,
    LEAST_AMPLITUDE,
    MAINS_HZ,
    MOST_OFF_HZ,
    Complexes,
    Floats,
    Grid,
    Stretch,
    grid_for,
    look,
    music_around,
    places_of,
)
from rebounce.engine.overlap_add import Slabs

# A stretch is what one phase is fitted to; every other one is dropped when there are this many.
STRETCH_SECONDS = 16
MOST_STRETCHES = 32
FEWEST_SECONDS = 8
COARSE_STEP_HZ = 0.004
FINE_STEP_HZ = 0.0002
FITS = 8
# A hum that is hardly softer than all that sounds is no hum but a tone.
LEAST_DISTANCE_DB = 12.0

WORTH_A_FIT = 4.0
# The power of a line over all its looks is so many times what noise would show.
LEAST_STANDING = 15.0
# What stands beside a line is drums on a grid of time, which have lines at all its multiples.
BESIDE_HZ = (0.5, 5.5, 0.06)
LEAST_PROMINENCE = 3.0
# Beside lines that are proven, these are enough.
SIDE_STANDING = 8.0
SIDE_PROMINENCE = 2.0
# A look agrees with a line where what is left is no more than this times the music around, or this share of the line.
AGREES_WITHIN = 2.5
AGREES_SHARE = 0.4
LEAST_AGREEMENT = 0.75
# Sixfold and twelvefold 50 Hz are fivefold and tenfold 60 Hz, and say nothing of which it is.
SHARED_HZ = (300.0, 600.0)
# So many lines are hum, or one alone that stands out further.
FEWEST_LINES = 2
LEAST_STANDING_ALONE = 60.0

WANDERS = (0.001, 0.1)


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

    @property
    def nominal_hz(self) -> float:
        """The frequency that the mains were meant to have."""
        here_hz = self.mains_hz or MAINS_HZ[0]
        return min(MAINS_HZ, key=lambda hz: abs(hz - here_hz))

    def has_lines_of_its_own(self) -> bool:
        """Whether there are lines that the other mains cannot have."""
        return any(round(self.nominal_hz * multiple) not in SHARED_HZ for multiple in self.multiples)

    def amplitudes(self) -> Complexes:
        """`(lines, channels)`."""
        values = np.asarray(self.real) + 1j * np.asarray(self.imaginary)
        return values.reshape(len(self.multiples), -1)

    def level_dbfs(self) -> float:
        """The level of all lines together, a channel."""
        power = np.square(np.abs(self.amplitudes())).sum(axis=0).mean() / 2
        return float(10 * np.log10(power + LEAST_AMPLITUDE**2))


NO_HUM = Hum(mains_hz=None, multiples=(), real=(), imaginary=(), wander=WANDERS[0])


class HumFinder:
    """Takes blocks of `(channels, any)`, and says at the end what hum there is."""

    def __init__(self, sample_rate_hz: float) -> None:
        self.grid = grid_for(sample_rate_hz)
        self._seconds = Slabs(self.grid.second)
        self._last: Audio | None = None
        self._number = 0
        self._energy = 0.0
        self._kept: list[tuple[NDArray[np.complex64], Floats, float]] = []
        self._stretches: list[Stretch] = []
        self._stride, self._turn = 1, 0
        self._places = np.concatenate([places_of(mains_hz, multiple, self.grid) for mains_hz, multiple in ALL_LINES])

    def see(self, block: Audio) -> None:
        for second in self._seconds.push(block):
            if self._last is not None:
                self._look(np.concatenate([self._last, second], axis=1))
            self._last = second.copy()
            self._energy += float(np.square(second, dtype=np.float64).sum()) / second.size
            self._number += 1

    def hum(self) -> Hum:
        """What hum there is in all that was seen; to be asked once."""
        self._close()
        if sum(len(stretch.centres_s) for stretch in self._stretches) < FEWEST_SECONDS:
            return NO_HUM
        found = [_hum_at(mains_hz, self._stretches, self.grid) for mains_hz in MAINS_HZ]
        hum = max(found, key=lambda hum: len(hum.multiples))
        # No house has both; music on a grid of 10 Hz has.
        if hum.mains_hz is None or all(other.has_lines_of_its_own() for other in found):
            return NO_HUM
        level_dbfs = 10 * np.log10(self._energy / self._number)
        return hum if hum.level_dbfs() < level_dbfs - LEAST_DISTANCE_DB else NO_HUM

    def _look(self, audio: Audio) -> None:
        bins = look(audio, self.grid)
        if bins is not None:
            around = music_around(bins, ALL_LINES, self.grid)
            centre = ((self._number - 1) * self.grid.second + self.grid.centre) / self.grid.sample_rate_hz
            self._kept.append((bins[:, self._places].astype(np.complex64), around, centre))
        if self._number % STRETCH_SECONDS == 0:
            self._close()

    def _close(self) -> None:
        """Make a stretch of the looks that are kept."""
        if self._kept and self._turn % self._stride == 0:
            bins, around, centres_s = (np.asarray(values) for values in zip(*self._kept, strict=True))
            self._stretches.append(Stretch(bins=bins, around=around, centres_s=centres_s))
        self._kept, self._turn = [], self._turn + 1
        if len(self._stretches) == MOST_STRETCHES:
            self._stretches, self._stride = self._stretches[::2], 2 * self._stride


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One multiple held against all stretches: its amplitudes, `(stretches, channels)`, and how far off they may be.

    `standing` is how far it stands out from noise, `beside` how far what is next to it does, both as powers, and
    `agreement` the share of all looks that it explains.
    """

    multiple: int
    amplitudes: Complexes
    errors: Floats
    standing: float
    beside: float
    agreement: float

    def is_hum(self) -> bool:
        is_steady = self.agreement >= LEAST_AGREEMENT
        return is_steady and self.standing >= max(LEAST_STANDING, LEAST_PROMINENCE * self.beside)

    def may_be_hum(self) -> bool:
        """What is enough beside lines that are proven."""
        is_steady = self.agreement >= LEAST_AGREEMENT
        return is_steady and self.standing >= max(SIDE_STANDING, SIDE_PROMINENCE * self.beside)


def _hum_at(mains_hz: float, stretches: list[Stretch], grid: Grid) -> Hum:
    """The hum at about one frequency of the mains."""
    multiples: tuple[int, ...] = tuple(range(1, HIGHEST_MULTIPLE + 1))
    places_hz = np.arange(mains_hz - MOST_OFF_HZ, mains_hz + MOST_OFF_HZ, COARSE_STEP_HZ)
    # The mains are at their frequency more often than not, and music nearby may say otherwise.
    likely_hz = [mains_hz, _likeliest(places_hz, mains_hz, multiples, stretches, grid)]
    proven = {hz: _proofs(_lines(hz, mains_hz, multiples, stretches, grid)) for hz in likely_hz}
    at_hz = max(likely_hz, key=lambda hz: _weight(proven[hz]))
    if not _is_enough(proven[at_hz]):
        return NO_HUM
    near_hz = at_hz + np.arange(-COARSE_STEP_HZ, COARSE_STEP_HZ, FINE_STEP_HZ)
    at_hz = _likeliest(near_hz, mains_hz, tuple(line.multiple for line in proven[at_hz]), stretches, grid)
    lines = _lines(at_hz, mains_hz, multiples, stretches, grid)
    proofs = _proofs(lines)
    if not _is_enough(proofs):
        return NO_HUM
    lines = [line for line in lines if line.may_be_hum()]
    first = np.asarray([line.amplitudes[0] for line in lines]).ravel()
    return Hum(
        mains_hz=round(at_hz, 5),
        multiples=tuple(line.multiple for line in lines),
        real=tuple(float(value) for value in first.real),
        imaginary=tuple(float(value) for value in first.imag),
        wander=_wander(proofs),
    )


def _proofs(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.is_hum()]


def _is_enough(proofs: list[Line]) -> bool:
    return len(proofs) >= FEWEST_LINES or _weight(proofs) > np.log(LEAST_STANDING_ALONE)


def _weight(proofs: list[Line]) -> float:
    return float(sum(np.log(line.standing) for line in proofs))


def _likeliest(
    places_hz: Floats, mains_hz: float, multiples: tuple[int, ...], stretches: list[Stretch], grid: Grid
) -> float:
    """Where between the places the multiples stand out most from the music around them."""
    evidence = np.zeros(places_hz.size)
    for multiple in multiples:
        evidence += np.log1p(_standing(multiple * places_hz, mains_hz, multiple, stretches, grid))
    return float(places_hz[np.argmax(evidence)])


def _standing(frequencies_hz: Floats, mains_hz: float, multiple: int, stretches: list[Stretch], grid: Grid) -> Floats:
    """How far a line at each frequency near a multiple stands out from noise, which would give 1."""
    standing = np.zeros(frequencies_hz.size)
    for stretch in stretches:
        weights = stretch.music(mains_hz, multiple) ** -2.0
        sums = np.tensordot(stretch.line(mains_hz, multiple, frequencies_hz, grid), weights, axes=(1, 0))
        standing += np.square(np.abs(sums)).mean(axis=1) / weights.sum()
    return standing / len(stretches)


def _lines(
    at_hz: float, mains_hz: float, multiples: tuple[int, ...], stretches: list[Stretch], grid: Grid
) -> list[Line]:
    return [
        _line(multiple, at_hz, mains_hz, stretches, grid)
        for multiple in multiples
        if _standing(np.asarray([multiple * at_hz]), mains_hz, multiple, stretches, grid)[0] > WORTH_A_FIT
    ]


def _line(multiple: int, at_hz: float, mains_hz: float, stretches: list[Stretch], grid: Grid) -> Line:
    frequency_hz = np.asarray([multiple * at_hz])
    fits = [
        _fitted(stretch.line(mains_hz, multiple, frequency_hz, grid)[0], stretch.music(mains_hz, multiple))
        for stretch in stretches
    ]
    amplitudes, errors, standings, agreements = zip(*fits, strict=True)
    standing = float(np.mean(standings))
    return Line(
        multiple=multiple,
        amplitudes=np.asarray(amplitudes),
        errors=np.asarray(errors),
        standing=standing,
        beside=_beside(multiple, at_hz, mains_hz, stretches, grid) if standing > SIDE_STANDING else standing,
        agreement=float(np.concatenate(agreements).mean()),
    )


def _beside(multiple: int, at_hz: float, mains_hz: float, stretches: list[Stretch], grid: Grid) -> float:
    """How far the most outstanding frequency next to a multiple stands out."""
    steps_hz = np.arange(*BESIDE_HZ)
    places_hz = multiple * at_hz + np.r_[-steps_hz, steps_hz]
    return float(_standing(places_hz, mains_hz, multiple, stretches, grid).max())


def _fitted(seen: Complexes, around: Floats) -> tuple[Complexes, float, float, NDArray[np.bool_]]:
    """The amplitude that most looks agree on, a value a channel; how far off, how outstanding, and who agrees."""
    noise = np.square(around)
    rest = np.zeros_like(noise)
    for _ in range(FITS):
        weights = 1 / (noise + rest)
        amplitude = weights @ seen / weights.sum()
        rest = np.square(np.abs(seen - amplitude)).mean(axis=1)
    power = np.square(np.abs(amplitude)).mean()
    agrees = np.sqrt(rest) < np.maximum(AGREES_WITHIN * around, AGREES_SHARE * np.sqrt(power))
    return amplitude, float(1 / np.sqrt(weights.sum())), float(power * weights.sum()), agrees


def _wander(lines: list[Line]) -> float:
    """By how much of itself an amplitude changes in a second, what may be chance set apart."""
    changes = []
    for line in lines:
        steps = np.square(np.abs(np.diff(line.amplitudes, axis=0))).mean(axis=1)
        chance = np.square(line.errors[1:]) + np.square(line.errors[:-1])
        changes.append((steps - chance) / np.square(np.abs(line.amplitudes[:-1])).mean(axis=1))
    change = float(np.median(np.concatenate(changes))) if changes[0].size else 0.0
    return float(np.clip(np.sqrt(max(0.0, change) / STRETCH_SECONDS), *WANDERS))
