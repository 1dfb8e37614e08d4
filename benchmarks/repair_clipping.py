"""How near clipped music comes to the original, and how fast."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.repair_items import JUDGING, Faulty, faulty, pieces
from rebounce.engine.audio import Audio
from rebounce.engine.inspection.clipping import ClippingDetector
from rebounce.engine.inspection.finding import diagnosed
from rebounce.engine.overlap_add import size_near
from rebounce.engine.plugin import Plugin
from rebounce.engine.repair.restore_clipping import FRAME_SECONDS, HARD, SOFT
from rebounce.engine.repair.sparse_peaks import OVERLAP
from rebounce.training.scores.si_sdr import si_sdr_db

PIECE_S = 10.0
PIECES_PER_TRACK = 2
KINDS = (HARD, SOFT)
# The same once more as files of 16 bits hold it, which is what an inverse curve suffers from.
STEPS_OF_16_BITS = 32_768


def rows(folder: Path) -> list[dict[str, Any]]:
    """One row an item: SI-SDR before and after, and what the repair took; a kind that was not found gains nothing."""
    return [
        _row(item, kind, bits)
        for piece in pieces(folder, JUDGING, PIECE_S, PIECES_PER_TRACK)
        if piece.audio.any()
        for kind in KINDS
        for item in [faulty(piece, "clipping", {"kind": kind})]
        for bits in (32, 16)
    ]


def _row(item: Faulty, kind: str, bits: int) -> dict[str, Any]:
    damaged, rate_hz = item.damaged, item.piece.sample_rate_hz
    if bits == 16:
        damaged = (np.round(damaged * STEPS_OF_16_BITS) / STEPS_OF_16_BITS).astype(np.float32)
    repair = diagnosed(ClippingDetector(rate_hz, damaged.shape[0]), [damaged]).repair
    start = time.perf_counter()
    restored = damaged if repair is None else repair(damaged, rate_hz)
    taken_s = time.perf_counter() - start
    return {
        "track": item.piece.track,
        "piece": item.piece.number,
        "kind": kind,
        "bits": bits,
        "percentile": item.applied.parameters["percentile"],
        "is_found": repair is not None and repair.analysis.kind == kind,
        "before": si_sdr_db(item.piece.audio, damaged),
        "after": si_sdr_db(item.piece.audio, restored),
        "solved_share": _solved_share(damaged, repair, rate_hz),
        "times_real_time": damaged.shape[1] / rate_hz / taken_s if repair else None,
    }


def _solved_share(damaged: Audio, repair: Plugin | None, rate_hz: int) -> float:
    """The share of the solver's frames that hold clipped samples."""
    if repair is None or repair.analysis.kind != HARD:
        return 0.0
    hop = size_near(FRAME_SECONDS * rate_hz) // OVERLAP
    above, below = (np.asarray(side)[:, np.newaxis] for side in (repair.analysis.above, repair.analysis.below))
    is_clipped = ((above > 0) & (damaged >= above)) | ((below > 0) & (damaged <= -below))
    hops = damaged.shape[1] // hop
    holds = is_clipped[:, : hops * hop].reshape(-1, hops, hop).any(axis=2)
    return float(np.lib.stride_tricks.sliding_window_view(holds, OVERLAP, axis=1).any(axis=2).mean())
