"""A chain of plugins as TOML: reading with every name and range checked, and writing.

    description = "..."
    [[chain]]
    plugin = "Denoise"
    strength = 0.8

What exists and what it takes is asked of a registry that the caller passes in. Errors name the line.
"""

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import tomli_w

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
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not text in UTF-8"
        raise ChainFileError(f"{path}: expected a chain file in TOML, but it cannot be read: {reason}") from problem
    return parse_chain(text, str(path), check)


def parse_chain(text: str, where: str, check: Check) -> ChainFile:
    """Check the text of a chain file; `where` names it in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ChainFileError(f"{where}: not valid TOML: {problem}") from problem
    lines = text.splitlines()
    for key in table:
        if key not in TOP_LEVEL:
            raise ChainFileError(f"{where}, line {_line_of_key(lines, key)}: {_unknown_key(key)}")
    description = table.get("description", "")
    if not isinstance(description, str):
        line = _line_of_key(lines, "description")
        raise ChainFileError(f"{where}, line {line}: expected description = text in quotes, found {description!r}")
    chain = table.get("chain", [])
    if not isinstance(chain, list) or not all(isinstance(item, dict) for item in chain):
        line = _line_of_key(lines, "chain")
        raise ChainFileError(f"{where}, line {line}: expected [[chain]] tables, one a plugin, found chain = {chain!r}")
    headers = _headers(lines)
    for header, item in _walk(chain, "chain"):
        _check_table(item, next(headers.get(header, iter(())), 1), lines, where, check)
    return ChainFile(name=Path(where).stem, description=description, tables=chain)


def write_chain(path: Path, table: dict[str, Any]) -> None:
    """Write what `parse_chain` reads; numbers come back exactly as they were."""
    path.write_text(tomli_w.dumps(table), encoding="utf-8", newline="\n")


def _check_table(item: dict[str, Any], first_line: int, lines: list[str], where: str, check: Check) -> None:
    for key in ["plugin", *(key for key in item if key not in ("plugin", "chain"))]:
        try:
            check(item, key)
        except ValueError as problem:
            line = _line_of_key(lines, key, first_line)
            raise ChainFileError(f"{where}, line {line}: {problem}") from problem


def _walk(chain: list[Any], header: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every table of a chain with the header it stands under, in the order of the file."""
    for item in chain:
        yield header, item
        inner = item.get("chain", [])
        if isinstance(inner, list):
            yield from _walk([table for table in inner if isinstance(table, dict)], f"{header}.chain")


def _headers(lines: list[str]) -> dict[str, Iterator[int]]:
    """For each kind of `[[chain]]` header, the line numbers where one stands, in order."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(lines, 1):
        text = line.split("#")[0].strip().replace(" ", "")
        if text.startswith("[[") and text.endswith("]]"):
            found.setdefault(text[2:-2], []).append(number)
    return {header: iter(numbers) for header, numbers in found.items()}


def _line_of_key(lines: list[str], key: str, first_line: int = 1) -> int:
    """The line where a key is set at or after `first_line`; `first_line` when it is not set there at all."""
    for number in range(first_line, len(lines) + 1):
        text = lines[number - 1].strip()
        if text.split("=")[0].strip().strip("\"'") == key or text.strip("[] ") == key:
            return number
        if number > first_line and text.startswith("["):
            break
    return first_line


def _unknown_key(key: str) -> str:
    close = get_close_matches(key, TOP_LEVEL, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"a chain file has {' and '.join(TOP_LEVEL)}"
    return f"unknown key {key!r}; {hint}"
