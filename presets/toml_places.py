"""TOML texts: read with every way of being wrong told in one sentence, and where in them something stands.

tomllib itself keeps no lines, and errors name them. A place is a path through the parsed tables, `("fault", 1,
"stronger", "gain_db")` say; the second number counts the tables of an array. What was written in a way that is not
followed here (within an array over several lines, tables in one line) has the place of what it stands in.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Place = tuple[str | int, ...]

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_SETTING = re.compile(rf"\s*({_DOTTED})\s*=")
_LONG_TEXT = r'''"""(?:\\.|[^\\])*?"""|''' + r"""'''.*?'''"""
_TEXT_OR_COMMENT = re.compile(rf"""(?P<long>{_LONG_TEXT})|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*""", re.DOTALL)
# What TOML promises to hold.
_INTEGERS = range(-(2**63), 2**63)


class Places:
    """The lines of a text by what stands in them."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Place, int] = {}
        self._counts: dict[Place, int] = {}
        table: Place = ()
        depth = 0
        for number, (line, change) in enumerate(_lines(text), 1):
            is_inside, depth = depth > 0, depth + change
            if is_inside:
                continue
            if header := _HEADER.match(line):
                table = self._table(_names(header[2]), is_array=header[1] == "[[")
                self._note(table, number)
            elif setting := _SETTING.match(line):
                self._note((*table, *_names(setting[1])), number)

    def line(self, *place: str | int) -> int:
        """The line of a place, or of the nearest thing around it; the first line where there is none."""
        for length in range(len(place), 0, -1):
            if place[:length] in self._lines:
                return self._lines[place[:length]]
        return 1

    def _table(self, names: list[str], is_array: bool) -> Place:
        """The place that a header opens: names of arrays stand for the last table in them."""
        place: Place = ()
        for position, name in enumerate(names, 1):
            place = (*place, name)
            if is_array and position == len(names):
                self._counts[place] = self._counts.get(place, -1) + 1
            if place in self._counts:
                place = (*place, self._counts[place])
        return place

    def _note(self, place: Place, number: int) -> None:
        for length in range(1, len(place) + 1):
            self._lines.setdefault(place[:length], number)


def read_text(path: Path, kind: str) -> str:
    """The text of a file; ValueError says why it cannot be read as the `kind` of file that it should be."""
    try:
        # Editors on Windows put a mark of the byte order before it.
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not text in UTF-8"
        raise ValueError(f"{path}: expected a {kind} in TOML, but it cannot be read: {reason}") from problem


def parse(text: str) -> dict[str, Any]:
    """The tables of a text; ValueError says why it is no TOML, or none that anybody means."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ValueError(f"not valid TOML: {problem}") from problem
    except RecursionError as problem:
        raise ValueError("not valid TOML: lists or tables are nested too deep") from problem
    except ValueError as problem:  # whose words are for programmers
        raise ValueError("not valid TOML: there is an integer of thousands of digits") from problem
    for place, value in _values(table, ()):
        if isinstance(value, int) and value not in _INTEGERS:
            names = ".".join(str(name) for name in place if isinstance(name, str))
            line = Places(text).line(*place)
            raise ValueError(f"not valid TOML: {names} is an integer of more than 64 bits (line {line})")
    return table


def _values(found: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    """Everything in nested tables and lists that is neither."""
    if isinstance(found, dict | list):
        for key, inner in found.items() if isinstance(found, dict) else enumerate(found):
            yield from _values(inner, (*place, key))
    else:
        yield place, found


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """The lines, without what stands in texts of several lines, and how many brackets each leaves open."""
    kept = _TEXT_OR_COMMENT.sub(lambda match: "\n" * match[0].count("\n") if match["long"] else match[0], text)
    bare = _TEXT_OR_COMMENT.sub("", kept)
    for line, brackets in zip(kept.split("\n"), bare.split("\n"), strict=True):
        yield line, sum(brackets.count(sign) for sign in "[{") - sum(brackets.count(sign) for sign in "]}")


def _names(dotted: str) -> list[str]:
    return [name.strip("\"'") for name in re.findall(_KEY, dotted)]
