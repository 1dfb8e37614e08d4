"""An evaluation as plain data for JSON: everything that there is to know, down to each item.

What always holds: the same plan gives the same data, whatever the number of processes; and what is undefined is None.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rebounce import __version__
from rebounce.training.damage import damage_to_data
from rebounce.training.evaluation.aggregate import Cell, Gain, Rate, Row
from rebounce.training.evaluation.harm import Harm
from rebounce.training.evaluation.run import Evaluation, Section
from rebounce.training.evaluation.token_scores import item_tokens_to_data
from rebounce.training.evaluation.trial import Measured, Outcome
from rebounce.training.evaluation.worth import Worth, worths_of
from rebounce.training.scores.registry import SCORES
from rebounce.training.tracks import Track, split_of

SCHEMA = 1
PACKAGES = ("numpy", "scipy", "pedalboard", "soundfile", "torch", "encodec", "pesq", "pystoi")


def to_json(evaluation: Evaluation, files: Iterable[str] = ()) -> str:
    """One line, in ASCII so that no terminal or pipe can spoil a name; NaN cannot get in."""
    return json.dumps(to_data(evaluation, files), allow_nan=False)


def to_data(evaluation: Evaluation, files: Iterable[str] = ()) -> dict[str, Any]:
    """Everything there is to know, for JSON; `files` are those that were written beside it."""
    plan = evaluation.plan
    return {
        "schema": SCHEMA,
        "version": __version__,
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "asked": dict(plan.asked),
        "tracks": [_track_to_data(track) for track in plan.tracks],
        "systems": [asdict(system) for system in evaluation.systems],
        "scores": [_score_to_data(name) for name in plan.bench.scores],
        "do_no_harm": [_harm_to_data(harm) for harm in evaluation.harms],
        "across_faults": {
            name: None if summary is None else summary.to_data() for name, summary in evaluation.summaries.items()
        },
        "groups": [_section_to_data(section) for section in evaluation.sections],
        "worth_training": [_worth_to_data(worth) for worth in worths_of(evaluation)],
        "token_usage": None if evaluation.usage is None else asdict(evaluation.usage),
        "items": [_item_to_data(item) for item in evaluation.items],
        "problems": list(evaluation.problems),
        "files": list(files),
    }


def _track_to_data(track: Track) -> dict[str, Any]:
    told = {"path": str(track.path), "sha256": track.sha256, "split": split_of(track.sha256)}
    return told | {"sample_rate_hz": track.sample_rate_hz, "channels": track.channels, "frames": track.frames}


def _score_to_data(name: str) -> dict[str, Any]:
    score = SCORES[name]
    told = {key: getattr(score, key) for key in ("name", "title", "unit", "better", "about")}
    return told | {"is_available": score.is_available(), "trouble": score.trouble()}


def _section_to_data(section: Section) -> dict[str, Any]:
    return {
        "name": section.group.name,
        "about": section.group.about,
        "exercise": asdict(section.group.exercise),
        "tracks": section.tracks,
        "items": section.items,
        "undamaged": section.undamaged,
        "rows": [_row_to_data(row) for row in section.rows],
        "tokens": [asdict(row) for row in section.tokens],
    }


def _row_to_data(row: Row) -> dict[str, Any]:
    told = {"system": row.system, "failed": row.failed, "absent": row.absent, "unchanged": row.unchanged}
    return told | {"scores": {name: _cell_to_data(cell) for name, cell in row.cells.items()}}


def _cell_to_data(cell: Cell) -> dict[str, Any]:
    told: dict[str, Any] = asdict(cell.interval) | {"median": cell.median, "undefined": cell.undefined}
    if cell.bias is not None:
        told["bias"] = cell.bias
    return told | {"gain": None if cell.gain is None else _gain_to_data(cell.gain)}


def _gain_to_data(gain: Gain) -> dict[str, Any]:
    return asdict(gain.interval) | {
        "median": gain.median,
        "verdict": gain.verdict,
        "better": _rate_to_data(gain.better),
    }


def _rate_to_data(rate: Rate) -> dict[str, Any]:
    return asdict(rate) | {"share": rate.share}


def _harm_to_data(harm: Harm) -> dict[str, Any]:
    worst = harm.worst
    return {
        "preset": harm.preset,
        "identical": _rate_to_data(harm.identical),
        "target": harm.target,
        "is_reached": harm.is_reached,
        "failed": harm.failed,
        "silent": harm.silent,
        "worst": None if worst is None else asdict(worst) | {"path": str(worst.path)},
    }


def _worth_to_data(worth: Worth) -> dict[str, Any]:
    return asdict(worth) | {"is_worth": worth.is_worth}


def _item_to_data(item: Measured) -> dict[str, Any]:
    return {
        "group": item.group,
        "track": item.track.sha256,
        "seed": item.seed,
        "start_s": item.start_s,
        "seconds": item.seconds,
        "is_silent": item.is_silent,
        "damage": damage_to_data(item.damage),
        "systems": {name: _outcome_to_data(outcome) for name, outcome in item.outcomes.items()},
        "tokens": item_tokens_to_data(item.tokens),
    }


def _outcome_to_data(outcome: Outcome) -> dict[str, Any]:
    return {
        "scores": dict(outcome.scores) if outcome.is_there else None,
        "is_unchanged": outcome.is_unchanged,
        "change_dbfs": outcome.change_dbfs,
        "message": outcome.message,
        "is_failure": outcome.is_failure,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
