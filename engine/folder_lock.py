"""One run alone in a folder: two would do the same work twice, and sweep away each other's parts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rebounce.engine.errors import OutputError
from rebounce.engine.staging import Staged


@contextmanager
def alone_in(folder: Path, lock: Path, doing: str, *, replaces: bool = True) -> Iterator[Staged]:
    """Keep the part of `lock` open and locked, and never publish it; an OutputError says who is `doing` what there.

    Without `replaces` a file of somebody's at `lock` itself is an error as well.
    """
    try:
        staged = Staged(lock, replaces=replaces)
    except OutputError as problem:
        if isinstance(problem.__cause__, BlockingIOError):
            raise OutputError(f"{folder}: another rebounce {doing} right now; wait for it") from problem
        raise
    with staged:
        yield staged
