"""Puts a folder in its place whole or not at all: filled beside it under another name, made safe on disk, renamed.

What always holds: until everything is there nothing is seen under the final name; what was filled is removed on any
failure, Ctrl-C included; a killed run leaves what it had under a hidden name, which the next run removes; and no two
runs fill the same folder.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from rebounce.engine.deferred_signals import signals_wait
from rebounce.engine.errors import OutputError
from rebounce.engine.folder_lock import alone_in
from rebounce.engine.staging import output_errors, part_path, sync_folder

IsReplaceable = Callable[[Path], bool]


@contextlib.contextmanager
def staged_folder(target: Path, is_replaceable: IsReplaceable | None = None) -> Iterator[Path]:
    """A folder to fill, which is `target` when the block ends well.

    A target that is there is an error before the block, unless `is_replaceable` is given and says that it may go.
    """
    target = target.absolute()
    with output_errors(target), alone_in(target, target.with_name(f"{target.name}.lock"), "works on this folder"):
        old = _old_path(target)
        _mend(target, old)
        _check_target(target, is_replaceable)
        part = part_path(target)
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir(parents=True)
            yield part
            _sync(part)
            _check_target(target, is_replaceable)  # which may have come meanwhile
            with signals_wait():
                _rename(part, target, old)
        finally:
            with signals_wait():
                shutil.rmtree(part, ignore_errors=True)


def _old_path(target: Path) -> Path:
    return part_path(target).with_suffix(".old")


def _mend(target: Path, old: Path) -> None:
    """After a run that was killed between its two renames: what was there is there again."""
    if old.exists() and not target.exists():
        old.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def refuse_if_there(target: Path) -> None:
    """Raise an OutputError unless the name is free."""
    if os.path.lexists(target):
        raise OutputError(f"{target}: it is there already; add --force to replace it, or choose another -o")


def _check_target(target: Path, is_replaceable: IsReplaceable | None) -> None:
    if is_replaceable is None:
        refuse_if_there(target)
    elif os.path.lexists(target) and not is_replaceable(target):
        raise OutputError(
            f"{target}: expected a folder that an export made, or an empty one, to be replaced, found other content; "
            "choose another -o"
        )


def _sync(part: Path) -> None:
    for path in part.rglob("*"):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("r+b") as file:  # Windows syncs nothing that is open for reading only
                os.fsync(file.fileno())
    sync_folder(part)


def _rename(part: Path, target: Path, old: Path) -> None:
    if os.path.lexists(target):
        target.rename(old)
    try:
        part.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)
    sync_folder(target.parent)
