"""Finds an echo over the whole mix, and tells it from what the music repeats of its own accord."""

from typing import Any, ClassVar

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.echo_search import EchoSearch, Sighting, Spared
from rebounce.engine.inspection.finding import LEFT, REMOVED, Diagnosis, Finding
from rebounce.engine.repair.echo_path import EchoPath
from rebounce.engine.repair.remove_echo import RemoveEcho

# A spared delay softer than this is not worth a word.
LEAST_SPARED_GAIN = 0.12
# What comes back from a feedback for the last times.
LEAST_TOLD_GAIN = 0.02
# How often a delay on the grid of the beat is a fault after all.
SPARED_CONFIDENCE = 0.15
# An echo that stands out by this much and is this loud was always one; the softest that is believed is less sure.
SURE_SCORE = 40.0
SURE_GAIN = 0.15
CONFIDENCE, LOWER_CONFIDENCE = 0.98, 0.85


class EchoDetector:
    """Says `removed` of an echo that is proven, and `left` of delays on the grid of the beat."""

    name: ClassVar[str] = "echo"

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._search = EchoSearch(sample_rate_hz)

    def see(self, block: Audio) -> None:
        self._search.see(block)

    def diagnose(self) -> Diagnosis:
        sighting = self._search.sighting()
        spared = max(sighting.spared, key=lambda one: one.gain, default=None)
        findings = []
        if sighting.path is not None:
            findings.append(_proven(sighting, sighting.path))
        elif spared is not None and spared.gain >= LEAST_SPARED_GAIN:
            findings.append(_on_the_beat(spared))
        return Diagnosis(findings=tuple(findings), repair=_repair(sighting.path))


def _proven(sighting: Sighting, path: EchoPath) -> Finding:
    loudest = max(range(len(path.gains)), key=lambda place: path.gains[place])
    detail: dict[str, Any] = {
        "delay_ms": round(1000 * path.delays_s[loudest], 2),
        "gain": round(path.gains[loudest], 3),
        "is_feedback": path.repeats > 1,
        "lowpass_hz": None if path.lowpass_hz is None else round(path.lowpass_hz),
    }
    reflections = [reflection for reflection in path.reflections() if reflection.gain >= LEAST_TOLD_GAIN]
    if len(reflections) > 1:
        detail["delays_ms"] = [round(1000 * reflection.delay_s, 2) for reflection in reflections]
        detail["gains"] = [round(reflection.gain, 3) for reflection in reflections]
    is_sure = sighting.score > SURE_SCORE and path.gains[loudest] > SURE_GAIN
    confidence = CONFIDENCE if is_sure else LOWER_CONFIDENCE
    return Finding(fault="echo", confidence=confidence, detail=detail, action=REMOVED)


def _on_the_beat(spared: Spared) -> Finding:
    detail = {
        "delay_ms": round(1000 * spared.delay_s, 2),
        "gain": round(spared.gain, 3),
        "is_on_beat_grid": True,
        "tempo_bpm": round(60 / spared.beat_s, 1),
    }
    return Finding(fault="echo", confidence=SPARED_CONFIDENCE, detail=detail, action=LEFT)


def _repair(path: EchoPath | None) -> RemoveEcho | None:
    if path is None:
        return None
    plugin = RemoveEcho()
    plugin.analysis = path
    plugin.keep_analysis()
    return plugin
