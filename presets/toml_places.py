"""Where in a TOML text something stands, for errors that name the line: tomllib itself keeps no lines.

A place is a path through the parsed tables, `("fault", 1, "stronger", "gain_db")` say; the second number counts the
tables of an array. What was written in a way that is not followed here (an array over several lines, tables in one
line) has the place of what it stands in.
"""

import re
from pathlib import Path

Place = tuple[str | int, ...]

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_SETTING = re.compile(rf"\s*({_DOTTED})\s*=")


class Places:
    """The lines of a text by what stands in them."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Place, int] = {}
        self._counts: dict[Place, int] = {}
        table: Place = ()
        for number, line in enumerate(text.splitlines(), 1):
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
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not text in UTF-8"
        raise ValueError(f"{path}: expected a {kind} in TOML, but it cannot be read: {reason}") from problem


def _names(dotted: str) -> list[str]:
    return [name.strip("\"'") for name in re.findall(_KEY, dotted)]
