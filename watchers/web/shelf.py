"""The folders that the page shows, and the one way from a key and a number to a file.

What always holds: nothing in an address of the page ever becomes a path; and a file is given out only when it lies,
every link followed, inside its own folder.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

from rebounce.engine.errors import OutputError
from rebounce.watchers.layout import PRIVATE, Layout
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.status import Watched


class Shelf:
    """The folders of the service by their keys. What it holds is replaced as a whole, so any thread may read it."""

    def __init__(self, watched: Sequence[Watched]) -> None:
        self.replace(watched)

    def replace(self, watched: Sequence[Watched]) -> None:
        """Show these folders from now on."""
        self._watched = {key_of(item): item for item in watched}

    def all(self) -> dict[str, Watched]:
        """Every folder by its key, in the order in which they were given."""
        return self._watched

    def find(self, key: str) -> Watched | None:
        """The folder of a key."""
        return self._watched.get(key)


def key_of(watched: Watched) -> str:
    """What a folder is called in addresses: the same as long as it lies where it lies."""
    return blake2b(os.fsencode(os.path.realpath(watched.layout.root)), digest_size=6).hexdigest()


@contextlib.contextmanager
def opened(watched: Watched) -> Iterator[Ledger]:
    """The ledger of a folder, where there is one: to look at a folder must not make anything in it."""
    path = watched.layout.ledger
    if not path.is_file():
        raise OutputError(out_of_reach(watched))
    try:
        with Ledger(path, creates=False) as ledger:
            yield ledger
    except sqlite3.Error as problem:
        raise OutputError(f"the ledger of {shown(str(watched.layout.root))} cannot be read ({problem})") from problem


def is_here(watched: Watched) -> bool:
    """True when the folder itself is there, and not only its ledger, which may lie elsewhere."""
    try:
        return watched.layout.mark.is_file()
    except OSError:
        return False


def out_of_reach(watched: Watched) -> str:
    """What is said of a folder that is not there."""
    return f"{shown(str(watched.layout.root))} is out of reach: is its disk or share there?"


def file_inside(layout: Layout, path: str | None) -> Path | None:
    """The real place of a file that counts from the folder; None for what is no file, or lies elsewhere."""
    if path is None:
        return None
    try:
        root, real = Path(os.path.realpath(layout.root)), Path(os.path.realpath(layout.at(path)))
        is_inside = real.is_relative_to(root) and real.relative_to(root).parts[:1] != (PRIVATE,)
        return real if is_inside and real.is_file() else None
    except (OSError, ValueError):  # a name with a NUL, a share that is gone
        return None


def shown(text: str) -> str:
    """A name as it can be shown: bytes that are no text are written out."""
    return text.encode("utf-8", "backslashreplace").decode()
