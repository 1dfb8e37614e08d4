"""Walks a watched tree for the files that may be bounces."""

import os
from collections.abc import Callable, Iterator

from rebounce.watchers.names import is_ignored_folder

OnProblem = Callable[[str, OSError], None]
"""Told a folder below the root that cannot be read, and why."""


def scan(
    root: str, below: str, is_reserved: Callable[[str], bool], on_problem: OnProblem
) -> Iterator[os.DirEntry[str]]:
    """Every file below a folder of the root, as entries with whole paths; links to folders are passed over.

    That the root itself cannot be read is an OSError.
    """
    folders = [below]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                for entry in entries:
                    if not entry.is_dir(follow_symlinks=False):
                        yield entry
                        continue
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    if not is_reserved(path) and not is_ignored_folder(entry.name):
                        folders.append(path)
        except OSError as problem:
            if not folder:
                raise
            on_problem(folder, problem)
