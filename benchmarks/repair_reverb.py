"""What ReduceReverb gains on reverberation of the recipe `realistic`, and what the detector says of clean music.

    python -m benchmarks.repair_reverb MUSIC

SI-SDR on pieces of 20 s, at two strengths as the plugin decides itself, and where it is told that all pieces need it;
and how often a plate is found where there is one and where there is none.
"""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.repair_items import JUDGING, Faulty, faulty, pieces
from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import diagnosed
from rebounce.engine.inspection.reverb import ReverbDetector
from rebounce.engine.repair.reduce_reverb import ReduceReverb, reverb_estimate
from rebounce.engine.repair.room_estimate import RoomEstimate
from rebounce.training.scores.si_sdr import si_sdr_db

SECONDS = 20.0
PIECES_PER_TRACK = 4
# How strong, and whether it is told that all pieces need it.
SETTINGS = ((0.5, False), (1.0, False), (1.0, True))


def rows(folder: Path) -> list[dict[str, Any]]:
    """One row a figure, on the half that no threshold was set on; what kind of room it is, is told apart at the end."""
    items = [faulty(piece, "reverb") for piece in pieces(folder, JUDGING, SECONDS, PIECES_PER_TRACK)]
    analyses = [reverb_estimate([item.damaged], item.piece.sample_rate_hz) for item in items]
    before = np.array([_score(item, item.damaged) for item in items])
    made = []
    for strength, is_told in SETTINGS:
        after = [
            _score(item, _made(item, analysis, strength, is_told))
            for item, analysis in zip(items, analyses, strict=True)
        ]
        name = f"reverb, SI-SDR, strength {strength:g}{', told to' if is_told else ''}"
        made.append(_row(name, before, np.array(after)))
        if (strength, is_told) == (1.0, False):
            is_plate = np.array([item.applied.parameters["kind"] == "plate" for item in items])
            kinds = {"plates": is_plate, "other rooms": ~is_plate}
            made += [_row(f"{name}, {kind}", before[of], np.array(after)[of]) for kind, of in kinds.items()]
    return [*made, _plates(items, analyses), _found(items, analyses)]


def _row(what: str, before: NDArray[np.float64], after: NDArray[np.float64]) -> dict[str, Any]:
    gains = after - before
    return {
        "what": what,
        "items": len(before),
        "before_db": round(float(np.mean(before)), 2),
        **_spread(gains),
        "untouched_share": round(float(np.mean(gains == 0)), 3),
    }


def _spread(gains: NDArray[np.float64]) -> dict[str, float]:
    return {
        "gain_db": round(float(gains.mean()), 2),
        "gain_95_db": round(1.96 * float(gains.std(ddof=1)) / math.sqrt(gains.size), 2),
        "worst_db": round(float(gains.min()), 2),
        "worse_by_0.3_share": round(float(np.mean(gains < -0.3)), 3),
    }


def _made(item: Faulty, analysis: RoomEstimate, strength: float, is_told: bool) -> Audio:
    plugin = ReduceReverb(strength=strength)
    plugin.analysis = replace(analysis, need=1.0) if is_told and analysis.levels_db else analysis
    plugin.keep_analysis()
    return plugin(item.damaged, item.piece.sample_rate_hz)


def _score(item: Faulty, audio: Audio) -> float:
    score = si_sdr_db(item.piece.audio, audio)
    assert score is not None
    return score


def _plates(items: list[Faulty], analyses: list[RoomEstimate]) -> dict[str, Any]:
    """How many plates were found, and how many where there was none: in another room, and in the music itself."""
    is_plate = np.array([item.applied.parameters["kind"] == "plate" for item in items])
    is_found = np.array([bool(analysis.plate) for analysis in analyses])
    clean = [reverb_estimate([item.piece.audio], item.piece.sample_rate_hz) for item in items]
    return {
        "what": "plates found",
        "items": len(items),
        "plates": int(is_plate.sum()),
        "plates_found": int((is_plate & is_found).sum()),
        "others_taken_for_one": int((~is_plate & is_found).sum()),
        "clean_taken_for_one": sum(bool(analysis.plate) for analysis in clean),
    }


def _found(items: list[Faulty], analyses: list[RoomEstimate]) -> dict[str, Any]:
    """How often reverberation is reported, and how often anything would be done, on faulty and on clean pieces."""
    wet = [_is_reported(item.damaged, item.piece.sample_rate_hz) for item in items]
    dry = [_is_reported(item.piece.audio, item.piece.sample_rate_hz) for item in items]
    clean = [reverb_estimate([item.piece.audio], item.piece.sample_rate_hz) for item in items]
    return {
        "what": "reverb reported",
        "items": len(items),
        "faulty_share": round(float(np.mean(wet)), 3),
        "clean_share": round(float(np.mean(dry)), 3),
        "faulty_touched_share": _touched_share(analyses),
        "clean_touched_share": _touched_share(clean),
    }


def _is_reported(audio: Audio, rate_hz: int) -> bool:
    return bool(diagnosed(ReverbDetector(rate_hz, len(audio)), [audio]).findings)


def _touched_share(analyses: list[RoomEstimate]) -> float:
    return round(float(np.mean([bool(analysis.plate) or analysis.need > 0 for analysis in analyses])), 3)


if __name__ == "__main__":
    for row in rows(Path(sys.argv[1])):
        print(json.dumps(row))
