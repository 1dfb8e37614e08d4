"""The folder of an evaluation: taken for one run, filled out of sight, and changed only when everything is there.

What always holds: until `swap_in` nothing is seen of a new evaluation, and the old one stays; where `evaluation.json`
is, everything else is; a file that no evaluation wrote is never touched; and whatever a run that was killed left, the
next one removes, or completes where the swap had begun.
"""

import contextlib
import glob
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from rebounce.engine.deferred_signals import signals_wait
from rebounce.engine.errors import OutputError, UsageError
from rebounce.engine.folder_lock import alone_in
from rebounce.engine.staging import PREFIX, SUFFIX, output_errors, sync_folder
from rebounce.training.evaluation.written import RESULT_NAME, write_text

PART_NAME = f"{PREFIX}evaluation{SUFFIX}"
"""Where everything new lies until the end."""

OLD_NAME = "old.json"
"""What `evaluation.json` of the old evaluation is called in there, once the swap has begun."""

LOCK_NAME = "run"
"""Staged in the folder for as long as a run works there, and never published."""


_STRANGE = "this evaluation would write it, and no earlier one did; move it away, or name another folder"


def refuse_inside(inputs: Iterable[str], folder: Path) -> None:
    """UsageError where a next run would find what this one writes, through one of the inputs: a path or a glob."""
    for given in inputs:
        if _is_reached(given, Path(os.path.realpath(folder))):
            raise UsageError(
                f"-o {folder}: lies inside the clean audio {given}, and a next run would take its files for clean; "
                "choose a folder beside it"
            )


@contextmanager
def taken(folder: Path, names: Sequence[str], is_forced: bool) -> Iterator[Path]:
    """The folder for this run alone, refused where it is not free for files of these names; yields its part.

    What is in the part at the end and was not swapped in is removed, and the folder too if the run made it.
    """
    made = [place for place in (folder, *folder.parents) if not os.path.lexists(place)]
    part = folder / PART_NAME
    try:
        with alone_in(folder, folder / LOCK_NAME, "evaluates into it"):
            _settle(folder)
            with output_errors(part):
                _check_free(folder, names, is_forced)
            try:
                with output_errors(part):
                    part.mkdir()
                yield part
            finally:
                # A swap that has begun and could not end is for the next run to complete.
                if not (part / RESULT_NAME).exists():
                    _remove_tree(part)
    finally:
        for place in made:
            with contextlib.suppress(OSError):  # where something is in it
                place.rmdir()


def swap_in(folder: Path, files: Iterable[str], told: str) -> None:
    """Put these files of the part, and `told` as `evaluation.json`, in the place of the old evaluation's."""
    part = folder / PART_NAME
    own = set(_files_of(folder / RESULT_NAME) or [])
    for name in files:
        if name not in own and os.path.lexists(folder / name):
            raise OutputError(f"{folder / name}: {_STRANGE}")
    try:
        with output_errors(folder / RESULT_NAME):
            for place in sorted({(folder / name).parent for name in files}):
                place.mkdir(parents=True, exist_ok=True)
            with signals_wait():
                write_text(part / RESULT_NAME, told)
                _complete(folder)
    finally:
        if not (part / RESULT_NAME).exists():
            for name in files:
                _remove_empty((folder / name).parent, folder)


def _is_reached(given: str, folder: Path) -> bool:
    if os.path.lexists(given) or not glob.has_magic(given):
        return os.path.isdir(given) and folder.is_relative_to(os.path.realpath(given))
    parts = Path(os.path.abspath(given)).parts
    fixed = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    base = Path(os.path.realpath(Path(*parts[:fixed])))
    if folder == base or not folder.is_relative_to(base):
        return False
    for pattern, name in zip(parts[fixed:], folder.relative_to(base).parts, strict=False):
        if pattern == "**":
            return True
        if not fnmatch(name, pattern):
            return False
    return True


def _settle(folder: Path) -> None:
    """Bring to an end what a killed run left: a swap that had begun is completed, all else is removed."""
    part = folder / PART_NAME
    with output_errors(part), signals_wait():
        if (part / RESULT_NAME).exists():
            _complete(folder)
        _remove_tree(part)


def _complete(folder: Path) -> None:
    """Take the old evaluation away and put the new one there; begun again after any step, it comes to the same."""
    part = folder / PART_NAME
    if (folder / RESULT_NAME).exists():
        (folder / RESULT_NAME).replace(part / OLD_NAME)
    files = _files_of(part / RESULT_NAME) or []
    for name in [name for name in files if (part / name).exists()]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (part / name).replace(folder / name)
    for path in [folder / name for name in _files_of(part / OLD_NAME) or [] if name not in files]:
        if path.resolve().is_relative_to(folder.resolve()):
            path.unlink(missing_ok=True)
            _remove_empty(path.parent, folder)
    for place in {(folder / name).parent for name in files}:
        sync_folder(place)
    (part / RESULT_NAME).replace(folder / RESULT_NAME)
    sync_folder(folder)
    _remove_tree(part)


def _check_free(folder: Path, names: Sequence[str], is_forced: bool) -> None:
    """UsageError where files would be replaced that were not meant; what is hidden is in nobody's way."""
    result = folder / RESULT_NAME
    if not os.path.lexists(result):
        found = sorted(name for name in os.listdir(folder) if not name.startswith("."))
        if found:
            raise UsageError(
                f"-o {folder}: expected an empty folder or an earlier evaluation, found {found[0]!r} in it; "
                "name another folder, a new one say"
            )
        return
    files = _files_of(result)
    if files is None:
        raise UsageError(
            f"{result}: expected an evaluation that rebounce wrote, found something else; name another folder"
        )
    if not is_forced:
        raise UsageError(f"{result}: an evaluation is there already; name another folder, or add --force to replace it")
    for path in [folder / name for name in names if name not in files]:
        is_folder = path.is_dir() and not path.is_symlink()
        if os.path.lexists(path) and not is_folder:
            raise UsageError(f"{path}: {_STRANGE}")


def _files_of(result: Path) -> list[str] | None:
    """What an evaluation says it wrote; None where it is none."""
    try:
        data: Any = json.loads(result.read_text(encoding="utf-8"))
        files, schema = data["files"], data["schema"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    is_ours = isinstance(schema, int) and isinstance(files, list) and all(isinstance(name, str) for name in files)
    return files if is_ours else None


def _remove_empty(place: Path, folder: Path) -> None:
    """The folders of a file that is gone, as long as nothing else is in them."""
    while place != folder and place.is_dir() and not any(place.iterdir()):
        place.rmdir()
        place = place.parent


def _remove_tree(part: Path) -> None:
    with signals_wait():
        shutil.rmtree(part, ignore_errors=True)
