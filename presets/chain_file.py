"""A chain of plugins as TOML: reading with every name and range checked, and writing.

    description = "..."
    [[chain]]
    plugin = "Denoise"
    strength = 0.8

What exists and what it takes is asked of a registry that the caller passes in. Errors name the line.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import tomli_w

from rebounce.presets.toml_places import Place, Places, parse, read_text

TOP_LEVEL = ("chain", "description")

Check = Callable[[dict[str, Any], str], None]
"""Takes one table of a chain and the key to look at ("plugin" or a parameter); raises ValueError if it is wrong."""


class ChainFileError(ValueError):
    """A chain file that cannot be used; the message names file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFile:
    """A chain file as it was read: `tables` has the shape of `Board.to_dict()["chain"]`."""

    name: str
    description: str
    tables: list[dict[str, Any]]


def read_chain(path: Path, check: Check) -> ChainFile:
    """Read and check one chain file."""
    try:
        text = read_text(path, "chain file")
    except ValueError as problem:
        raise ChainFileError(str(problem)) from problem
    return parse_chain(text, str(path), check)


def parse_chain(text: str, where: str, check: Check) -> ChainFile:
    """Check the text of a chain file; `where` names it in errors."""
    try:
        table = parse(text)
    except ValueError as problem:
        raise ChainFileError(f"{where}: {problem}") from problem
    places = Places(text)
    for key in table:
        if key not in TOP_LEVEL:
            raise ChainFileError(f"{where}, line {places.line(key)}: {_unknown_key(key)}")
    description = table.get("description", "")
    if not isinstance(description, str):
        line = places.line("description")
        raise ChainFileError(f"{where}, line {line}: expected description = text in quotes, found {description!r}")
    chain = table.get("chain", [])
    if not isinstance(chain, list) or not all(isinstance(item, dict) for item in chain):
        line = places.line("chain")
        raise ChainFileError(f"{where}, line {line}: expected [[chain]] tables, one a plugin, found chain = {chain!r}")
    for place, item in _walk(chain, ("chain",)):
        for key in ["plugin", *(key for key in item if key not in ("plugin", "chain"))]:
            try:
                check(item, key)
            except ValueError as problem:
                raise ChainFileError(f"{where}, line {places.line(*place, key)}: {problem}") from problem
    return ChainFile(name=Path(where).stem, description=description, tables=chain)


def write_chain(path: Path, table: dict[str, Any]) -> None:
    """Write what `parse_chain` reads; numbers come back exactly as they were."""
    path.write_text(tomli_w.dumps(table), encoding="utf-8", newline="\n")


def _walk(chain: list[Any], above: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Every table of a chain with its place, in the order of the file."""
    for number, item in enumerate(chain):
        if isinstance(item, dict):
            yield (*above, number), item
            inner = item.get("chain", [])
            if isinstance(inner, list):
                yield from _walk(inner, (*above, number, "chain"))


def _unknown_key(key: str) -> str:
    close = get_close_matches(key, TOP_LEVEL, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"a chain file has {' and '.join(TOP_LEVEL)}"
    return f"unknown key {key!r}; {hint}"
