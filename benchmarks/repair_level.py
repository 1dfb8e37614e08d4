"""Jumps of the level inside a track: how far the level is from where it should be, before and after `RideLevel`.

The envelope error is the gain of the output against the clean piece in dB, over time: its RMS, its mean taken away, as
a piece that is softer as a whole has no jumps. It is read off the audio itself in frames of 20 ms, silence aside.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.repair_items import JUDGING, Piece, faulty, pieces
from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import Diagnosis, diagnosed
from rebounce.engine.inspection.level_ride import LevelRideDetector
from rebounce.engine.repair.ride_level import RideLevel

PIECE_S = 20.0
PIECES_PER_TRACK = 8
FRAME_S = 0.02
SILENCE_DBFS = -70.0


def rows(folder: Path, half: str = JUDGING) -> list[dict[str, Any]]:
    """One row a piece: the error of the ridden level, after what the detector proposes, and after `RideLevel` on its
    own that is told that there are jumps; and whether the piece as it was released is left alone.
    """
    return [_row(piece) for piece in pieces(folder, half, PIECE_S, PIECES_PER_TRACK) if piece.audio.any()]


def _row(piece: Piece) -> dict[str, Any]:
    rate_hz = piece.sample_rate_hz
    item = faulty(piece, "level_ride")
    on_clean, on_ridden = _diagnosis(piece.audio, rate_hz), _diagnosis(item.damaged, rate_hz)
    blind = item.damaged if on_ridden.repair is None else on_ridden.repair(item.damaged, rate_hz)
    told = RideLevel(certainty=0.0)(item.damaged, rate_hz)
    errors = [envelope_error_db(piece.audio, audio, rate_hz) for audio in (item.damaged, blind, told)]
    return {
        "track": piece.track,
        "piece": piece.number,
        "before_db": errors[0],
        "after_db": errors[1],
        "after_told_db": errors[2],
        "is_found": on_ridden.repair is not None,
        "is_found_again": on_ridden.repair is not None and _diagnosis(blind, rate_hz).repair is not None,
        "is_clean_altered": on_clean.repair is not None,
        "likelihood": _likelihood(on_ridden),
        "likelihood_clean": _likelihood(on_clean),
    }


def envelope_error_db(clean: Audio, other: Audio, sample_rate_hz: float) -> float:
    """RMS over time of the gain from `clean` to `other`, both `(channels, frames)`, in dB without its mean."""
    before, after = (_powers(audio, sample_rate_hz) for audio in (clean, other))
    is_heard = (before > 10 ** (SILENCE_DBFS / 10)) & (after > 0)
    return float(np.std(10 * np.log10(after[is_heard] / before[is_heard]))) if is_heard.any() else 0.0


def summary(found: list[dict[str, Any]]) -> Mapping[str, float]:
    """Means over all pieces, found or not."""
    names = [name for name in found[0] if name.startswith(("is_", "before", "after"))]
    means = {name: float(np.mean([row[name] for row in found])) for name in names}
    losses_db = [row["after_db"] - row["before_db"] for row in found]
    return means | {"pieces": len(found), "worst_loss_db": max(losses_db)}


def _powers(audio: Audio, sample_rate_hz: float) -> Any:
    size = round(FRAME_S * sample_rate_hz)
    whole = audio[:, : audio.shape[1] // size * size].astype(np.float64)
    return np.square(whole).reshape(audio.shape[0], -1, size).mean(axis=(0, 2))


def _diagnosis(audio: Audio, sample_rate_hz: float) -> Diagnosis:
    return diagnosed(LevelRideDetector(sample_rate_hz, audio.shape[0]), [audio])


def _likelihood(diagnosis: Diagnosis) -> float:
    return max((finding.confidence for finding in diagnosis.findings), default=0.0)
