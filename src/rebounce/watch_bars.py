"""What a user sees while a service restores: a bar with an ETA for each file in work, on stderr if that is a terminal.

What always holds: while nothing is worked on there is no bar, and nothing that would wake the machine to draw it.
"""

import sys
from typing import Any

from rebounce.progress import make_bar, say_plainly


class WatchBars:
    """The bars of one service."""

    def __init__(self, is_shown: bool) -> None:
        self._is_shown = is_shown and sys.stderr.isatty()
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def show(self, path: str, fraction: float | None) -> None:
        """`fraction` of this file is done; None when the work on it has ended."""
        if fraction is None:
            self._end(path)
        elif self._is_shown:
            if path not in self._tasks:
                self._begin(path)
            self._bars.update(self._tasks[path], completed=fraction)

    def say(self, text: str, *, err: bool = False) -> None:
        """Print a line; above the bars where both share a terminal, which would otherwise run into each other."""
        if self._bars is not None and (sys.stderr if err else sys.stdout).isatty():
            self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            say_plainly(text, err=err)

    def stop(self) -> None:
        """Draw no more."""
        for path in list(self._tasks):
            self._end(path)

    def _begin(self, path: str) -> None:
        if self._bars is None:
            self._bars = make_bar()
            self._bars.start()
        self._tasks[path] = self._bars.add_task(path, total=1.0)

    def _end(self, path: str) -> None:
        if path not in self._tasks:
            return
        self._bars.remove_task(self._tasks.pop(path))
        if not self._tasks:
            self._bars.stop()
            self._bars = None
