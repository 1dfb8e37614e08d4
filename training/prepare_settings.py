"""What a folder of bundles was prepared with: one small JSON file, written before the first bundle.

What always holds: bundles of different settings never share a folder, so that a training set is one thing; a run that
asks for other settings is told which differ, and what to do.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rebounce.engine.errors import UsageError
from rebounce.engine.staging import Staged, output_errors
from rebounce.training.bundle import SUFFIX
from rebounce.training.bundle_facts import VERSION
from rebounce.training.exercise import SCHEMA, Exercise

FILE_NAME = "prepare.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that decides what a bundle holds, but for the track, the stage and the item's number."""

    curriculum: str
    curriculum_sha256: str
    codec_id: str
    weights_sha256: str
    features: tuple[str, ...]
    seconds: float
    seed: int
    version: int = VERSION


_TOLD = {
    "version": "bundle version",
    "curriculum": "curriculum",
    "curriculum_sha256": "content of the curriculum",
    "codec_id": "codec",
    "weights_sha256": "codec weights",
    "features": "features",
    "seconds": "seconds",
    "seed": "seed",
}


def curriculum_hash(exercises: Mapping[str, Exercise]) -> str:
    """Of all that decides which items come out, and of nothing else."""
    content = {
        stage: {
            "exercise": exercise.name,
            "faults": [asdict(entry) for entry in exercise.recipe.entries],
            "count": exercise.count,
            "stronger": exercise.is_stronger,
        }
        for stage, exercise in exercises.items()
    }
    text = json.dumps([SCHEMA, content], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def check_folder(folder: Path, settings: Settings) -> None:
    """UsageError where the folder holds bundles of other settings, or of settings that nobody knows."""
    path = folder / FILE_NAME
    if not path.exists():
        bundle = next(folder.glob(f"*/*/*{SUFFIX}"), None)
        if bundle is not None:
            raise UsageError(
                f"{folder}: it holds bundles ({bundle.name} for one), but no {FILE_NAME} that says how they were made; "
                "name another folder with -o, or bring the file back"
            )
        return
    there = read_settings(path)
    different = [name for name in _TOLD if getattr(there, name) != getattr(settings, name)]
    if different:
        raise UsageError(_difference(path, there, settings, different))


def write_settings(folder: Path, settings: Settings) -> None:
    """Leave the file in the folder, whole or not at all; one that is there already stays."""
    path = folder / FILE_NAME
    if path.exists():
        return
    with Staged(path) as staged:
        with output_errors(path):
            staged.file.write((json.dumps(asdict(settings), indent=2) + "\n").encode())
        staged.publish()


def read_settings(path: Path) -> Settings:
    """The settings in that file; UsageError where it holds none."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = {field.name: found[field.name] for field in fields(Settings)}
        return Settings(**{**known, "features": tuple(known["features"])})
    except (OSError, ValueError, LookupError, TypeError) as problem:
        raise UsageError(
            f"{path}: expected the settings that the bundles beside it were made with, found {problem!r}; "
            "name another folder with -o"
        ) from problem


def _difference(path: Path, there: Settings, asked: Settings, names: list[str]) -> str:
    said = "; ".join(f"{_TOLD[name]} {_value(name, there)}, now {_value(name, asked)}" for name in names)
    return (
        f"{path}: the bundles here were made with other settings ({said}); name another folder with -o, or ask for "
        "the same as then to go on with this one"
    )


def _value(name: str, settings: Settings) -> str:
    value = getattr(settings, name)
    if name.endswith("sha256"):
        return str(value)[:12]
    if name == "features":
        return ",".join(value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
