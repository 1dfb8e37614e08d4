"""What is shown, kept up to date while somebody looks.

What always holds: while nobody looks nothing is read; while somebody does, a thread asks each ledger a few times a
second whether it was changed, reads only the one that was, and wakes those who look.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rebounce import __version__
from rebounce.engine.errors import OutputError
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.status import Watched
from rebounce.watchers.web.calls import Calls
from rebounce.watchers.web.shelf import Shelf, is_here, opened, out_of_reach, shown
from rebounce.watchers.web.views import MOVING, View, folder_view, lost_view

LOOK_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Everything at one moment: `page` is what concerns no single folder, `folders` are by their keys."""

    page: View
    folders: dict[str, View] = field(default_factory=dict)


class Feed:
    """Reads the ledgers for whoever looks, see above."""

    def __init__(self, shelf: Shelf, calls: Calls) -> None:
        self._shelf = shelf
        self._calls = calls
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._lookers: set[Callable[[], None]] = set()
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self.shown: Shown | None = None

    def join(self, wake: Callable[[], None]) -> None:
        """Begin to look: `wake` is called, from another thread, whenever there is something new to see."""
        with self._lock:
            self._lookers.add(wake)
            if self._thread is None and not self._is_closed:
                self.shown = None
                self._thread = threading.Thread(target=self._run, name="page feed", daemon=True)
                self._thread.start()
        if self.shown is not None:
            wake()

    def leave(self, wake: Callable[[], None]) -> None:
        """Look no longer."""
        with self._lock:
            self._lookers.discard(wake)

    def close(self) -> None:
        """End the thread; who still looks is woken once more, and finds nothing new."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
        self._asked.set()
        if thread is not None:
            thread.join(timeout=1)

    def _run(self) -> None:
        readers: dict[str, _Reader] = {}
        try:
            while self._is_wanted():
                if self._looked(readers):
                    with self._lock:
                        lookers = list(self._lookers)
                    for wake in lookers:
                        wake()
                self._asked.wait(LOOK_S)
        finally:
            for reader in readers.values():
                reader.close()
            with self._lock:
                if self._thread is threading.current_thread():  # a fault of ours ended it: who looks next begins anew
                    self._thread = None

    def _is_wanted(self) -> bool:
        with self._lock:
            if self._lookers and not self._is_closed:
                return True
            self._thread = None
            return False

    def _looked(self, readers: dict[str, "_Reader"]) -> bool:
        """The same, and a fault of ours in one round is no end of all others: it is said once."""
        try:
            return self._look(readers)
        except Exception as problem:
            self._tell("what the page shows cannot be brought up to date, it is tried again", problem)
            return False

    def _tell(self, what: str, problem: Exception) -> None:
        kind = f"{what} {type(problem).__name__} {problem}"
        if kind not in self._told:
            self._told.add(kind)
            self._calls.failed(what, problem)

    def _look(self, readers: dict[str, "_Reader"]) -> bool:
        """Read what was changed; True when there is something new."""
        watched = self._shelf.all()
        for key in [key for key in readers if watched.get(key) is not readers[key].watched]:
            readers.pop(key).close()
        for key, item in watched.items():
            self._read(readers.setdefault(key, _Reader(key, item)))
        page = {
            "version": __version__,
            "folders": list(watched),
            "is_healthy": self._calls.healthy(),
        }
        new = Shown(page=page, folders={key: readers[key].view for key in watched})
        is_new = new != self.shown
        self.shown = new
        return is_new

    def _read(self, reader: "_Reader") -> None:
        """Have one folder looked at; a fault of ours in it is shown there, and leaves the others alone."""
        try:
            reader.look()
        except Exception as problem:
            reader.give_up(f"it cannot be shown ({type(problem).__name__}: {shown(str(problem))})")
            self._tell(f"{shown(str(reader.watched.layout.root))}: the page cannot show it", problem)


class _Reader:
    """One folder as it was when its ledger was last changed."""

    def __init__(self, key: str, watched: Watched) -> None:
        self.key = key
        self.watched = watched
        self.view: View = lost_view(key, watched, "")
        self._open = contextlib.ExitStack()
        self._ledger: Ledger | None = None
        self._seen: tuple[Any, ...] = ()

    def close(self) -> None:
        self._ledger = None
        self._open.close()

    def look(self) -> None:
        """Read the ledger again if it was changed, or is another one by now."""
        try:
            file = os.stat(self.watched.layout.ledger)
            if self._ledger is None or self._seen[:2] != (file.st_dev, file.st_ino):
                self.close()
                self._ledger = self._open.enter_context(opened(self.watched))
                self._seen = ()
            here = is_here(self.watched)
            seen = (file.st_dev, file.st_ino, self._ledger.version(), here)
            if seen != self._seen:
                view = folder_view(self.key, self.watched, self._ledger)
                self.view = view if here else view | {"problem": out_of_reach(self.watched)}
                self._seen = seen
        except OSError:
            self.give_up(out_of_reach(self.watched))
        except OutputError as problem:
            self.give_up(str(problem))
        except (sqlite3.Error, ValueError) as problem:
            self.give_up(f"its ledger cannot be read ({problem})")

    def give_up(self, problem: str) -> None:
        """The folder cannot be shown, for this reason."""
        with contextlib.suppress(OutputError, sqlite3.Error):
            self.close()
        self._seen = ()
        self.view = lost_view(self.key, self.watched, problem)


def changes(old: Shown | None, new: Shown) -> list[tuple[str, View]]:
    """What to tell somebody who knows `old`, as named events; nothing where nothing changed."""
    told: list[tuple[str, View]] = []
    if old is None or old.page != new.page:
        told.append(("page", new.page))
    for key, view in new.folders.items():
        known = None if old is None else old.folders.get(key)
        if known is None or _still(known) != _still(view):
            told.append(("folder", view))
        elif known != view:
            moving = [
                [row["id"], row["progress"], row["eta_s"]] for row in view["queue"] if row["progress"] is not None
            ]
            told.append(("progress", {"key": key, "running": moving}))
    return told


def _still(view: View) -> View:
    """A folder without what moves all the time."""
    return view | {"queue": [{name: row[name] for name in row if name not in MOVING} for row in view["queue"]]}
