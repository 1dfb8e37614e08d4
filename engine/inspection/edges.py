"""Where a file begins, ends and falls silent, and how loud it is as a whole; nothing of it can be repaired.

A file that is cut begins or ends in full sound, in the middle of a wave; one that is whole fades, dies away or pauses,
or begins on a beat whose wave sets out from nothing. A gap is digital silence between two sounds.
"""

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import LEFT, Diagnosis, Finding
from rebounce.engine.kept import Kept
from rebounce.engine.loudness import LoudnessMeter
from rebounce.engine.overlap_add import Slabs

Floats = NDArray[np.float64]

PART_SECONDS = 0.01
SILENT_POWER = 1e-9
# A gap is at least as long.
SHORTEST_GAP_S = 0.02
# What a file does in its first and last so many seconds is held against all of it.
EDGE_S = 0.05
NEAR_USUAL_DB = 6.0
# The first or last frame of a cut wave, against its root mean square: music that sets in at once begins below this.
LEAST_STEP = 0.25
FEWEST_SECONDS = 2.0
LUFS_RANGE = (-30.0, -5.0)
CERTAIN, LIKELY, UNSURE = 0.97, 0.8, 0.5
LEAST_POWER = 1e-12


class EdgesDetector:
    """Finds silence, cut ends, gaps, and a level that is far off."""

    name: ClassVar[str] = "edges"

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._part = max(1, round(PART_SECONDS * sample_rate_hz))
        self._slabs = Slabs(100 * self._part)
        self._seconds_a_part = self._part / sample_rate_hz
        self._powers = Kept(np.float64)
        self._loudness = LoudnessMeter(sample_rate_hz, channels)
        self._ends: list[float] = []
        self._peak = 0.0

    def see(self, block: Audio) -> None:
        self._loudness.add(block)
        if block.shape[1]:
            first, last = (float(np.abs(block[:, place]).max()) for place in (0, -1))
            self._ends = [self._ends[0] if self._ends else first, last]
        for slab in self._slabs.push(block):
            self._add(slab)

    def diagnose(self) -> Diagnosis:
        for slab in self._slabs.rest():
            self._add(slab)
        powers = self._powers.rows()
        if not (powers > SILENT_POWER).any():
            silent = Finding(fault="gain", confidence=CERTAIN, detail=self._next_to_nothing(), action=LEFT)
            return Diagnosis(findings=(silent,) if self._ends else ())
        return Diagnosis(findings=(*self._level(), *self._cuts(powers), *self._gaps(powers)))

    def _next_to_nothing(self) -> dict[str, Any]:
        if self._peak == 0:
            return {"kind": "silent"}
        return {"kind": "level", "peak_dbfs": round(20 * math.log10(self._peak), 1)}

    def _add(self, slab: Audio) -> None:
        """The mean power of each part, the last one of what there is."""
        self._peak = max(self._peak, float(np.abs(slab).max(initial=0.0)))
        starts = np.arange(0, slab.shape[1], self._part)
        sums = np.add.reduceat(np.square(slab).mean(axis=0, dtype=np.float64), starts)
        self._powers.add(sums / np.diff(np.append(starts, slab.shape[1])))

    def _level(self) -> list[Finding]:
        lufs = self._loudness.integrated_lufs()
        if lufs is None or LUFS_RANGE[0] <= lufs <= LUFS_RANGE[1]:
            return []
        detail = {"kind": "level", "lufs": round(lufs, 1)}
        return [Finding(fault="gain", confidence=LIKELY, detail=detail, action=LEFT)]

    def _cuts(self, powers: Floats) -> list[Finding]:
        """A start or an end whose very first or last moment is about as loud as the file is."""
        if powers.size * self._seconds_a_part < FEWEST_SECONDS:
            return []
        usual_db = _decibels(float(powers[powers > SILENT_POWER].mean()))
        reach = max(1, round(EDGE_S / self._seconds_a_part))
        found = []
        nearby = (powers[:reach], powers[::-1][1 : reach + 1])
        for side, near, end in zip(("start", "end"), nearby, self._ends, strict=True):
            first_db, level_db = _decibels(float(near[0])), _decibels(float(near.mean()))
            is_a_step = end > LEAST_STEP * np.sqrt(near[0])
            if is_a_step and min(first_db, level_db) > usual_db - NEAR_USUAL_DB:
                detail = {"cut": side, "level_dbfs": round(level_db, 1)}
                found.append(Finding(fault="level_ride", confidence=UNSURE, detail=detail, action=LEFT))
        return found

    def _gaps(self, powers: Floats) -> list[Finding]:
        """Digital black between sounds, the longest stretch of it."""
        sounding = np.flatnonzero(powers > SILENT_POWER)
        black = np.flatnonzero(powers[sounding[0] : sounding[-1]] == 0) + sounding[0]
        runs = np.split(black, np.flatnonzero(np.diff(black) > 1) + 1)
        longest = max(runs, key=len)
        if longest.size * self._seconds_a_part < SHORTEST_GAP_S:
            return []
        # Before it the sound must break off: a pause that the music makes has died away.
        before_db = _decibels(float(powers[max(0, longest[0] - 3) : longest[0]].max()))
        usual_db = _decibels(float(powers[sounding].mean()))
        detail = {
            "gap_start_s": round(float(longest[0] * self._seconds_a_part), 2),
            "gap_s": round(float(longest.size * self._seconds_a_part), 2),
            "gaps": len(runs),
        }
        confidence = LIKELY if before_db > usual_db - 2 * NEAR_USUAL_DB else UNSURE
        return [Finding(fault="level_ride", confidence=confidence, detail=detail, action=LEFT)]


def _decibels(power: float) -> float:
    return float(10 * np.log10(power + LEAST_POWER))
