"""What a user sees while files are restored: a bar with ETA on a terminal, and one line a file."""

import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import click

from rebounce.engine import wording
from rebounce.engine.record import ERROR, RESTORED, SKIPPED, UNCHANGED, Record


class Say(Protocol):
    """Prints a line."""

    def __call__(self, text: str, *, err: bool = False) -> None: ...


_MARKS = {RESTORED: "restored ", UNCHANGED: "unchanged", SKIPPED: "skipped  ", ERROR: "failed   "}


def say_plainly(text: str, *, err: bool = False) -> None:
    """Print a line where no bar is in the way."""
    click.echo(text, err=err)


class Steps:
    """Progress over a number of equal steps with an ETA, on stderr and only where that is a terminal."""

    def __init__(self, total: int, is_shown: bool) -> None:
        self._progress: Any = None
        if is_shown and total and sys.stderr.isatty():
            self._progress = make_bar()
            self._task = self._progress.add_task("", total=float(total))

    def __enter__(self) -> Self:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def step(self, label: str) -> None:
        """One more is done: `label`."""
        if self._progress:
            self._progress.update(self._task, advance=1.0, description=label)

    def say(self, text: str, *, err: bool = False) -> None:
        """Print a line; above the bar where both share a terminal, which would otherwise run into each other."""
        if self._progress and (sys.stderr if err else sys.stdout).isatty():
            self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            say_plainly(text, err=err)


class Bar(Steps):
    """Progress over files of which a part may be done."""

    def __init__(self, files: int, is_shown: bool) -> None:
        super().__init__(files, is_shown)
        self._done: dict[Path, float] = {}

    def show(self, source: Path, fraction: float) -> None:
        """`fraction` of this file is done."""
        if self._progress:
            self._done[source] = fraction
            self._progress.update(self._task, completed=sum(self._done.values()), description=source.name)


def make_bar() -> Any:
    """A bar with percent, ETA and a label, drawn on stderr as long as it is started."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)


def tell(record: Record, as_json: bool, is_quiet: bool, is_verbose: bool, say: Say = say_plainly) -> None:
    """One file's outcome: a JSON object, or a line for people and what was done to it; errors go to stderr."""
    if as_json:
        say(record.to_json())
    elif record.status == ERROR:
        say(f"{_MARKS[ERROR]} {record.error}", err=True)
    elif not is_quiet:
        say(f"{_MARKS[record.status]} {describe(record)}")
    if not as_json and (is_verbose or (record.status == RESTORED and not is_quiet)):
        for message in record.messages:
            say(f"          {message}")


def describe(record: Record) -> str:
    """Where a file went, and what happened to its level and in what time."""
    parts = []
    if record.status in (RESTORED, UNCHANGED) and record.lufs_in is not None:
        parts.append(_levels(record))
    if record.realtime_factor is not None:
        parts.append(f"{record.seconds:.1f} s, {wording.real_time(record.realtime_factor)}")
    if record.status == SKIPPED and record.messages:
        parts.append(record.messages[-1])
    target = f" -> {record.output}" if record.output else ""
    return f"{record.input}{target}" + (f"  ({'; '.join(parts)})" if parts else "")


def _levels(record: Record) -> str:
    if record.status == UNCHANGED or record.lufs_out is None:
        return f"{record.lufs_in:.1f} LUFS"
    return f"{record.lufs_in:.1f} -> {record.lufs_out:.1f} LUFS"
