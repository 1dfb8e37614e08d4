"""The names of older files: the newest of a name has it, those before it are numbered in the order that they came.

Mix.wav        today's
Mix (1).wav    the first of them
Mix (2).wav    the second
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from rebounce.engine.staging import LONGEST_NAME_BYTES


def next_number(folders: Iterable[Path], stem: str) -> int:
    """One more than the highest number that a file of this stem has in any of the folders."""
    pattern = re.compile(re.escape(stem) + r" \((\d{1,9})\)\.", re.IGNORECASE)
    numbers = [0]
    for folder in folders:
        if folder.is_dir():
            found = (pattern.match(name) for name in os.listdir(folder))
            numbers += [int(match[1]) for match in found if match]
    return max(numbers) + 1


def numbered(path: str, number: int) -> str:
    """The path with a number; a stem that leaves no room for it is shortened."""
    place = PurePosixPath(path)
    return place.with_name(fitted(place.stem, f" ({number}){place.suffix}")).as_posix()


def fitting(path: str) -> str:
    """The path with a name that is short enough for a file."""
    place = PurePosixPath(path)
    return place.with_name(fitted(place.stem, place.suffix)).as_posix()


def fitted(stem: str, end: str) -> str:
    """A name of the two, of which the first is shortened where it leaves no room for the second."""
    room = LONGEST_NAME_BYTES - len(os.fsencode(end))
    if len(os.fsencode(stem)) > room:
        stem = os.fsencode(stem)[:room].decode(errors="ignore")
    return stem + end


def renumbered(path: str, number: int) -> str:
    """A path that has a number, or a side file of one, with another number."""
    place = PurePosixPath(path)
    start, _, end = place.name.rpartition(" (")
    return place.with_name(f"{start} ({number}){end.partition(')')[2]}").as_posix()
