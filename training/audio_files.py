"""Which files training works on: those named, and those in folders and behind globs, in a fixed order."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rebounce.engine.batch_plan import AUDIO_SUFFIXES
from rebounce.engine.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioFile:
    """A file, and the part of its path that is rebuilt below an output folder."""

    path: Path
    relative: Path


def find_audio_files(inputs: Iterable[str | Path]) -> tuple[list[AudioFile], list[str]]:
    """The audio files, each once, and one sentence for each input that is not there or cannot be looked into.

    In folders what is hidden is passed over, and so are parts that a killed run left, which are hidden too. With
    several folders the tree is rebuilt from where they part, so that equal names in two of them stay apart.
    """
    problems: list[str] = []
    paths = [path for given in inputs for path in expanded(str(given))]
    folders = [path for path in paths if os.path.isdir(path)]
    # os.path.realpath and not Path.resolve, which raises where a link leads to itself.
    several_from = os.path.commonpath([os.path.realpath(path) for path in folders]) if len(folders) > 1 else None
    found: dict[str, AudioFile] = {}
    for path in paths:
        if os.path.isdir(path):
            below = Path(os.path.relpath(os.path.realpath(path), several_from)) if several_from else Path()
            files = [AudioFile(path=file, relative=below / file.relative_to(path)) for file in _walk(path, problems)]
        else:
            files = [AudioFile(path=path, relative=Path(path.name))] if _is_there(path, problems) else []
        for file in files:
            found.setdefault(os.path.realpath(file.path), file)
    return list(found.values()), problems


def expanded(text: str) -> list[Path]:
    """The paths behind one argument: globs are expanded here too, for shells that do not.

    UsageError for an empty text, which as a path would be the folder that one happens to be in.
    """
    if not text:
        raise UsageError("expected the path of a file or folder, found an empty text; name one, or . for this folder")
    if os.path.lexists(text) or not glob.has_magic(text):
        return [Path(text)]
    return [Path(match) for match in sorted(glob.glob(text, recursive=True))] or [Path(text)]


def _is_there(path: Path, problems: list[str]) -> bool:
    try:
        os.stat(path)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        problems.append(f"{path}: expected a file or folder, found nothing ({reason}); check the path")
        return False
    return True


def _walk(folder: Path, problems: list[str]) -> Iterator[Path]:
    """The audio files of a folder tree; links are followed, but no folder is entered twice."""

    def report(problem: OSError) -> None:
        problems.append(f"{problem.filename}: the folder cannot be read ({problem.strerror}); check its permissions")

    seen: set[tuple[int, int]] = set()
    for place, below, names in os.walk(folder, followlinks=True, onerror=report):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            below.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if _is_audio(name))


def _is_audio(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES
