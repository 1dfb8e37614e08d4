"""Which files a batch works on and where each result goes: decided, and checked for clashes, before work starts."""

import glob
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rebounce.engine.errors import UsageError

AUDIO_SUFFIXES = (".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".flac", ".ogg", ".oga", ".mp3")
LOSSY_SUFFIXES = (".ogg", ".oga", ".mp3")
FORMAT_SUFFIXES = {"wav": ".wav", "flac": ".flac", "mp3": ".mp3", "ogg": ".ogg"}
# macOS leaves these beside every file on a foreign disk: they carry a name like audio and hold none.
RESOURCE_FORK_PREFIX = "._"
# Their usual file systems take Mix.wav and mix.wav for one file.
IGNORES_CASE = sys.platform in ("win32", "darwin")
RESERVED_FOLDERS = (".rebounce",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One input: where its result goes, why it is skipped, or why it cannot be done.

    `copy_target` is where the input itself goes when nothing was changed: a lossy file keeps its own suffix then.
    """

    source: Path
    target: Path
    copy_target: Path
    error: str | None = None
    skipped: str | None = None


def plan_batch(inputs: Iterable[str], output: Path, file_format: str = "keep") -> list[Item]:
    """One item an input, in a fixed order; two inputs with one target are both errors."""
    items = [item for found in _sources(inputs, output) for item in _items(found, output, file_format)]
    return _without_clashes(items)


def read_input_list(path: Path) -> list[str]:
    """The inputs named in a text file, one a line; empty lines and lines that start with # are passed over."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"--input-list {path}: expected a text file with one path a line: {problem}") from problem
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A file and the part of its path that is rebuilt below the output folder."""

    path: Path
    relative: Path
    error: str | None = None


def _sources(inputs: Iterable[str], output: Path) -> Iterator[_Found]:
    paths = [path for text in inputs for path in _expanded(text)]
    folders = [path for path in paths if path.is_dir()]
    # With several folders the tree is rebuilt from where they part, so that equal names in two of them stay apart.
    several_from = Path(os.path.commonpath([path.resolve() for path in folders])) if len(folders) > 1 else None
    for path in paths:
        if path.is_dir():
            below = path.resolve().relative_to(several_from) if several_from else Path()
            yield from _walk(path, below, output.resolve(), seen=())
        else:
            error = (
                None if os.path.lexists(path) else f"{path}: expected a file or folder, found nothing; check the path"
            )
            yield _Found(path=path, relative=Path(path.name), error=error)


def _expanded(text: str) -> list[Path]:
    """The paths behind one argument: globs are expanded here too, for shells that do not."""
    if os.path.lexists(text) or not glob.has_magic(text):
        return [Path(text)]
    return [Path(match) for match in sorted(glob.glob(text, recursive=True))] or [Path(text)]


def _walk(folder: Path, below: Path, output: Path, seen: tuple[tuple[int, int], ...]) -> Iterator[_Found]:
    """The audio files of a folder tree in a fixed order; a link back to a folder above is an error of its own.

    An output folder inside the tree holds results, not inputs.
    """
    try:
        status = folder.stat()
        entries = sorted(folder.iterdir())
    except OSError as problem:
        yield _Found(path=folder, relative=below, error=f"{folder}: the folder cannot be read: {problem.strerror}")
        return
    here = (status.st_dev, status.st_ino)
    if here in seen:
        message = f"{folder}: a folder loop, this link leads back to a folder above it; remove the link"
        yield _Found(path=folder, relative=below, error=message)
        return
    for entry in entries:
        if entry.is_dir():
            if entry.name not in RESERVED_FOLDERS and entry.resolve() != output:
                yield from _walk(entry, below / entry.name, output, (*seen, here))
        elif entry.suffix.lower() in AUDIO_SUFFIXES and not _is_hidden(entry):
            yield _Found(path=entry, relative=below / entry.name)


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".") and not path.name.startswith(RESOURCE_FORK_PREFIX)


def _items(found: _Found, output: Path, file_format: str) -> Iterator[Item]:
    target = output / target_name(found.relative, file_format)
    copy_target = output / found.relative if file_format == "keep" else target
    item = Item(source=found.path, target=target, copy_target=copy_target, error=found.error)
    if found.path.name.startswith(RESOURCE_FORK_PREFIX):
        yield replace(item, error=None, skipped="a resource fork that macOS wrote beside a file, not audio")
    elif found.error is None and _same_file(found.path, target):
        message = f"{found.path}: the result would replace the input; choose another output folder or --format"
        yield replace(item, error=message)
    else:
        yield item


def target_name(relative: Path, file_format: str) -> Path:
    """The name of the result: a lossy input comes back as WAV unless another format is asked for."""
    if file_format != "keep":
        return relative.with_suffix(FORMAT_SUFFIXES[file_format])
    return relative.with_suffix(".wav") if relative.suffix.lower() in LOSSY_SUFFIXES else relative


def _same_file(source: Path, target: Path) -> bool:
    return target.exists() and source.exists() and target.samefile(source)


def _without_clashes(items: list[Item]) -> list[Item]:
    wanted = Counter(key for item in items if _is_work(item) for key in _keys(item))
    return [_clash(item, items) if _is_work(item) and _clashes(item, wanted) else item for item in items]


def _is_work(item: Item) -> bool:
    return item.error is None and item.skipped is None


def _clashes(item: Item, wanted: Counter[str]) -> bool:
    return any(wanted[key] > 1 for key in _keys(item))


def _clash(item: Item, items: list[Item]) -> Item:
    rivals = [other.source for other in items if other is not item and _is_work(other) and _keys(item) & _keys(other)]
    return replace(
        item,
        error=f"{item.source}: its result {item.target} would also be that of {rivals[0]}; "
        "restore them into different folders, or restore their parent folder so that the tree is kept",
    )


def _keys(item: Item) -> set[str]:
    """The places an item may take; equal for paths that the system's file systems take for one."""
    paths = {os.path.abspath(path) for path in (item.target, item.copy_target)}
    return {path.casefold() for path in paths} if IGNORES_CASE else paths
