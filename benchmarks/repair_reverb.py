"""What ReduceReverb gains on reverberation of the recipe `realistic`, and what the detector says of clean music.

    python -m benchmarks.repair_reverb MUSIC

SI-SDR on pieces of 20 s, at several strengths, both as the plugin decides itself and where it is told that all pieces
need it.
"""

import json
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
from rebounce.engine.repair.reduce_reverb import ReduceReverb
from rebounce.training.scores.si_sdr import si_sdr_db

SECONDS = 20.0
PIECES_PER_TRACK = 4
STRENGTHS = (0.25, 0.5, 1.0)


def rows(folder: Path) -> list[dict[str, Any]]:
    """One row a figure, on the half that no threshold was set on."""
    items = [faulty(piece, "reverb") for piece in pieces(folder, JUDGING, SECONDS, PIECES_PER_TRACK)]
    before = [_score(item, item.damaged) for item in items]
    made = [_row(items, before, strength, is_told) for strength in STRENGTHS for is_told in (False, True)]
    return [*made, _found(items)]


def _row(items: list[Faulty], before: list[float], strength: float, is_told: bool) -> dict[str, Any]:
    gains = np.array([_score(item, _made(item, strength, is_told)) for item in items]) - before
    return {
        "what": f"reverb, SI-SDR, strength {strength:g}{', told to' if is_told else ''}",
        "items": len(items),
        "before_db": round(float(np.mean(before)), 2),
        **_spread(gains),
        "untouched_share": round(float(np.mean(gains == 0)), 3),
    }


def _spread(gains: NDArray[np.float64]) -> dict[str, float]:
    return {
        "gain_db": round(float(gains.mean()), 2),
        "worst_db": round(float(gains.min()), 2),
        "worse_by_0.3_share": round(float(np.mean(gains < -0.3)), 3),
    }


def _made(item: Faulty, strength: float, is_told: bool) -> Audio:
    plugin = ReduceReverb(strength=strength)
    plugin.analyse([item.damaged], item.piece.sample_rate_hz)
    if is_told and plugin.analysis.levels_db:
        plugin.analysis = replace(plugin.analysis, need=1.0)
    return plugin(item.damaged, item.piece.sample_rate_hz)


def _score(item: Faulty, audio: Audio) -> float:
    score = si_sdr_db(item.piece.audio, audio)
    assert score is not None
    return score


def _found(items: list[Faulty]) -> dict[str, Any]:
    """How often reverberation is reported, and how often anything would be done, on faulty and on clean pieces."""
    wet = [_chances(item.damaged, item.piece.sample_rate_hz) for item in items]
    dry = [_chances(item.piece.audio, item.piece.sample_rate_hz) for item in items]
    return {
        "what": "reverb reported",
        "items": len(items),
        "faulty_share": round(float(np.mean([is_found for is_found, _ in wet])), 3),
        "clean_share": round(float(np.mean([is_found for is_found, _ in dry])), 3),
        "faulty_touched_share": round(float(np.mean([is_touched for _, is_touched in wet])), 3),
        "clean_touched_share": round(float(np.mean([is_touched for _, is_touched in dry])), 3),
    }


def _chances(audio: Audio, rate_hz: int) -> tuple[bool, bool]:
    plugin = ReduceReverb()
    plugin.analyse([audio], rate_hz)
    return bool(diagnosed(ReverbDetector(rate_hz, len(audio)), [audio]).findings), plugin.analysis.need > 0


if __name__ == "__main__":
    for row in rows(Path(sys.argv[1])):
        print(json.dumps(row))
