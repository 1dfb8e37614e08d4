"""What stands side by side: the damaged input, the presets, the codec's ceiling, and the oracles.

What always holds: every system gets the same item, and gives audio of its shape or says why it gives none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from rebounce.engine.audio import Audio, check_numbers
from rebounce.engine.errors import PluginError, RebounceError
from rebounce.training.damage import apply_damage, undo_damage
from rebounce.training.evaluation.bench import (
    DAMAGED,
    MAGNITUDE,
    ORIGINAL,
    PARAMETERS,
    ROUND_TRIP,
    Bench,
    Preset,
    board_of,
)
from rebounce.training.evaluation.coding import Coder
from rebounce.training.evaluation.oracle import clean_magnitude
from rebounce.training.evaluation.token_oracles import WAYS, ways_of, with_perfect_tokens
from rebounce.training.faults.fault import Undoable
from rebounce.training.faults.registry import fault_named
from rebounce.training.tracks import LEAD_IN_S, Pair, Track, read_track

INPUT, RESULT, CEILING, ORACLE = "input", "result", "ceiling", "oracle"

ABOUT_PARAMETERS = "no result: the faults taken back by one who knows how they were made; empty where that cannot be"
ABOUT_MAGNITUDE = "no result: the magnitudes of the clean audio with the phases of the damaged, as from a perfect mask"


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One row of a table. Only a `kind` of "result" is one; the others say what it is to be read against."""

    name: str
    kind: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """No audio: because it failed, or because there is no such thing for this item."""

    message: str
    is_failure: bool


Output = Audio | Missing


def systems_of(bench: Bench) -> list[System]:
    """All rows, in the order in which they stand."""
    names = [(DAMAGED, INPUT, "the input as it is: what doing nothing scores")]
    names += [(preset.name, RESULT, f"preset {preset.source}") for preset in bench.presets]
    if bench.codec is not None:
        codec = bench.codec.label
        about = f"no result: the clean audio through {codec}, the most a chain can reach that puts out what it decodes"
        names.append((ROUND_TRIP, CEILING, about))
    names += [(PARAMETERS, ORACLE, ABOUT_PARAMETERS), (MAGNITUDE, ORACLE, ABOUT_MAGNITUDE)]
    names += [(way.name, ORACLE, way.about) for way in ways_of(bench.codec)]
    return [System(name=name, kind=kind, about=about) for name, kind, about in names]


def results(pair: Pair, bench: Bench) -> Iterator[tuple[str, Output]]:
    """The damaged input, and what every preset makes of it, one at a time."""
    yield DAMAGED, pair.damaged
    for preset in bench.presets:
        yield preset.name, restored(preset, pair)


def bounds(track: Track, pair: Pair, coder: Coder | None) -> Iterator[tuple[str, Output]]:
    """What results are read against, one at a time, in the order of `systems_of`."""
    if coder:
        absent = f"the codec takes {coder.codec.channels} channels, and there are {pair.clean.shape[0]}"
        yield ROUND_TRIP, _attempt(partial(coder.round_trip, ORIGINAL, pair.clean), absent)
    yield PARAMETERS, _attempt(lambda: _parameters_known(track, pair), "one of the faults cannot be taken back exactly")
    yield MAGNITUDE, _attempt(lambda: clean_magnitude(pair.clean, pair.damaged, pair.sample_rate_hz))
    if coder:
        for way in WAYS:
            if coder.has_latents or not way.is_latent:
                yield way.name, _attempt(partial(with_perfect_tokens, way, pair, coder), absent)


def restored(preset: Preset, pair: Pair) -> Output:
    """What a preset makes of the damaged audio."""
    return _attempt(lambda: _checked(board_of(preset)(pair.damaged, pair.sample_rate_hz), pair.damaged))


def _attempt(make: Callable[[], Audio | None], absent: str = "") -> Output:
    """The audio, or why there is none: a stranger's plugin may raise anything, and must not cost others the item."""
    try:
        with np.errstate(all="ignore"):
            made = make()
            return Missing(message=absent, is_failure=False) if made is None else check_numbers(made)
    except RebounceError as problem:
        return Missing(message=str(problem), is_failure=True)
    except Exception as problem:
        return Missing(message=f"{type(problem).__name__}: {problem}", is_failure=True)


def _checked(made: Audio, given: Audio) -> Audio:
    if made.shape != given.shape:
        raise PluginError(
            f"expected {given.shape} (channels, frames) back, got {made.shape}; look for what adds a tail"
        )
    return made


def _parameters_known(track: Track, pair: Pair) -> Audio | None:
    """The damage taken back. Its lead-in goes with it: an echo of what came before the cut is only undone with that."""
    if not all(isinstance(fault_named(applied.fault), Undoable) for applied in pair.damage):
        return None
    lead_in = min(pair.start_frame, round(LEAD_IN_S * pair.sample_rate_hz))
    clean = read_track(track, start_frame=pair.start_frame - lead_in, frames=lead_in + pair.clean.shape[1])
    undone = undo_damage(apply_damage(clean, pair.sample_rate_hz, pair.damage), pair.sample_rate_hz, pair.damage)
    return None if undone is None else undone[:, lead_in:]
