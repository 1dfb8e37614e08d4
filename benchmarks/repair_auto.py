"""What `auto` does to music as it was released, and to music with three faults at once."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.repair_items import JUDGING, RECIPE, TUNING, Piece, pieces
from rebounce.engine.audio import Audio
from rebounce.engine.auto import Auto
from rebounce.engine.inspection.finding import LEFT
from rebounce.training.damage import apply_damage
from rebounce.training.exercise import draw_item, exercise_of_recipe
from rebounce.training.recipes import load_recipe
from rebounce.training.scores.si_sdr import si_sdr_db

CLEAN_S, CLEAN_HOP_S, DAMAGED_S = 20.0, 16.0, 15.0
PIECES_PER_TRACK = 4
FAULTS_AT_ONCE = 3
LEAST_GAIN_DB = 0.1


def clean_rows(folder: Path) -> list[dict[str, Any]]:
    """How many pieces come back bit for bit, of each half; thresholds were set on the first."""
    return [_clean(folder, half) for half in (TUNING, JUDGING)]


def _clean(folder: Path, half: str) -> dict[str, Any]:
    altered: list[dict[str, Any]] = []
    said: Counter[str] = Counter()
    count = 0
    for piece in pieces(folder, half, CLEAN_S, hop_seconds=CLEAN_HOP_S):
        plugin = Auto()
        result = plugin(piece.audio, piece.sample_rate_hz)
        findings = plugin.findings() or []
        said.update({finding.fault for finding in findings})
        count += 1
        if not np.array_equal(result, piece.audio):
            treated = sorted({finding.fault for finding in findings if finding.action != LEFT})
            change_db = _change_db(piece.audio, result)
            altered.append({"track": piece.track, "piece": piece.number, "repaired": treated, "change_db": change_db})
    lower = wilson_lower(count - len(altered), count)
    return {"half": half, "pieces": count, "altered": altered, "identical_lower_bound": lower, "named": dict(said)}


def three_faults_rows(folder: Path) -> list[dict[str, Any]]:
    """Three faults of the recipe at once: SI-SDR before and after, and how often that is a gain."""
    rows = []
    for piece, damaged, names in _with_three(folder):
        plugin = Auto()
        restored = plugin(damaged, piece.sample_rate_hz)
        before, after = si_sdr_db(piece.audio, damaged), si_sdr_db(piece.audio, restored)
        if before is None or after is None:
            continue
        treated = [repair.name for repair in plugin.treatment.repairs] if plugin.treatment else []
        rows.append({"track": piece.track, "faults": names, "before": before, "after": after, "repairs": treated})
    return rows


def _with_three(folder: Path) -> Iterator[tuple[Piece, Audio, list[str]]]:
    recipe = replace(load_recipe(RECIPE), clean_share=0.0)
    exercise = replace(exercise_of_recipe(recipe), count=(FAULTS_AT_ONCE, FAULTS_AT_ONCE))
    for piece in pieces(folder, JUDGING, DAMAGED_S, PIECES_PER_TRACK):
        digest = hashlib.sha256(f"{piece.track} {piece.number}".encode()).hexdigest()
        damage = draw_item(digest, exercise, 0).damage
        damaged = apply_damage(piece.audio, piece.sample_rate_hz, damage)
        yield piece, damaged, [applied.fault for applied in damage]


def _change_db(before: Audio, after: Audio) -> float:
    energy = float(np.sum(np.square(before, dtype=np.float64)))
    change = float(np.sum(np.square(after - before, dtype=np.float64)))
    return 10 * math.log10(change / energy) if energy and change else -math.inf


def wilson_lower(successes: int, trials: int, z: float = 1.96) -> float:
    """The lower end of the 95 % interval of a share, by Wilson."""
    if not trials:
        return 0.0
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return (centre - spread) / (1 + z * z / trials)
