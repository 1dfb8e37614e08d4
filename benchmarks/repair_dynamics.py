"""The figures of the dynamics detector and UndoCompression: compression and limiting of the recipe, and clean music.

Compression is undone three ways: with the settings that were used, which shows the inverse; with the cautious settings
that the detector proposes, on the pieces where it does; and with the same settings on all pieces, which shows what the
detector is needed for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.repair_items import JUDGING, Faulty, Piece, faulty, pieces
from rebounce.engine.audio import Audio
from rebounce.engine.dynamics import Dynamics
from rebounce.engine.inspection.dynamics import DynamicsDetector, proposed_repair
from rebounce.engine.inspection.finding import Diagnosis, diagnosed
from rebounce.engine.inspection.short_levels import ShortLevels
from rebounce.engine.repair.undo_compression import UndoCompression
from rebounce.training.faults.compression import WORKING_RMS_DBFS
from rebounce.training.faults.level import rms, sounding_rms
from rebounce.training.scores.si_sdr import si_sdr_db

SECONDS = 20.0
MOST_PER_TRACK = 4
TARGET_DB = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One compressed piece, by SI-SDR, before and after each way of undoing it; None where none was proposed."""

    before_db: float
    known_db: float
    cautious_db: float
    proposed_db: float | None
    is_named: bool
    is_proposed_again: bool


def rows(folder: Path, half: str = JUDGING) -> list[dict[str, Any]]:
    """A row a way of undoing compression, one for limiting, and one for the clean pieces."""
    every = [piece for piece in pieces(folder, half, SECONDS) if np.abs(piece.audio).max() > 0]
    chosen = [piece for piece in every if piece.number < MOST_PER_TRACK]
    items = [_item(faulty(piece, "compression")) for piece in chosen]
    proposed = [item for item in items if item.proposed_db is not None]
    return [
        _row("settings known", items, [item.known_db for item in items]),
        _row("cautious settings, all pieces", items, [item.cautious_db for item in items]),
        _row("proposed by the detector", proposed, [item.proposed_db or 0.0 for item in proposed])
        | {"share": len(proposed) / len(items), "proposed_again": sum(item.is_proposed_again for item in proposed)},
        {"what": "compression named", "n": len(items), "share": float(np.mean([item.is_named for item in items]))},
        _limiting_row(chosen),
        _clean_row(every),
    ]


def _said(audio: Audio, sample_rate_hz: int) -> Diagnosis:
    return diagnosed(DynamicsDetector(sample_rate_hz, len(audio)), [audio])


def _names(diagnosis: Diagnosis) -> set[str]:
    return {finding.fault for finding in diagnosis.findings}


def _item(fault: Faulty) -> Item:
    clean, squeezed, rate = fault.piece.audio, fault.damaged, fault.piece.sample_rate_hz
    said = _said(squeezed, rate)
    levels = ShortLevels(rate)
    levels.see(squeezed)
    cautious = proposed_repair(levels.steps())
    opened = None if said.repair is None else said.repair(squeezed, rate)
    return Item(
        before_db=_score(clean, squeezed),
        known_db=_score(clean, _known(fault)(squeezed, rate)),
        cautious_db=_score(clean, squeezed if cautious is None else cautious(squeezed, rate)),
        proposed_db=None if opened is None else _score(clean, opened),
        is_named="compression" in _names(said),
        is_proposed_again=opened is not None and _said(opened, rate).repair is not None,
    )


def _known(fault: Faulty) -> UndoCompression:
    """The inverse of what was done: the fault works at a level of its own and restores that of the piece."""
    used, clean, rate = fault.applied.parameters, fault.piece.audio, fault.piece.sample_rate_hz
    working_db = WORKING_RMS_DBFS - 20 * np.log10(sounding_rms(clean, rate))
    settings = {name: used[name] for name in ("ratio", "attack_ms", "release_ms")}
    threshold_db = WORKING_RMS_DBFS + used["threshold_over_rms_db"] - working_db
    squeezed = Dynamics(threshold_db=threshold_db, **settings)(clean, rate)
    makeup_db = float(20 * np.log10(rms(fault.damaged) / rms(squeezed)))
    return UndoCompression(threshold_db=threshold_db, makeup_db=makeup_db, range_db=60.0, **settings)


def _score(clean: Audio, other: Audio) -> float:
    found = si_sdr_db(clean, other)
    assert found is not None, "silent pieces are left out"
    return found


def _row(what: str, items: Sequence[Item], after_db: Sequence[float]) -> dict[str, Any]:
    if not items:
        return {"what": what, "n": 0}
    gains = np.array(after_db) - [item.before_db for item in items]
    return {
        "what": what,
        "n": len(items),
        "before_db": float(np.mean([item.before_db for item in items])),
        "gain_db": float(gains.mean()),
        "interval_db": float(1.96 * gains.std() / np.sqrt(gains.size)),
        "median_db": float(np.median(gains)),
        "worst_db": float(gains.min()),
        "reached_share": float(np.mean(gains >= TARGET_DB)),
    }


def _limiting_row(chosen: Sequence[Piece]) -> dict[str, Any]:
    named = [_names(_said(faulty(piece, "limiting").damaged, piece.sample_rate_hz)) for piece in chosen]
    return {
        "what": "limiting named",
        "n": len(named),
        "share": float(np.mean(["limiting" in names for names in named])),
    }


def _clean_row(every: Sequence[Piece]) -> dict[str, Any]:
    said = [_said(piece.audio, piece.sample_rate_hz) for piece in every]
    return {
        "what": "as released",
        "n": len(said),
        "compression_named": float(np.mean(["compression" in _names(one) for one in said])),
        "limiting_named": float(np.mean(["limiting" in _names(one) for one in said])),
        "repairs_proposed": sum(one.repair is not None for one in said),
    }
