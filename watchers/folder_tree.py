"""The folders that results and originals go into: the tree of the bounces again, each with the mode and group of its
counterpart.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path, PurePosixPath

from rebounce.engine.staging import sync_folder
from rebounce.watchers.layout import Layout

AWAY = "the folder is gone or unmounted"


def check_here(layout: Layout) -> None:
    """An OSError, of a kind that may pass, unless the watched folder itself is there: a share may have gone, and a bare
    folder lie in its place, in which nothing may be written."""
    if not layout.mark.exists():
        raise OSError(errno.ESTALE, AWAY, str(layout.root))


def remove_bare(layout: Layout, path: str) -> None:
    """Remove the empty folders above a file that should not have been made, as the watched folder was not there."""
    if layout.mark.exists():
        return
    for folder in list(PurePosixPath(path).parents)[:-1]:
        with contextlib.suppress(OSError):
            layout.at(str(folder)).rmdir()


def make_folder(layout: Layout, path: str, like: str) -> None:
    """Make the folder of a file that goes below one of our own; the tree below it is that of `like`.

    Where `like` itself lies in one of ours (a retried failure), the tree is the same from there on.
    """
    check_here(layout)
    parts = PurePosixPath(path).parts[:-1]
    for depth in range(1, len(parts) + 1):
        folder = layout.root.joinpath(*parts[:depth])
        if not folder.is_dir():
            _make(folder, _counterpart(layout, parts[1:depth], like))


def _counterpart(layout: Layout, below: tuple[str, ...], like: str) -> Path:
    first = PurePosixPath(like).parts[0]
    start = layout.root / first if first in layout.reserved else layout.root
    return start.joinpath(*below)


def _make(folder: Path, counterpart: Path) -> None:
    folder.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):  # what the system does not allow is left as it comes
        wanted = counterpart.stat()
        if hasattr(os, "chown") and folder.stat().st_gid != wanted.st_gid:
            os.chown(folder, -1, wanted.st_gid)
        # A folder that came read-only, from a disc say, must not make ours so: we have to write into it.
        folder.chmod(stat.S_IMODE(wanted.st_mode) | stat.S_IRWXU)
    sync_folder(folder.parent)  # what lies in it is safe from a power cut only when its own name is
