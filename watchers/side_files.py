"""What lies beside results and failures: NAME.json, the record, and NAME.txt, one plain sentence.

What always holds: a side file belongs to one file alone. Where two files differ in their suffix only, the second one's
side file carries its whole name.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from rebounce.watchers.layout import Layout, beside
from rebounce.watchers.numbering import fitted, next_number, numbered

RECORD, TEXT = ".json", ".txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Where a side file is, or goes; `is_own` when it is there and belongs to the file."""

    path: str
    is_own: bool


def record_of(layout: Layout, result: str) -> Side:
    """The record of a result."""
    name = PurePosixPath(result).name
    return _side(layout, side_names(result, RECORD), lambda path: is_record_of(path, name))


def text_of(layout: Layout, failed: str, name: str) -> Side:
    """The sentence about a failed file; `name` is what it was called when it failed."""
    return _side(layout, side_names(failed, TEXT), lambda path: _is_text_of(path, name))


def record_place(layout: Layout, result: str) -> str:
    """Where the record of a result is, or goes."""
    return record_of(layout, result).path


def side_names(path: str, suffix: str) -> tuple[str, str]:
    """What a side file may be called: by the stem, or by the whole name."""
    place = PurePosixPath(path)
    return beside(path, fitted(place.stem, suffix)), beside(path, fitted(place.name, suffix))


def _side(layout: Layout, names: tuple[str, str], belongs: Callable[[Path], bool]) -> Side:
    """Its own place, else one that is free; where somebody else's files have both names, one with a number."""
    there = [name for name in names if os.path.lexists(layout.at(name))]
    own = [name for name in there if belongs(layout.at(name))]
    if own:
        return Side(path=own[0], is_own=True)
    free = [name for name in names if name not in there]
    return Side(path=[*free, next_free(layout, names[-1])][0], is_own=False)


def next_free(layout: Layout, path: str) -> str:
    """The name with the next number that nobody has."""
    place = layout.at(path)
    number = next_number([place.parent], place.stem)
    while os.path.lexists(layout.at(free := numbered(path, number))):
        number += 1
    return free


def read_record(path: Path) -> dict[str, Any] | None:
    """A record that is there; None for anything else."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return table if isinstance(table, dict) and "input_sha256" in table else None


def record_text(record: dict[str, Any]) -> bytes:
    """A record as it is written: names with bytes that are no text get the escapes that JSON has for them."""
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, indent=2)
    return (text + "\n").encode("utf-8", errors="backslashreplace")


def is_record_of(path: Path, name: str) -> bool:
    """True when this is the record of a result of that name."""
    record = read_record(path)
    return record is not None and os.path.basename(str(record.get("output") or "")) == name


def failure_text(name: str, sentence: str) -> bytes:
    """What NAME.txt says: one plain sentence, which begins with the name of the file."""
    line = " ".join(sentence.split())
    return f"{name}: {line}\n".encode("utf-8", errors="backslashreplace")


def _is_text_of(path: Path, name: str) -> bool:
    start = failure_text(name, "").rstrip()
    try:
        with path.open("rb") as file:
            return file.read(len(start)) == start
    except OSError:
        return False
