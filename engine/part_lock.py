"""Opens the part of an output for one process alone.

What always holds: while one process has a part, no other opens it; what a killed process left behind belongs to the
next one that comes.
"""

import contextlib
import errno
import os
import sys
from pathlib import Path
from typing import BinaryIO

from rebounce.engine.errors import OutputError

if sys.platform != "win32":
    import fcntl

# What file systems answer that have no locks or links (exFAT, some network shares).
NOT_SUPPORTED = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EACCES)


def claim(path: Path, mode: int) -> BinaryIO:
    """Open the part for this process alone; one that a killed process left behind is taken over."""
    if sys.platform == "win32":
        with contextlib.suppress(FileNotFoundError):
            path.unlink()  # which Windows refuses while another process has it open
        return open(path, "x+b")
    while True:
        # Not truncated yet: until the lock is ours somebody else may be writing it.
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, mode), "r+b")
        try:
            _lock(file, path)
            if _is_same_file(file, path):
                file.truncate(0)
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # removed or renamed by its owner between opening and locking: try again


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        raise OutputError(
            f"{path}: another rebounce is writing this file right now; wait for it, or choose another output folder"
        ) from problem
    except OSError as problem:
        if problem.errno not in (*NOT_SUPPORTED, errno.ENOLCK):
            raise
        # A share without locks: only a part that holds nothing yet is certain to be ours.
        if os.fstat(file.fileno()).st_size:
            raise OutputError(
                f"{path}: left by another run, or still being written by one, and this file system cannot tell; "
                "remove it if no other rebounce is running"
            ) from problem


def _is_same_file(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
