"""Presets and chain files as boards: the bundled ones by name, any other by its path."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from rebounce.engine.board import Board
from rebounce.engine.errors import ChainError
from rebounce.engine.parameters import unknown_name
from rebounce.engine.registry import is_vst3_path, plugin_specs, unknown_plugin
from rebounce.engine.vst3_folders import refuse_unless_allowed
from rebounce.presets.bundled import bundled_presets
from rebounce.presets.chain_file import ChainFile, ChainFileError, parse_chain, read_chain

STRENGTH_EVERYWHERE = "strength"


def load_preset(preset: str | Path, allow_plugins: Iterable[str | Path] = ()) -> Board:
    """The board of a bundled preset ("auto", "bypass", "five-stage") or of a chain file.

    A chain file may load VST3 bundles from the system's VST3 folders, and those of `allow_plugins`; nothing else.
    """
    tables = read_preset(preset).tables
    for bundle in _bundles(tables):
        refuse_unless_allowed(bundle, [Path(item) for item in allow_plugins])
    return Board.from_dict({"chain": tables})


def _bundles(tables: list[dict[str, Any]]) -> Iterator[str]:
    """Every VST3 path a chain names, those in nested boards too."""
    for table in tables:
        if is_vst3_path(table["plugin"]):
            yield table["plugin"]
        yield from _bundles(table.get("chain", []))


def read_preset(preset: str | Path) -> ChainFile:
    """A preset as data, every plugin, parameter and range checked; nothing is built yet."""
    try:
        if str(preset) in bundled_presets():
            text = files("rebounce.presets").joinpath(f"{preset}.toml").read_text(encoding="utf-8")
            return parse_chain(text, f"{preset}.toml", check_entry)
        return read_chain(_existing(preset), check_entry)
    except ChainFileError as problem:
        raise ChainError(str(problem)) from problem


def preset_hash(board: Board, options: dict[str, Any]) -> str:
    """What identifies a result beside input and version: the chain as resolved, and the options that shape the file.

    A model counts by its package's hash, whatever it is called and wherever it lies.
    """
    text = json.dumps([board.identity(), options], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def check_entry(table: dict[str, Any], key: str) -> None:
    """Refuse a plugin, parameter or value that cannot be; a VST3's own parameters are checked when it is loaded."""
    try:
        _check_entry(table, key)
    except ChainError as problem:
        raise ValueError(str(problem)) from problem


def _check_entry(table: dict[str, Any], key: str) -> None:
    name = table.get("plugin")
    if not isinstance(name, str):
        raise ChainError(f"expected plugin = a name in quotes, found {name!r}")
    specs = plugin_specs(name)
    if specs is None and not is_vst3_path(name):
        raise unknown_plugin(name)
    if key in ("plugin", "analysis") or specs is None:
        return
    if key == STRENGTH_EVERYWHERE and key not in specs:
        return
    if key not in specs:
        raise unknown_name(name, key, [*specs, STRENGTH_EVERYWHERE])
    specs[key].check(name, key, table[key])


def _existing(preset: str | Path) -> Path:
    path = Path(preset)
    if path.exists() or path.suffix == ".toml":
        return path
    close = get_close_matches(str(preset), bundled_presets(), n=1)
    hint = f"did you mean {close[0]!r}?" if close else "`rebounce presets list` shows what there is"
    raise ChainError(
        f"expected a preset, one of {', '.join(bundled_presets())}, or the path of a chain file, "
        f"found {str(preset)!r}; {hint}"
    )
