"""A training config as TOML: read with every name and number checked, and written.

    kind = "token-unet"         # or a baseline, or "codec"
    size = "light"
    codec = "light"
    bundles = ["bundles"]
    output = "runs/token-unet"

    [loss]
    mask = 0.1                  # a weight that is not the usual one

    [advance]                   # for all stages; [stage.advance] for one
    patience_epochs = 5

    [[stage]]
    name = "0"
    learning_rate = 5e-4
    epochs = 15
    losses = ["token"]

What networks, sizes and losses there are is asked of what the caller passes in. Errors name the line.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import tomli_w

from rebounce.presets.checked_fields import number, read_fields
from rebounce.presets.recipe_file import RecipeFileError, Report, parse_toml
from rebounce.presets.toml_places import read_text
from rebounce.presets.training_config import (
    CODEC_KIND,
    Advance,
    Batch,
    Data,
    Keeping,
    Optimiser,
    TrainingConfig,
    TrainingStage,
)

TABLES = {"data": Data, "batch": Batch, "optimiser": Optimiser, "keep": Keeping}
OF_A_CODEC = ("kind", "size", "output", "description", "seed", "music", "codec_training")
TOP_LEVEL = (
    *("description", "kind", "size", "codec", "codec_weights", "bundles", "music", "output", "seed", "precision"),
    *("gradient_checkpointing", "codec_training", *TABLES, "advance", "loss", "stage"),
)
MOST_WEIGHT = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What there is: the sizes of each kind of network, the losses, and the numbers that the training of a codec takes.

    `codec_training` gives of each of those its usual value, whose type another must have.
    """

    sizes: Mapping[str, tuple[str, ...]]
    losses: tuple[str, ...]
    codec_training: Mapping[str, float]


def read_training_file(path: Path, known: Known) -> TrainingConfig:
    """Read and check one config; ValueError says what is wrong with it."""
    return parse_training(read_text(path, "training config"), str(path), known)


def parse_training(text: str, where: str, known: Known) -> TrainingConfig:
    """Check the text of a config; `where` names it in errors."""
    table, report = parse_toml(text, where, TOP_LEVEL, "a training config")
    plain = {key: value for key, value in table.items() if key not in (*TABLES, "advance", "loss", "stage")}
    found = read_fields(TrainingConfig, {key: value for key, value in plain.items() if key != "codec_training"}, report)
    _check_names(found, known, report)
    if found["kind"] == CODEC_KIND:
        return _codec_config(table, found, known, report)
    _refuse_keys(plain, ("music", "codec_training"), found["kind"], report)
    tables: dict[str, Any] = {name: _table(kind, table, name, report) for name, kind in TABLES.items()}
    stages = _stages(table, known, report)
    config: TrainingConfig = _made(
        TrainingConfig, {**found, **tables, "loss": _weights(table, known, report), "stages": stages}, report
    )
    return config


def format_training(config: TrainingConfig) -> str:
    """The config as TOML that `parse_training` reads the same from; what is None or empty is left out."""
    return tomli_w.dumps(as_table(config))


def as_table(config: TrainingConfig) -> dict[str, Any]:
    """All of a config as plain values, under the keys of its file."""
    table: dict[str, Any] = _plain(asdict(config))
    if config.kind == CODEC_KIND:
        return {key: value for key, value in table.items() if key in OF_A_CODEC}
    table["stage"] = table.pop("stages")
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items() if inner is not None}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _check_names(found: Mapping[str, Any], known: Known, report: Report) -> None:
    for key, names in (("kind", tuple(known.sizes)), ("size", known.sizes.get(found["kind"], ()))):
        if found[key] not in names:
            raise report(_unknown(found[key], key, names), key)


def _unknown(name: str, what: str, names: tuple[str, ...]) -> str:
    close = get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"expected {what} = one of {', '.join(names)}, found {name!r}{hint}"


def _refuse_keys(table: Mapping[str, Any], keys: tuple[str, ...], kind: str, report: Report) -> None:
    for key in table:
        if key in keys:
            raise report(f'{key} means nothing for kind = "{kind}"; leave it out', key)


def _codec_config(table: Mapping[str, Any], found: dict[str, Any], known: Known, report: Report) -> TrainingConfig:
    _refuse_keys(table, tuple(key for key in TOP_LEVEL if key not in OF_A_CODEC), CODEC_KIND, report)
    settings = _inner(table, "codec_training", report)
    for key, value in settings.items():
        if key not in known.codec_training:
            raise report(_unknown(key, "a key of [codec_training]", tuple(known.codec_training)), "codec_training", key)
        usual = known.codec_training[key]
        is_whole_where_it_must = type(value) is int or (isinstance(usual, float) and isinstance(value, float))
        if not is_whole_where_it_must or not 0 <= value <= MOST_WEIGHT * MOST_WEIGHT:
            what = "a whole number" if isinstance(usual, int) else "a number"
            raise report(f"expected {key} = {what} of 0 or more, found {value!r}", "codec_training", key)
    config: TrainingConfig = _made(TrainingConfig, {**found, "codec_training": settings}, report)
    return config


def _inner(table: Mapping[str, Any], name: str, report: Report) -> dict[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise report(f"expected [{name}] as a table, found {name} = {found!r}", name)
    return found


def _table(kind: type[Any], table: Mapping[str, Any], name: str, report: Report) -> Any:
    return _made(kind, read_fields(kind, _inner(table, name, report), report, name), report, name)


def _made(kind: type[Any], values: Mapping[str, Any], report: Report, *place: str | int) -> Any:
    """An instance; what its values cannot be together is told with the place."""
    try:
        return kind(**values)
    except RecipeFileError:
        raise
    except ValueError as problem:
        raise report(str(problem), *place) from problem


def _weights(table: Mapping[str, Any], known: Known, report: Report) -> dict[str, float]:
    weights = {}
    for name, value in _inner(table, "loss", report).items():
        if name not in known.losses:
            raise report(_unknown(name, "a key of [loss]", known.losses), "loss", name)
        try:
            weights[name] = number(0, MOST_WEIGHT)(value)
        except ValueError as problem:
            raise report(f"expected {name} = {problem}, found {value!r}", "loss", name) from problem
    return weights


def _stages(table: Mapping[str, Any], known: Known, report: Report) -> tuple[TrainingStage, ...]:
    common = _table(Advance, table, "advance", report)
    tables = report.tables(table, "stage")
    stages = tuple(_stage(item, position, (common, known), report) for position, item in enumerate(tables))
    names = [stage.name for stage in stages]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise report(f"stage {name!r} stands here twice; give each a name of its own", "stage", position, "name")
    return stages


def _stage(item: dict[str, Any], position: int, given: tuple[Advance, Known], report: Report) -> TrainingStage:
    common, known = given
    place = ("stage", position)
    own = read_fields(Advance, _inner(item, "advance", report), report, *place, "advance")
    found = read_fields(TrainingStage, {key: value for key, value in item.items() if key != "advance"}, report, *place)
    for name in found["losses"]:
        if name not in known.losses:
            raise report(_unknown(name, "losses", known.losses), *place, "losses")
    advance = replace(common, **own)
    stage: TrainingStage = _made(TrainingStage, {**found, "advance": advance}, report, *place)
    return stage
