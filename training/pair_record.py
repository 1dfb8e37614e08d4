"""The record of a pair: everything that is needed to know it again, and to make it again.

What always holds: a record is nothing but what JSON can hold, has no time in it, and says of which version of what the
audio came.
"""

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from rebounce import __version__
from rebounce.engine.errors import UnsupportedAudio
from rebounce.training.damage import Damage, damage_from_data, damage_to_data
from rebounce.training.exercise import exercise_sha256
from rebounce.training.pair_task import Task
from rebounce.training.tracks import Excerpt, Pair, Track, lead_in_frames, pair_of, split_of

SCHEMA = "rebounce-pair 1"
# What the audio of a damage depends on beside our own code.
MAKERS = ("numpy", "scipy", "pedalboard", "soundfile")


def record_of(task: Task, track: Track, pair: Pair, gain: float) -> dict[str, Any]:
    """What is written beside a pair whose sides were both multiplied by a gain."""
    return (
        {"schema": SCHEMA, "source": task.source_name}
        | _origin(task, track, pair.damage)
        | {
            "split": split_of(track.sha256),
            "sample_rate_hz": pair.sample_rate_hz,
            "channels": pair.clean.shape[0],
            "start_frame": pair.start_frame,
            "lead_in_frames": lead_in_frames(pair.start_frame, pair.sample_rate_hz),
            "frames": pair.clean.shape[1],
            "gain_db": 20 * math.log10(gain),
            "versions": _versions(),
        }
    )


def standing_record(task: Task, track: Track, damage: Damage) -> dict[str, Any] | None:
    """The record that is there already, if all its files are and the task would make the very same again."""
    try:
        found = json.loads(task.record.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None  # none, or none of ours
    if not isinstance(found, dict) or not isinstance(found.get("versions"), dict):
        return None
    origin = json.loads(json.dumps(_origin(task, track, damage)))
    is_same = found["versions"].get("rebounce") == __version__ and origin.items() <= found.items()
    return found if is_same and all(path.is_file() for path in task.targets) else None


def replay(track: Track, record: Mapping[str, Any]) -> Pair:
    """The pair of a record, made again from its track: to the last bit, before the gain and the rounding it is stored
    with, where the versions are those of the record."""
    if track.sha256 != record["source_sha256"]:
        raise UnsupportedAudio(
            f"{track.path}: expected the track that the record tells of (SHA-256 {record['source_sha256'][:12]}...), "
            f"found {track.sha256[:12]}...; look for the original of {record['source']}"
        )
    names = ("sample_rate_hz", "start_frame", "frames", "lead_in_frames")
    return pair_of(track, Excerpt(**{name: record[name] for name in names}), damage_from_data(record["damage"]))


def record_text(record: Mapping[str, Any]) -> bytes:
    """The record as its file holds it."""
    return (json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def _origin(task: Task, track: Track, damage: Damage) -> dict[str, Any]:
    """What a pair follows from: records that are equal in all this, and in the version, are of equal audio."""
    settings = task.settings
    return {
        "schema": SCHEMA,
        "source_sha256": track.sha256,
        "exercise": settings.exercise.name,
        "exercise_sha256": exercise_sha256(settings.exercise),
        "seed": task.seed,
        "asked": {
            "seconds": settings.seconds,
            "sample_rate_hz": settings.sample_rate_hz,
            "format": settings.wish.file_format,
            "bit_depth": settings.wish.bit_depth,
        },
        "damage": damage_to_data(damage),
    }


@cache
def _versions() -> dict[str, str]:
    return {"rebounce": __version__, **{name: version(name) for name in MAKERS}}
