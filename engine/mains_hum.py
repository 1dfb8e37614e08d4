"""Finds the hum of the mains: lines at 50 or 60 Hz and their multiples that stand still through the whole file.

A bass note comes and goes; hum has the same level and the same phase in the softest moment as in the loudest. So every
second is looked at, and a line counts where one frequency, level and phase explain most seconds that are soft enough to
show it and hardly one denies it. What always holds: memory does not grow with the file beyond `MOST_STRETCHES`, but for
one number a second.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.hum_lines import SIDE_STANDING, Line, likeliest, lines_of
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
)
from rebounce.engine.overlap_add import Slabs

# A stretch is what one phase is fitted to; every other one is dropped when there are this many.
STRETCH_SECONDS = 16
MOST_STRETCHES = 32
FEWEST_SECONDS = 8
COARSE_STEP_HZ = 0.004
FINE_STEP_HZ = 0.0002
# A hum that is hardly softer than all that sounds is no hum but a tone, and one that is so soft is heard by nobody.
LEAST_DISTANCE_DB = 12.0
MOST_DISTANCE_DB = 70.0
QUIETEST_DBFS = -90.0
# Where most seconds that sound are equally loud there is no music, and a hum would be one steady tone among others.
LEAST_CHANGE_DB = 0.05
LEAST_CHANGED_SHARE = 0.25
SOUNDING_SHARE = 1e-4

# Where more than this share of the lines that stand out have steady ones on both sides, none of them is hum.
MOST_ON_GRID = 0.25
# Sixfold and twelvefold 50 Hz are fivefold and tenfold 60 Hz, and say nothing of which it is.
SHARED_HZ = (300.0, 600.0)
# So many lines are hum, or one alone that stands out further.
FEWEST_LINES = 2
LEAST_STANDING_ALONE = 60.0
# A transformer hums at its mains or, rectified, at twice that. Few higher multiples alone are a note and its partials.
HIGHEST_FIRST_MULTIPLE = 2
FEWEST_HIGHER_LINES = 4

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
        self._powers: list[float] = []
        self._kept: list[tuple[NDArray[np.complex64], Floats, float]] = []
        self._stretches: list[Stretch] = []
        self._stride, self._turn = 1, 0

    def see(self, block: Audio) -> None:
        for second in self._seconds.push(block):
            if self._last is not None:
                self._look(np.concatenate([self._last, second], axis=1))
            self._last = second.copy()
            self._powers.append(float(np.square(second, dtype=np.float64).sum()) / second.size)
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
        return hum if self._is_worth_a_change(hum.level_dbfs()) else NO_HUM

    def _is_worth_a_change(self, hum_dbfs: float) -> bool:
        """Whether a hum of this level can be heard, and there is music that it is no part of."""
        powers = np.asarray(self._powers)
        distance_db = 10 * np.log10(powers.mean()) - hum_dbfs
        is_heard = hum_dbfs >= QUIETEST_DBFS and distance_db <= MOST_DISTANCE_DB
        return bool(is_heard and distance_db > LEAST_DISTANCE_DB and _changes(powers))

    def _look(self, audio: Audio) -> None:
        bins = look(audio, self.grid)
        if bins is not None:
            around = music_around(bins, ALL_LINES, self.grid)
            centre = ((self._number - 1) * self.grid.second + self.grid.centre) / self.grid.sample_rate_hz
            self._kept.append((bins.astype(np.complex64), around, centre))
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


def _changes(powers: Floats) -> bool:
    """Whether some seconds that sound are louder or softer than most."""
    levels_db = 10 * np.log10(powers[powers > SOUNDING_SHARE * powers.max()])
    is_changed = np.abs(levels_db - np.median(levels_db)) > LEAST_CHANGE_DB
    return bool(is_changed.mean() >= LEAST_CHANGED_SHARE)


def _hum_at(mains_hz: float, stretches: list[Stretch], grid: Grid) -> Hum:
    """The hum at about one frequency of the mains."""
    multiples: tuple[int, ...] = tuple(range(1, HIGHEST_MULTIPLE + 1))
    places_hz = np.arange(mains_hz - MOST_OFF_HZ, mains_hz + MOST_OFF_HZ, COARSE_STEP_HZ)
    # The mains are at their frequency more often than not, and music nearby may say otherwise.
    likely_hz = [mains_hz, likeliest(places_hz, mains_hz, multiples, stretches, grid)]
    proven = {hz: _proofs(lines_of(hz, mains_hz, multiples, stretches, grid)) for hz in likely_hz}
    at_hz = max(likely_hz, key=lambda hz: _weight(proven[hz]))
    if not _is_enough(proven[at_hz]):
        return NO_HUM
    near_hz = at_hz + np.arange(-COARSE_STEP_HZ, COARSE_STEP_HZ, FINE_STEP_HZ)
    at_hz = likeliest(near_hz, mains_hz, tuple(line.multiple for line in proven[at_hz]), stretches, grid)
    lines = lines_of(at_hz, mains_hz, multiples, stretches, grid)
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
    on_grid = [line.on_grid >= SIDE_STANDING for line in lines if line.stands_out()]
    if sum(on_grid) > MOST_ON_GRID * len(on_grid):
        return []
    return [line for line in lines if line.is_hum()]


def _is_enough(proofs: list[Line]) -> bool:
    if all(line.multiple > HIGHEST_FIRST_MULTIPLE for line in proofs):
        return len(proofs) >= FEWEST_HIGHER_LINES
    return len(proofs) >= FEWEST_LINES or _weight(proofs) > np.log(LEAST_STANDING_ALONE)


def _weight(proofs: list[Line]) -> float:
    return float(sum(np.log(line.standing) for line in proofs))


def _wander(lines: list[Line]) -> float:
    """By how much of itself an amplitude changes in a second, what may be chance set apart."""
    changes = []
    for line in lines:
        steps = np.square(np.abs(np.diff(line.amplitudes, axis=0))).mean(axis=1)
        chance = np.square(line.errors[1:]) + np.square(line.errors[:-1])
        changes.append((steps - chance) / np.square(np.abs(line.amplitudes[:-1])).mean(axis=1))
    change = float(np.median(np.concatenate(changes))) if changes[0].size else 0.0
    return float(np.clip(np.sqrt(max(0.0, change) / STRETCH_SECONDS), *WANDERS))
