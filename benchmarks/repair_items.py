"""What repairs are tuned and judged on: pieces of music in two halves by track, and faults done to them.

Thresholds are set on the half `tuning`; the half `judging` gives the figures and nothing else. A track belongs to one
half by the hash of its name, all its excerpts with it.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from rebounce.engine.audio import Audio
from rebounce.training.damage import Applied
from rebounce.training.exercise import exercise_of_fault
from rebounce.training.faults.fault import apply_fault, draw_fault
from rebounce.training.faults.registry import fault_named
from rebounce.training.recipes import load_recipe

TUNING, JUDGING = "tuning", "judging"
SUFFIXES = (".flac", ".ogg", ".mp3", ".wav")
RECIPE = "realistic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a track; `audio` is `(channels, frames)`."""

    track: str
    number: int
    audio: Audio
    sample_rate_hz: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulty:
    """A piece with one fault done to it."""

    piece: Piece
    applied: Applied
    damaged: Audio


def tracks(folder: Path, half: str) -> list[Path]:
    """The tracks of one half, in the order of their names."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return [path for path in paths if half_of(path) == half]


def half_of(path: Path) -> str:
    """Excerpts go where their title goes."""
    return TUNING if hashlib.sha256(title_of(path.stem).encode()).digest()[0] % 2 else JUDGING


def title_of(track: str) -> str:
    """Excerpts are named TITLE-SECONDSs."""
    return re.sub(r"-\d+s$", "", track)


def pieces(
    folder: Path, half: str, seconds: float, most_per_track: int = 1_000, hop_seconds: float | None = None
) -> Iterator[Piece]:
    """Pieces of a length from each track: side by side over all of it, or a hop apart; a shorter track is one."""
    for path in tracks(folder, half):
        info = soundfile.info(path)
        frames = min(info.frames, round(seconds * info.samplerate))
        hop = frames if hop_seconds is None else round(hop_seconds * info.samplerate)
        count = min(1 + (info.frames - frames) // hop, most_per_track)
        for number in range(count):
            start = number * hop if hop_seconds else round(number * info.frames / count)
            audio = soundfile.read(path, frames, start, dtype="float32", always_2d=True)[0]
            yield Piece(
                track=path.stem, number=number, audio=np.ascontiguousarray(audio.T), sample_rate_hz=info.samplerate
            )


def faulty(piece: Piece, fault: str, given: Mapping[str, Any] | None = None, recipe: str = RECIPE) -> Faulty:
    """The piece with a fault in the recipe's ranges, drawn from the piece's name; `given` narrows them further."""
    ranges = dict(exercise_of_fault(fault, load_recipe(recipe)).recipe.entries[0].ranges) | dict(given or {})
    seed = hashlib.sha256(f"{piece.track} {piece.number} {fault}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(seed[:8], "big"))
    parameters = draw_fault(fault_named(fault), rng, ranges)
    damaged = apply_fault(fault_named(fault), piece.audio, piece.sample_rate_hz, parameters)
    return Faulty(piece=piece, applied=Applied(fault=fault, parameters=parameters), damaged=damaged)
