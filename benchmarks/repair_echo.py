"""The figures of RemoveEcho: echoes of the recipe on the judging half, and how often clean music is taken for echoed.

An item is `spared` where the loudest delay that was found lies on the grid of the beat, which random delays do by
chance, and `missed` where nothing was found. Both count in the mean over all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.repair_items import JUDGING, Faulty, Piece, faulty, pieces
from rebounce.engine.audio import Audio
from rebounce.engine.inspection.echo import EchoDetector
from rebounce.engine.inspection.finding import Diagnosis, diagnosed
from rebounce.training.scores.si_sdr import si_sdr_db

SECONDS = 20.0
MOST_PER_TRACK = 2
# The recursion has an inverse that dies out for certain where the gains come to less than this.
INVERTIBLE_GAIN = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One echoed piece before and after."""

    pattern: str
    total_gain: float
    before_db: float
    after_db: float
    is_found: bool
    is_spared: bool


GROUPS: dict[str, Callable[[Item], bool]] = {
    "all": lambda item: True,
    "repeats": lambda item: item.pattern == "repeats",
    "taps, gains below 1 together": lambda item: item.pattern == "taps" and item.total_gain < INVERTIBLE_GAIN,
    "taps, gains of 1 or more together": lambda item: item.pattern == "taps" and item.total_gain >= INVERTIBLE_GAIN,
    "spared left out": lambda item: not item.is_spared,
}


def rows(folder: Path) -> list[dict[str, Any]]:
    """A row a group of echoed pieces, and one for the clean ones."""
    items: list[Item] = []
    clean: list[Diagnosis] = []
    for piece in pieces(folder, JUDGING, SECONDS):
        clean.append(_diagnosis(piece, piece.audio))
        if piece.number < MOST_PER_TRACK:
            items.append(_item(faulty(piece, "echo")))
    chosen = {name: [item for item in items if holds(item)] for name, holds in GROUPS.items()}
    return [_row(name, group) for name, group in chosen.items() if group] + [_clean_row(clean)]


def _diagnosis(piece: Piece, audio: Audio) -> Diagnosis:
    return diagnosed(EchoDetector(piece.sample_rate_hz, audio.shape[0]), [audio])


def _item(fault: Faulty) -> Item:
    piece, parameters = fault.piece, fault.applied.parameters
    diagnosis = _diagnosis(piece, fault.damaged)
    restored = diagnosis.repair(fault.damaged, piece.sample_rate_hz) if diagnosis.repair else fault.damaged
    before_db, after_db = si_sdr_db(piece.audio, fault.damaged), si_sdr_db(piece.audio, restored)
    assert before_db is not None
    assert after_db is not None
    is_repeats = parameters["pattern"] == "repeats"
    gains = [parameters["gain"]] if is_repeats else [tap["gain"] for tap in parameters["taps"]]
    return Item(
        pattern=parameters["pattern"],
        total_gain=sum(gains),
        before_db=before_db,
        after_db=after_db,
        is_found=diagnosis.repair is not None,
        is_spared=diagnosis.repair is None and len(diagnosis.findings) > 0,
    )


def _row(name: str, items: list[Item]) -> dict[str, Any]:
    after_db = np.array([item.after_db for item in items])
    gained_db = after_db - [item.before_db for item in items]
    return {
        "what": f"echo, {name}",
        "n": len(items),
        "before_db": round(float(np.mean([item.before_db for item in items])), 1),
        "after_db": round(float(after_db.mean()), 1),
        "after_95_db": round(float(1.96 * after_db.std(ddof=1) / np.sqrt(len(items))), 1) if len(items) > 1 else None,
        "median_after_db": round(float(np.median(after_db)), 1),
        "worst_gain_db": round(float(gained_db.min()), 1),
        "found": round(float(np.mean([item.is_found for item in items])), 3),
        "spared": sum(item.is_spared for item in items),
        "missed": sum(not item.is_found and not item.is_spared for item in items),
    }


def _clean_row(clean: list[Diagnosis]) -> dict[str, Any]:
    return {
        "what": "clean pieces",
        "n": len(clean),
        "false_alarms": sum(diagnosis.repair is not None for diagnosis in clean),
        "told_of_the_beat_and_left": sum(
            diagnosis.repair is None and len(diagnosis.findings) > 0 for diagnosis in clean
        ),
    }
