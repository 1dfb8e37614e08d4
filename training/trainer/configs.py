"""Training configs: the bundled ones by name, any other by its path, checked against what there is."""

import re
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from rebounce.engine.errors import ConfigError
from rebounce.presets.training_config import CODEC_KIND, TrainingConfig
from rebounce.presets.training_file import Known, as_table, parse_training, read_training_file
from rebounce.training import codec_settings
from rebounce.training.losses.registry import LOSSES
from rebounce.training.networks.registry import NETWORKS
from rebounce.training.networks.token_unet import SIZES

PACKAGE, FOLDER = "rebounce.presets", "training"
SUFFIX = ".toml"

_PATH_SIGNS = re.compile(r"[/\\:]|^[.~]")

_NO_MATTER = ("description", "output", "bundles", "codec", "codec_weights", "music", "data.workers", "keep")
"""What of a config changes no number: where things lie (bundles and codec have hashes of their own), what is told."""


def known() -> Known:
    """What a config may name."""
    sizes = {kind: tuple(SIZES) for kind in NETWORKS}
    return Known(
        sizes={**sizes, CODEC_KIND: codec_settings.SIZES},
        losses=tuple(LOSSES),
        codec_training=codec_settings.usual_settings(),
    )


def bundled_configs() -> list[str]:
    """The names of the configs that are always there."""
    names = (entry.name for entry in files(PACKAGE).joinpath(FOLDER).iterdir())
    return sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))


def load_config(config: str | Path, changes: Mapping[str, Any] | None = None) -> TrainingConfig:
    """A bundled config or a config file, its paths absolute, its weights spelled out; ConfigError says what is wrong.

    Paths in a file count from the folder that it lies in, those of a bundled config from the current one. `changes`
    replace what the config says, their paths counted from the current folder.
    """
    try:
        read, folder = _read(config)
        changed = {name: value for name, value in (changes or {}).items() if value is not None}
        return _resolved(_anchored(replace(_anchored(read, folder), **changed), Path()))
    except ConfigError:
        raise
    except ValueError as problem:
        raise ConfigError(str(problem)) from problem


def identity(table: Mapping[str, Any]) -> dict[str, Any]:
    """All of a config's table that the outcome depends on, each value by its dotted path."""
    return {
        path: value
        for path, value in _flat(table).items()
        if not any(path == name or path.startswith(f"{name}.") for name in _NO_MATTER)
    }


def differences(now: TrainingConfig, then: Mapping[str, Any]) -> list[str]:
    """What of a config that matters is another than in the table of an earlier one, a sentence for each."""
    new, old = identity(as_table(now)), identity(then)
    return [
        f"{name} was {old.get(name, 'not set')}, now {new.get(name, 'not set')}"
        for name in [*old, *(name for name in new if name not in old)]
        if new.get(name) != old.get(name)
    ]


def _read(config: str | Path) -> tuple[TrainingConfig, Path]:
    if str(config) in bundled_configs():
        name = f"{config}{SUFFIX}"
        text = files(PACKAGE).joinpath(FOLDER, name).read_text(encoding="utf-8")
        return parse_training(text, name, known()), Path()
    path = Path(config)
    if not str(config) or not (path.exists() or path.suffix == SUFFIX):
        close = get_close_matches(str(config), bundled_configs(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigError(
            f"expected a training config, one of {', '.join(bundled_configs())}, or the path of a config file, found "
            f"{str(config)!r}{hint}"
        )
    return read_training_file(path, known()), path.parent


def _anchored(config: TrainingConfig, folder: Path) -> TrainingConfig:
    """The config with absolute paths."""
    codec = config.codec
    if codec is not None and _PATH_SIGNS.search(codec):  # what has none is a name, whatever folder has it too
        codec = _absolute(folder, codec)
    return replace(
        config,
        output=_absolute(folder, config.output),
        bundles=None if config.bundles is None else tuple(_absolute(folder, path) for path in config.bundles),
        music=None if config.music is None else tuple(_absolute(folder, path) for path in config.music),
        codec=codec,
        codec_weights=None if config.codec_weights is None else _absolute(folder, config.codec_weights),
    )


def _absolute(folder: Path, path: str) -> str:
    return str((folder / Path(path).expanduser()).absolute())


def _resolved(config: TrainingConfig) -> TrainingConfig:
    """The config with the weight of every loss that it uses."""
    if config.kind == CODEC_KIND:
        return config
    given = config.loss or {}
    used = {name for stage in config.stages for name in stage.losses}
    unused = [name for name in given if name not in used]
    if unused:
        raise ConfigError(
            f"[loss]: {unused[0]} has a weight, but no stage names it in its losses; name it or leave it out"
        )
    return replace(config, loss={name: given.get(name, LOSSES[name].weight) for name in LOSSES if name in used})


def _flat(table: Any, place: str = "") -> dict[str, Any]:
    """Every value of nested tables by its dotted path; stages go by their names."""
    if isinstance(table, list) and table and all(isinstance(item, Mapping) for item in table):
        table = {item.get("name", number): item for number, item in enumerate(table)}
    if not isinstance(table, Mapping):
        return {place: table}
    return {
        path: value for key, inner in table.items() for path, value in _flat(inner, f"{place}.{key}".strip(".")).items()
    }
