"""The journal of a watched folder: one line of JSON an event in a file that is rotated, and a line for people.

What always holds: a journal that cannot be written (a full disk, a share that is gone) never disturbs the work.
"""

import contextlib
import json
import logging
import time
from collections.abc import Callable
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

NAME = "log.jsonl"

SMALL, INFO = "debug", "info"
"""The levels of what only those want to read who look closely, and of what everybody does."""

Say = Callable[[str, str], None]
"""Takes a level ("debug", "info", "warning", "error") and a line for people."""


class _QuietHandler(RotatingFileHandler):
    """A rotating file whose troubles are its own."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing can be written: nobody can be told here."""


class Journal:
    """The journal of one folder; `say` shows the same to people."""

    def __init__(self, folder: Path, name: str, say: Say, *, log_mb: float, keep_logs: int) -> None:
        self._name = name
        self._say = say
        self._once: set[tuple[str, ...]] = set()
        self._path = folder / NAME
        self._limits = {"maxBytes": int(log_mb * 1e6), "backupCount": keep_logs}
        self._handler: _QuietHandler | None = None
        # Here alone: later another folder may lie in the place of this one.
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)

    def event(self, event: str, sentence: str, level: str = "info", **facts: Any) -> None:
        """Write down what happened: its name, a sentence, and what else is known."""
        now = datetime.fromtimestamp(time.time()).astimezone().isoformat(timespec="milliseconds")
        table = {"time": now, "level": level, "event": event, "folder": self._name, "message": sentence} | facts
        self._write(json.dumps(table))
        self._say(level, sentence)

    def once(self, event: str, sentence: str, level: str = "info", **facts: Any) -> None:
        """The same, but only the first time that this very event is told."""
        key = (event, *(str(value) for value in facts.values()))
        if key not in self._once:
            self._once.add(key)
            self.event(event, sentence, level, **facts)

    def close(self) -> None:
        """Let go of the file."""
        if self._handler is not None:
            self._handler.close()
            self._handler = None

    def _write(self, line: str) -> None:
        try:
            if self._handler is None:
                self._handler = _QuietHandler(self._path, encoding="utf-8", delay=True, **self._limits)  # type: ignore[arg-type]
                self._handler.setFormatter(logging.Formatter("%(message)s"))
        except OSError:
            return
        self._handler.handle(logging.LogRecord("rebounce", logging.INFO, "", 0, line, None, None))
