"""Hears of changes in a watched folder as they happen, from the operating system through watchdog.

What always holds: an observer is only ever a faster way to hear of what the next rescan would find; whether it lives
can be asked, and one that died is replaced by whoever asks.
"""

import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

STOP_S = 0.5

OnPath = Callable[[str], None]
"""Told a path below the root at which something changed, from the observer's own thread."""


class Observer:
    """Watches one tree from `start` to `stop`."""

    def __init__(self, root: Path, is_reserved: Callable[[str], bool], on_path: OnPath) -> None:
        # Where a link leads, as the system tells of changes there; macOS does so by the real path in any case.
        self._root = os.path.realpath(root)
        self._is_reserved = is_reserved
        self._on_path = on_path
        self._observer: BaseObserver | None = None

    def start(self) -> None:
        """Begin to listen; OSError where the system does not let us (no watches left, no such folder)."""
        from watchdog.events import (
            DirCreatedEvent,
            DirMovedEvent,
            FileClosedEvent,
            FileCreatedEvent,
            FileDeletedEvent,
            FileModifiedEvent,
            FileMovedEvent,
        )
        from watchdog.observers import Observer as SystemObserver

        # Of folders that are made one in the other it says that it watches them already, and of its end that it ends.
        logging.getLogger("watchdog").setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="watchdog")
        observer = SystemObserver()
        # Named one by one: our own reading would tell of files being opened and closed otherwise.
        wanted: list[Any] = [
            *(FileCreatedEvent, FileModifiedEvent, FileMovedEvent, FileDeletedEvent, FileClosedEvent),
            *(DirCreatedEvent, DirMovedEvent),
        ]
        observer.schedule(_handler(self._hear), self._root, recursive=True, event_filter=wanted)
        observer.start()
        self._observer = observer

    def is_alive(self) -> bool:
        """True while the threads that listen are there."""
        if self._observer is None or not self._observer.is_alive():
            return False
        emitters = self._observer.emitters
        return bool(emitters) and all(emitter.is_alive() for emitter in emitters)

    def stop(self) -> None:
        """Listen no more."""
        observer, self._observer = self._observer, None
        if observer is None:
            return
        observer.stop()
        if observer.is_alive():
            observer.join(STOP_S)

    def _hear(self, event: Any) -> None:
        for place in (event.src_path, event.dest_path):
            path = self._below(os.fsdecode(place)) if place else ""
            if path and not self._is_reserved(path):
                self._on_path(path)

    def _below(self, place: str) -> str:
        """The path from the root on; empty for the root itself and for what is elsewhere."""
        start = self._root + os.sep
        return place[len(start) :].replace(os.sep, "/") if place.startswith(start) else ""


def _handler(hear: Callable[[Any], None]) -> Any:
    from watchdog.events import FileSystemEventHandler

    class Handler(FileSystemEventHandler):
        """Hands every event on."""

        def on_any_event(self, event: Any) -> None:
            hear(event)

    return Handler()
