"""From what a detector thinks to how often it is right.

A detector's own confidence orders its findings well and says little else. What stands in a record is that number read
through a curve for its fault, rising from point to point, which was fitted on music with and without that fault
(`benchmarks/repair_calibration.py` makes `calibration.json` and says on what). What always holds: the curve rises, a
surer finding never becomes a less sure one, a detector that is less sure than all that was counted gets less than was
counted, and a fault without a curve keeps the detector's own number.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files

from rebounce.engine.inspection.finding import LEFT, Diagnosis, Finding

Curve = Sequence[Sequence[float]]
"""Points of (the detector's own confidence, the share of such findings that were right), both rising."""


# What would be wrong nine times in ten is not worth a word.
LEAST_TOLD = 0.1


def calibrated(diagnosis: Diagnosis) -> Diagnosis:
    """The same findings with confidences that can be taken at their word, without those that are next to nothing."""
    findings = (_calibrated(finding) for finding in diagnosis.findings)
    return replace(diagnosis, findings=tuple(finding for finding in findings if _is_worth_a_word(finding)))


def _is_worth_a_word(finding: Finding) -> bool:
    return finding.confidence >= LEAST_TOLD or finding.action != LEFT


def read_off(curve: Curve, own: float) -> float:
    """The curve at a detector's own confidence: straight lines from nothing to point to point, level after the last."""
    points = [(0.0, 0.0), *curve]
    after = bisect_right([point[0] for point in points], own)
    if after == len(points):
        return points[-1][1]
    (left, low), (right, high) = points[after - 1], points[after]
    return low + (high - low) * (own - left) / (right - left)


NO_GUESSES = ("cut", "gap_s", "is_on_beat_grid", "room_size", "is_perhaps_music")
"""Details of findings that tell what is there and do not guess at a fault: an edge, a gap, a beat's delay, a plate.

What may be music cannot be counted on music: what shows it before anything was done has no say.
"""


def is_measured(finding: Finding) -> bool:
    """Whether a curve says how often such a finding is right."""
    return not any(name in finding.detail for name in NO_GUESSES)


def _calibrated(finding: Finding) -> Finding:
    curve = curves().get(finding.fault) if is_measured(finding) else None
    return finding if curve is None else replace(finding, confidence=read_off(curve, finding.confidence))


@cache
def curves() -> Mapping[str, Curve]:
    """The curve of each fault that has one."""
    text = files("rebounce.engine.inspection").joinpath("calibration.json").read_text(encoding="utf-8")
    found: Mapping[str, Curve] = json.loads(text)["curves"]
    return found
