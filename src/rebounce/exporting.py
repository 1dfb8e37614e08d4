"""What `rebounce export` does with its arguments."""

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rebounce.engine.checked_table import Scalar
from rebounce.engine.errors import ModelError, UsageError
from rebounce.engine.model_manifest import is_model_name
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.model_store import find_model
from rebounce.engine.staged_folder import refuse_if_there
from rebounce.exporters.package import Exported, write_package
from rebounce.training.exportable.opening import open_checkpoint
from rebounce.training.exportable.registry import EXPORTABLE
from rebounce.training.exportable.request import SAMPLE_RATE_HZ, Request
from rebounce.training.music import make_mix

if TYPE_CHECKING:
    from rebounce.cli_export import Arguments

MUSIC_SEED, MUSIC_SECONDS = 7, 9.0
"""What is compared with torch: four windows of the light codec, and of most codecs there are."""


def run(arguments: "Arguments") -> int:
    """Export; returns the exit code."""
    name = arguments.name or arguments.output.absolute().name.lower()
    if not is_model_name(name):
        raise UsageError(
            f"--name {name}: expected small letters, digits, '.', '_' and '-', at most 64; name the package with --name"
        )
    if not arguments.is_forced:
        refuse_if_there(arguments.output.absolute())  # before minutes of work
    card = _text(arguments.data_card)
    kind, state = open_checkpoint(arguments.checkpoint)
    request = Request(
        name=name,
        version=arguments.package_version,
        licence=arguments.licence,
        training_data_card=card or str(state.get("data_card") or "not stated"),
        music=make_mix(MUSIC_SEED, MUSIC_SECONDS, SAMPLE_RATE_HZ).audio,
        scores={**_validation(state), **dict(arguments.scores)},
        codec=_codec(arguments.codec, state),
    )
    exported = write_package(
        EXPORTABLE[kind](state, request),
        arguments.output,
        arguments.precision,
        replaces=arguments.is_forced,
        tell=lambda line: None if arguments.is_quiet else click.echo(line, err=True),
    )
    _tell(exported, arguments)
    return 0


def _text(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"--data-card {path}: expected a text in UTF-8, found that {problem}") from problem
    if not text:
        raise UsageError(f"--data-card {path}: expected what the network was trained on, found an empty file")
    return text


def _validation(state: Mapping[str, Any]) -> dict[str, Scalar]:
    """What the training measured on what it did not learn from, as far as that is numbers."""
    found = state.get("validation") or {}
    numbers = {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
    return {f"validation_{name}": value for name, value in numbers.items() if isfinite(value)}


def _codec(named: str | None, state: Mapping[str, Any]) -> ModelPackage | None:
    """The package of the codec: as named, else the one that has the name of the checkpoint's codec."""
    codec_id = str(state.get("codec_id") or "")
    if named is not None:
        if not codec_id:
            raise UsageError("--codec: expected only with a token network, found a checkpoint of a codec; leave it out")
        return find_model(named)
    if not codec_id:
        return None
    try:
        return find_model(codec_id.partition("@")[0])
    except ModelError as problem:
        raise ModelError(
            f"export: the network was trained with the codec {codec_id}: name its package with --codec ({problem})"
        ) from problem


def _tell(exported: Exported, arguments: "Arguments") -> None:
    package = exported.package
    size = sum(package.path(name).stat().st_size for name in package.manifest.files)
    if arguments.as_json:
        about = {
            "package": package.id,
            "folder": str(package.folder),
            "precision": arguments.precision,
            "bytes": size,
            "differences": {f"{item.file}:{item.output}": item.difference for item in exported.distances},
        }
        click.echo(json.dumps(about))
    elif not arguments.is_quiet:
        click.echo(f"exported  {package.id}, {size / 1e6:.1f} MB in {package.folder}")
