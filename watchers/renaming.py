"""Gives a file another name without ever replacing one that is there."""

import errno
import os
from pathlib import Path

from rebounce.engine.staging import NO_LINKS


def give_name(part: Path, target: Path) -> None:
    """Rename without ever replacing; FileExistsError where another file has the name."""
    try:
        os.link(part, target)
    except FileExistsError:
        if not os.path.samefile(part, target):
            raise
    except OSError as problem:
        if problem.errno not in NO_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from problem
        part.rename(target)
        return
    part.unlink()
