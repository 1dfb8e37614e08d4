"""What is judged: presets and a codec, as data that travels to other processes and is built there once."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rebounce.engine.board import Board
from rebounce.engine.model_choice import AS_WRITTEN, ModelChoice, model_plugins
from rebounce.engine.preset import load_preset, preset_hash
from rebounce.training.codecs import CodecChoice

ORIGINAL = "clean"
DAMAGED = "damaged"
ROUND_TRIP = "round trip"
PARAMETERS = "oracle: parameters known"
MAGNITUDE = "oracle: clean magnitude"
TOKENS = "oracle: tokens known"
COHERENT = "oracle: tokens, by coherence"
KNOWN_ERROR = "oracle: tokens, by known error"
TRANSFER = "oracle: tokens, transfer"
LATENTS = "oracle: latents known"
COHERENT_LATENTS = "oracle: latents, by coherence"
ROWS = (
    *(ORIGINAL, DAMAGED, ROUND_TRIP, PARAMETERS, MAGNITUDE),
    *(TOKENS, COHERENT, KNOWN_ERROR, TRANSFER, LATENTS, COHERENT_LATENTS),
)
"""What stands beside presets, under names that no preset may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A chain under test. `chain` is its `Board.settings()` as JSON, so that it can be compared and sent anywhere."""

    name: str
    source: str
    chain: str
    sha256: str
    runs_model: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything that every item goes through, and what it is scored by. `seconds` is the length of an item."""

    presets: tuple[Preset, ...]
    codec: CodecChoice | None
    scores: tuple[str, ...]
    seconds: float


def presets_under_test(
    chosen: Iterable[tuple[str, str | Path]], allow_plugins: Iterable[Path], model: ModelChoice = AS_WRITTEN
) -> tuple[Preset, ...]:
    """The presets as `(what was typed, what it means)`, each loaded and so checked; twice the same counts once.

    The same is what has the same name, and what is the same file, by whichever path. `model` is what those run that run
    one.
    """
    allowed = list(allow_plugins)
    first: dict[str | Path, tuple[str, str | Path]] = {}
    for typed, source in chosen:
        first.setdefault(Path(os.path.realpath(source)) if isinstance(source, Path) else source, (typed, source))
    pairs = list(first.values())
    short = [_short_name(source) for _, source in pairs]
    found = []
    for (typed, source), name in zip(pairs, short, strict=True):
        board = load_preset(source, allowed)
        model.apply_to(board)
        chain = json.dumps(board.settings(), sort_keys=True)
        unique = name if short.count(name) == 1 and name not in ROWS else typed
        preset = Preset(
            name=unique,
            source=str(source),
            chain=chain,
            sha256=preset_hash(board, {}),
            runs_model=bool(model_plugins(board)),
        )
        found.append(preset)
    return tuple(found)


def _short_name(source: str | Path) -> str:
    return source.stem if isinstance(source, Path) else source


@cache
def board_of(preset: Preset) -> Board:
    """The chain, built once a process: a hosted plugin takes a while to start."""
    return Board.from_dict(json.loads(preset.chain))
