"""Which files a batch works on and where each result goes: decided, and checked for clashes, before work starts."""

import glob
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rebounce.engine.errors import UsageError
from rebounce.engine.history import NOTES_FOLDER, is_noted

AUDIO_SUFFIXES = (".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".flac", ".ogg", ".oga", ".mp3")
LOSSY_SUFFIXES = (".ogg", ".oga", ".mp3")
FORMAT_SUFFIXES = {"wav": ".wav", "flac": ".flac", "mp3": ".mp3", "ogg": ".ogg"}
# macOS leaves these beside every file on a foreign disk: they carry a name like audio and hold none.
RESOURCE_FORK_PREFIX = "._"
# Their usual file systems take Mix.wav and mix.wav for one file.
IGNORES_CASE = sys.platform in ("win32", "darwin")
RESERVED_FOLDERS = (NOTES_FOLDER,)


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


def plan_batch(
    inputs: Iterable[str],
    output: Path,
    file_format: str = "keep",
    delta: Path | None = None,
    saves_chain: bool = False,
) -> list[Item]:
    """One item an input, in a fixed order; two inputs with one target are both errors, one named twice is one.

    Deltas and saved chains are named by the stem alone, so that with them mix.wav and mix.flac clash as well.
    """
    found = _sources(inputs, [output, delta] if delta else [output])
    each: dict[tuple[str, Path], Source] = {}
    for one in found:
        each.setdefault((os.path.abspath(one.path), one.relative), one)
    items = [_item(one, output, file_format) for one in each.values()]
    return _without_clashes(items, by_stem=saves_chain or delta is not None)


def read_input_list(path: Path) -> list[str]:
    """The inputs named in a text file, one a line; empty lines and lines that start with # are passed over."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not text in UTF-8"
        raise UsageError(f"--input-list {path}: expected a text file with one path a line: {reason}") from problem
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def find_sources(inputs: Iterable[str]) -> list["Source"]:
    """The audio files behind what was named, in a fixed order, each once."""
    found = {os.path.abspath(one.path): one for one in _sources(inputs, [])}
    return list(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file and the part of its path that is rebuilt below the output folder; `error` says why there is none."""

    path: Path
    relative: Path
    error: str | None = None


def _sources(inputs: Iterable[str], outputs: list[Path]) -> Iterator[Source]:
    paths = [path for text in inputs for path in _expanded(text)]
    results = {_real(path) for path in outputs}
    # os.path and not Path here and below: a folder that may not be looked into is "not there", and no exception.
    folders = [path for path in paths if os.path.isdir(path)]
    # With several folders the tree is rebuilt from where they part, so that equal names in two of them stay apart.
    several_from = Path(os.path.commonpath([_real(path) for path in folders])) if len(folders) > 1 else None
    for path in paths:
        if os.path.isdir(path):
            below = _real(path).relative_to(several_from) if several_from else Path()
            yield from _walk(path, below, results, seen=())
        else:
            yield Source(path=path, relative=Path(path.name), error=_why_missing(path))


def _why_missing(path: Path) -> str | None:
    try:
        os.lstat(path)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        return f"{path}: expected a file or folder, found nothing ({reason}); check the path and its permissions"
    return None


def _expanded(text: str) -> list[Path]:
    """The paths behind one argument: globs are expanded here too, for shells that do not."""
    if os.path.lexists(text) or not glob.has_magic(text):
        return [Path(text)]
    return [Path(match) for match in sorted(glob.glob(text, recursive=True))] or [Path(text)]


def _walk(folder: Path, below: Path, results: set[Path], seen: tuple[tuple[int, int], ...]) -> Iterator[Source]:
    """The audio files of a folder tree in a fixed order; a link back to a folder above is an error of its own.

    A folder inside the tree that results go to holds no inputs.
    """
    try:
        status = folder.stat()
        entries = sorted(folder.iterdir())
    except OSError as problem:
        message = f"{folder}: the folder cannot be read ({problem.strerror}); check its permissions"
        yield Source(path=folder, relative=below, error=message)
        return
    here = (status.st_dev, status.st_ino)
    if here in seen:
        message = f"{folder}: a folder loop, this link leads back to a folder above it; remove the link"
        yield Source(path=folder, relative=below, error=message)
        return
    for entry in entries:
        if os.path.isdir(entry):
            if entry.name not in RESERVED_FOLDERS and _real(entry) not in results:
                yield from _walk(entry, below / entry.name, results, (*seen, here))
        elif entry.suffix.lower() in AUDIO_SUFFIXES and not _is_hidden(entry):
            yield Source(path=entry, relative=below / entry.name)


def _real(path: Path) -> Path:
    """Where a path leads; `Path.resolve` raises at a link to itself, before Python 3.13."""
    return Path(os.path.realpath(path))


def _is_hidden(path: Path) -> bool:
    return path.name.startswith(".") and not path.name.startswith(RESOURCE_FORK_PREFIX)


def _item(found: Source, output: Path, file_format: str) -> Item:
    target = output / target_name(found.relative, file_format)
    copy_target = output / found.relative if file_format == "keep" else target
    item = Item(source=found.path, target=target, copy_target=copy_target, error=found.error)
    if found.path.name.startswith(RESOURCE_FORK_PREFIX):
        return replace(item, error=None, skipped="a resource fork that macOS wrote beside a file, not audio")
    if found.error is not None or not _same_file(found.path, target):
        return item
    if is_noted(output, target):
        return replace(item, skipped="the result of an earlier run into this folder")
    message = f"{found.path}: the result would replace the input; choose another output folder or --format"
    return replace(item, error=message)


def target_name(relative: Path, file_format: str) -> Path:
    """The name of the result: a lossy input comes back as WAV unless another format is asked for."""
    if file_format != "keep":
        return relative.with_suffix(FORMAT_SUFFIXES[file_format])
    return relative.with_suffix(".wav") if relative.suffix.lower() in LOSSY_SUFFIXES else relative


def _same_file(source: Path, target: Path) -> bool:
    return os.path.exists(target) and os.path.exists(source) and os.path.samefile(target, source)


def _without_clashes(items: list[Item], by_stem: bool) -> list[Item]:
    keys = [_keys(item, by_stem) if item.error is None and item.skipped is None else set() for item in items]
    wanted = Counter(key for found in keys for key in found)
    checked = []
    for item, mine in zip(items, keys, strict=True):
        is_clash = any(wanted[key] > 1 for key in mine)
        rivals = zip(items, keys, strict=True) if is_clash else ()
        rival = next((other for other, theirs in rivals if other is not item and mine & theirs), None)
        checked.append(_clash(item, rival) if rival else item)
    return checked


def _clash(item: Item, rival: Item) -> Item:
    what = f"its result {item.target}" if _keys(item) & _keys(rival) else "its delta or saved chain"
    return replace(
        item,
        error=f"{item.source}: {what} would also be that of {rival.source}; "
        "restore them into different folders, or restore their parent folder so that the tree is kept",
    )


def _keys(item: Item, by_stem: bool = False) -> set[str]:
    """The places an item may take; equal for paths that the system's file systems take for one."""
    paths = {os.path.abspath(path) for path in (item.target, item.copy_target)}
    if by_stem:
        paths.add(os.path.abspath(item.target.with_suffix("")))
    return {path.casefold() for path in paths} if IGNORES_CASE else paths
