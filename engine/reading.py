"""What is said when an input cannot be read on."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from rebounce.engine.errors import UnreadableFile


@contextlib.contextmanager
def reading_errors(path: Path | str) -> Iterator[None]:
    """Turn what the system says about reading into one sentence about the file."""
    try:
        yield
    except PermissionError as problem:
        raise UnreadableFile(
            f"{path}: no permission to read this file; change its permissions or run as a user who may read it"
        ) from problem
    except OSError as problem:
        raise UnreadableFile(
            f"{path}: the file cannot be read ({problem.strerror or problem}); check the path, and whether the disk or "
            "network that it is on still answers"
        ) from problem


def still_written(path: Path) -> str:
    """The sentence for a file that changed while it was read."""
    return (
        f"{path}: the file changed while it was read, so it is probably still being written; wait until the bounce is "
        "done, then restore it again"
    )
