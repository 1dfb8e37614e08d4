"""The course that the level of a file took: sections, each with its gain against the level that holds for longest."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.errors import ChainError

Floats = NDArray[np.float64]


class Section(NamedTuple):
    """From `start_s` on the level moves to `gain_db`, which it reaches `transition_ms` later and then holds."""

    start_s: float
    gain_db: float
    transition_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelCourse:
    """`sections` in order, each as (start in s, gain in dB, transition in ms), the first from 0 s without a transition.

    None at all is a level that nobody moved. After `seconds` the file ends.
    """

    sections: tuple[tuple[float, ...], ...] = ()
    seconds: float = 0.0

    def __post_init__(self) -> None:
        is_whole = all(len(section) == len(Section._fields) for section in self.sections)
        starts_s = [section[0] for section in self.sections] if is_whole else []
        if not is_whole or starts_s != sorted(starts_s) or any(section[2] < 0 for section in self.sections):
            raise ChainError(
                f"RideLevel: analysis: sections = {self.sections}, expected (start in s, gain in dB, transition in ms) "
                "for each, one after another; delete the analysis to look at the file afresh"
            )

    @property
    def is_ridden(self) -> bool:
        return any(section.gain_db for section in self.parts())

    def parts(self) -> list[Section]:
        """The sections by the names of their numbers."""
        return [Section(*section) for section in self.sections]

    def jumps_db(self) -> list[float]:
        """By how much the level jumped from each section to the next."""
        gains_db = [section.gain_db for section in self.parts()]
        return [after - before for before, after in pairwise(gains_db)]

    def knots(self, sample_rate_hz: float) -> tuple[Floats, Floats]:
        """The frames between which the level runs straight in dB, and the level there; flat before and after."""
        frames, levels_db = [0], [self.parts()[0].gain_db]
        for part in self.parts()[1:]:
            # A section that begins while the one before is still being reached begins when it is.
            start = max(round(part.start_s * sample_rate_hz), frames[-1])
            frames += [start, start + max(round(part.transition_ms / 1000 * sample_rate_hz), 1)]
            levels_db += [levels_db[-1], part.gain_db]
        return np.asarray(frames, dtype=np.float64), np.asarray(levels_db)

    def moved_stretches(self, sample_rate_hz: float) -> tuple[tuple[int, int], ...]:
        """In frames, from where the level leaves 0 dB to where it is back."""
        if not self.is_ridden:
            return ()
        frames, levels_db = self.knots(sample_rate_hz)
        end = max(round(self.seconds * sample_rate_hz), int(frames[-1]) + 1)
        frames = np.append(frames, end)
        is_moved = (levels_db != 0) | (np.append(levels_db[1:], levels_db[-1]) != 0)
        edges = np.flatnonzero(np.diff(np.r_[False, is_moved, False]))
        return tuple((int(frames[first]), int(frames[last])) for first, last in edges.reshape(-1, 2))
