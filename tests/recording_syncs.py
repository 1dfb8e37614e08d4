"""Records what is made safe on the disk, and when: every name that is made or taken away and every fsync, in order.

What always holds: the calls do what they do; they are only written down once they have been done.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rebounce.watchers import steps

MADE, TAKEN, SYNCED, SAID = "made", "taken away", "synced", "said"
NEWS = {"os.link": (1,), "os.rename": (1,), "os.replace": (1,), "os.mkdir": (0,)}
"""Which argument of a call is the name that it makes."""
ENDS = {"os.unlink": 0, "os.rename": 0, "os.replace": 0}
"""Which one is the name that it takes away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One thing done: to which file or folder, by its number on its disk, in which folder, and under which path."""

    what: str
    number: tuple[int, int] = (0, 0)
    folder: tuple[int, int] = (0, 0)
    path: str = ""


@dataclass(slots=True)
class Deeds:
    """All that was done, in order."""

    all: list[Deed] = field(default_factory=list)

    def where(self, what: str, name: str = "") -> list[int]:
        """When this was done to a path that ends so."""
        return [place for place, deed in enumerate(self.all) if deed.what == what and deed.path.endswith(name)]

    def is_synced(self, number: tuple[int, int], between: range) -> bool:
        return any(self.all[place].what == SYNCED and self.all[place].number == number for place in between)

    def unsafe_names(self, before: int) -> set[str]:
        """The names made before a moment whose folder was not synced between."""
        return {
            deed.path
            for place, deed in enumerate(self.all[:before])
            if deed.what == MADE and not self.is_synced(deed.folder, range(place, before))
        }


def number_of(path: str | Path) -> tuple[int, int]:
    status = os.stat(path, follow_symlinks=False)
    return status.st_dev, status.st_ino


@contextmanager
def recorded() -> Iterator[Deeds]:
    """Within the block it is written down what this process does, and each step of which the ledger is told."""
    deeds = Deeds()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", _synced(os.fsync, deeds))
        for call in dict.fromkeys((*NEWS, *ENDS)):
            name = call.removeprefix("os.")
            patch.setattr(os, name, _named(call, getattr(os, name), deeds))
        patch.setattr(steps, "_listeners", [*steps._listeners, lambda name, when: _said(deeds, name, when)])
        yield deeds


def _said(deeds: Deeds, name: str, when: str) -> None:
    if when == steps.BEFORE and name.startswith("ledger."):
        deeds.all.append(Deed(what=SAID, path=name))


def _synced(fsync: Callable[[int], None], deeds: Deeds) -> Callable[[int], None]:
    def sync(descriptor: int) -> None:
        fsync(descriptor)
        status = os.fstat(descriptor)
        deeds.all.append(Deed(what=SYNCED, number=(status.st_dev, status.st_ino)))

    return sync


def _named(call: str, work: Callable[..., None], deeds: Deeds) -> Callable[..., None]:
    def do(*paths: Any, **options: Any) -> None:
        ended = str(paths[ENDS[call]]) if call in ENDS else ""
        number = number_of(ended) if ended and os.path.lexists(ended) else (0, 0)
        work(*paths, **options)
        for place in NEWS.get(call, ()):
            deeds.all.append(_deed(MADE, str(paths[place]), number_of(str(paths[place]))))
        if ended:
            deeds.all.append(_deed(TAKEN, ended, number))

    return do


def _deed(what: str, path: str, number: tuple[int, int]) -> Deed:
    return Deed(what=what, number=number, folder=number_of(Path(path).parent), path=path)
