"""What a user sees while a file is fetched: how much of how much, how fast, and how long still."""

import sys
from types import TracebackType
from typing import Any, Self


class TransferBar:
    """A bar on stderr, only where that is a terminal; `show` is told of every piece."""

    def __init__(self, label: str, is_shown: bool) -> None:
        self._progress: Any = None
        if is_shown and sys.stderr.isatty():
            self._progress = _make_bar()
            self._task = self._progress.add_task(label, total=None)

    def __enter__(self) -> Self:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def show(self, done_bytes: int, total_bytes: int | None) -> None:
        """So much is there, of so much if that is known."""
        if self._progress:
            self._progress.update(self._task, completed=done_bytes, total=total_bytes)


def _make_bar() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        *(BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()),
        TextColumn("{task.description}", markup=False),
    )
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
