"""Finds jumps of the level inside a file: a fader moved, takes joined, an automatic gain at work."""

from typing import Any, ClassVar

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import LEFT, REDUCED, Diagnosis, Finding
from rebounce.engine.inspection.level_search import LevelSearch, Sighting
from rebounce.engine.repair.level_course import LevelCourse
from rebounce.engine.repair.ride_level import RideLevel

# Below this a jump is not worth a word: it is the music's.
LEAST_LIKELIHOOD = 0.3


class LevelRideDetector:
    """Says `reduced` of jumps with at least one beyond doubt among them, and `left` of what may be the music's own."""

    name: ClassVar[str] = "level_ride"

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._search = LevelSearch(sample_rate_hz)

    def see(self, block: Audio) -> None:
        self._search.see(block)

    def diagnose(self) -> Diagnosis:
        sighting = self._search.sighting()
        if sighting.course.is_ridden:
            return Diagnosis(findings=(_ridden(sighting),), repair=_repair(sighting.course))
        if sighting.likelihood < LEAST_LIKELIHOOD:
            return Diagnosis()
        return Diagnosis(findings=(_suspected(sighting),))


def _ridden(sighting: Sighting) -> Finding:
    course = sighting.course
    jumps_db = course.jumps_db()
    gains_db = [part.gain_db for part in course.parts()]
    largest_db: float = max(jumps_db, key=abs)
    detail: dict[str, Any] = {
        "jumps": len(jumps_db),
        "largest_jump_db": round(largest_db, 1),
        "range_db": round(max(gains_db) - min(gains_db), 1),
        "at_s": [round(part.start_s + part.transition_ms / 2000, 2) for part in course.parts()[1:]],
        "jumps_db": [round(jump_db, 1) for jump_db in jumps_db],
    }
    return Finding(fault="level_ride", confidence=sighting.likelihood, detail=detail, action=REDUCED)


def _suspected(sighting: Sighting) -> Finding:
    detail = {"jumps": 1, "largest_jump_db": sighting.suspected_db, "at_s": [sighting.suspected_at_s]}
    return Finding(fault="level_ride", confidence=sighting.likelihood, detail=detail, action=LEFT)


def _repair(course: LevelCourse) -> RideLevel:
    plugin = RideLevel()
    plugin.analysis = course
    plugin.keep_analysis()
    return plugin
