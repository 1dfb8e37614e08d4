"""Notices that the config file was changed."""

import time
from pathlib import Path

LOOK_S = 2.0


class ConfigFile:
    """The config as it was read; looked at now and then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._look()
        self._next_s = time.monotonic() + LOOK_S

    def has_changed(self) -> bool:
        """True once after each change; a file that is gone for a moment, as editors save, is no change."""
        if time.monotonic() < self._next_s:
            return False
        self._next_s = time.monotonic() + LOOK_S
        stamp = self._look()
        if stamp is None or stamp == self._stamp:
            return False
        self._stamp = stamp
        return True

    def _look(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
