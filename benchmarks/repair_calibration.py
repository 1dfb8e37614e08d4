"""How often a finding is right, against how sure it says it is; and the curves that make the two agree.

    python -m benchmarks.repair_calibration MUSIC    look at all pieces, and fit
    python -m benchmarks.repair_calibration          fit anew on what was seen then

Each piece is looked at as it is, and with each fault of the recipe done to it by itself. A finding is right where its
fault was done. Music that shows the finding before anything was done to it has no say about that fault: released music
is compressed, limited, coded and reverberant by choice, and naming that is no error. So positives and negatives are
pieces whose own music is silent about the fault. Only tracks are used that no threshold was set on.

The curves (engine/inspection/calibration.json) are fitted on all of these. How far such curves can be taken at their
word (benchmarks/results/calibration.json) is told by title: the findings in each one are read through curves that were
fitted without it. What was seen is kept in benchmarks/results/calibration_outcomes.json.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import conditions
from benchmarks.repair_items import JUDGING, Piece, faulty, pieces, title_of
from rebounce.engine.audio import Audio
from rebounce.engine.inspection.calibration import LEAST_TOLD, Curve, is_measured, read_off
from rebounce.engine.inspection.inspector import Inspector, all_detectors

SECONDS, PIECES_PER_TRACK = 12.0, 12
PROCESSES = 2
FEWEST_A_BIN, FEWEST_TO_FIT = 30, 15
FAULTS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "echo": ("echo", "realistic", {}),
    "clipping": ("clipping", "realistic", {}),
    "reverb": ("reverb", "realistic", {}),
    "compression": ("compression", "realistic", {}),
    "limiting": ("limiting", "realistic", {}),
    "level_ride": ("level_ride", "realistic", {}),
    "noise": ("noise", "realistic", {"kind": ["white", "pink", "hiss"]}),
    "hum": ("noise", "realistic", {"kind": ["hum"]}),
    "eq": ("eq", "realistic", {}),
    "mp3": ("mp3", "mp3", {}),
}
"""Finding, and the fault with recipe and ranges that makes it."""
ALIASES = {"bandwidth": "mp3"}

ROOT = Path(__file__).parent.parent
CURVES = ROOT / "engine" / "inspection" / "calibration.json"
RESULT = ROOT / "benchmarks" / "results" / "calibration.json"
SEEN = ROOT / "benchmarks" / "results" / "calibration_outcomes.json"

Outcomes = dict[str, list[tuple[float, bool]]]
"""For each fault: how sure a finding was, and whether it was right."""


def main(arguments: Sequence[str]) -> None:
    for folder in arguments[:1]:
        seen = {"conditions": conditions(), "titles": _outcomes(Path(folder))}
        SEEN.write_text(json.dumps(seen) + "\n", encoding="utf-8")
    kept = json.loads(SEEN.read_text(encoding="utf-8"))
    fit(kept["titles"], kept["conditions"])


def fit(titles: Mapping[str, Outcomes], seen_under: Mapping[str, Any]) -> None:
    """Write the curves, and how far what they promise holds."""
    about = "made by benchmarks/repair_calibration.py"
    _keep(CURVES, {"about": about, "curves": _curves(_together(titles.values()))})
    judged = _together(_judged(titles, title) for title in titles)
    bins = _bins([pair for found in judged.values() for pair in found])
    each = {fault: _bins(found) for fault, found in sorted(judged.items())}
    _keep(RESULT, {"conditions": seen_under, "all": bins, "each": each})
    for one in bins:
        print(one)


def _judged(titles: Mapping[str, Outcomes], title: str) -> Outcomes:
    """The findings in one title, as sure as curves of all others make them, without those that would not be told."""
    curves = _curves(_together(outcomes for other, outcomes in titles.items() if other != title))
    return {
        fault: [(sure, is_right) for own, is_right in found if (sure := _read(curves, fault, own)) >= LEAST_TOLD]
        for fault, found in titles[title].items()
    }


def _read(curves: Mapping[str, Curve], fault: str, own: float) -> float:
    return read_off(curves[fault], own) if fault in curves else own


def _together(parts: Iterable[Outcomes]) -> Outcomes:
    joined: Outcomes = defaultdict(list)
    for part in parts:
        for fault, found in part.items():
            joined[fault] += found
    return joined


def _curves(outcomes: Outcomes) -> dict[str, list[list[float]]]:
    return {fault: _curve(found) for fault, found in sorted(outcomes.items())}


def _keep(path: Path, what: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(what, indent=1) + "\n", encoding="utf-8")


def _outcomes(folder: Path) -> dict[str, Outcomes]:
    """Of each title."""
    chosen = list(pieces(folder, JUDGING, SECONDS, PIECES_PER_TRACK))
    found: dict[str, list[Outcomes]] = defaultdict(list)
    with ProcessPoolExecutor(PROCESSES) as processes:
        for piece, outcomes in zip(chosen, processes.map(_looked_at, chosen), strict=True):
            found[title_of(piece.track)].append(outcomes)
    return {title: _together(parts) for title, parts in found.items()}


def _looked_at(piece: Piece) -> Outcomes:
    own = _said(piece.audio, piece.sample_rate_hz)
    outcomes: Outcomes = defaultdict(list)
    for done, (name, recipe, given) in FAULTS.items():
        said = _said(faulty(piece, name, given, recipe).damaged, piece.sample_rate_hz)
        for fault, confidence in said.items():
            if fault not in own and fault in FAULTS:
                outcomes[fault].append((confidence, fault == done))
    return outcomes


def _said(audio: Audio, sample_rate_hz: int) -> dict[str, float]:
    """The surest finding of each fault, by the detectors' own confidence."""
    with Inspector(sample_rate_hz, len(audio), all_detectors(), is_calibrated=False) as inspector:
        inspector.see(audio)
        said: dict[str, float] = {}
        for diagnosis in inspector.diagnoses().values():
            for finding in filter(is_measured, diagnosis.findings):
                fault = ALIASES.get(finding.fault, finding.fault)
                said[fault] = max(said.get(fault, 0.0), finding.confidence)
    return said


def _curve(found: Sequence[tuple[float, bool]]) -> list[list[float]]:
    """Neighbours are put together until the share that is right rises from group to group, and each has enough.

    A share is counted with one more of each kind, after Laplace's rule of succession: of fifteen that were all right
    the sixteenth may be wrong. Below the lowest confidence that was counted a curve runs to nothing, so the first share
    stands there too.
    """
    groups = [[own, float(is_right), 1.0] for own, is_right in sorted(found)]
    merged: list[list[float]] = []
    for group in groups:
        merged.append(group)
        while len(merged) > 1 and _must_merge(merged[-2], merged[-1]):
            last = merged.pop()
            merged[-1] = [a + b for a, b in zip(merged[-1], last, strict=True)]
    if len(merged) > 1 and merged[-1][2] < FEWEST_TO_FIT:
        last = merged.pop()
        merged[-1] = [a + b for a, b in zip(merged[-1], last, strict=True)]
    points = [[round(own / count, 4), round((right + 1) / (count + 2), 4)] for own, right, count in merged]
    lowest = round(groups[0][0], 4)
    return [[lowest, points[0][1]], *points] if 0 < lowest < points[0][0] else points


def _must_merge(left: Sequence[float], right: Sequence[float]) -> bool:
    return left[2] < FEWEST_TO_FIT or left[1] / left[2] >= right[1] / right[2]


def _bins(pairs: Sequence[tuple[float, bool]]) -> list[dict[str, float]]:
    """Tenths of confidence, put together with the next until there are enough in one."""
    held: list[tuple[float, bool]] = []
    bins = []
    for tenth in range(10):
        held += [pair for pair in pairs if min(int(pair[0] * 10), 9) == tenth]
        if len(held) >= FEWEST_A_BIN or (tenth == 9 and held):
            bins.append(_bin(held))
            held = []
    return bins


def _bin(held: Sequence[tuple[float, bool]]) -> dict[str, float]:
    stated, observed = np.mean([pair[0] for pair in held]), np.mean([pair[1] for pair in held])
    return {"findings": len(held), "stated": round(float(stated), 3), "observed": round(float(observed), 3)}


if __name__ == "__main__":
    main(sys.argv[1:])
