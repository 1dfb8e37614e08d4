"""What made the files in an output folder: so that a second run can tell its own results from somebody else's files.

What always holds: a note is there before the result that it speaks of, so that a run that was killed between the two
does not leave a result behind that nobody knows.
"""

import json
import os
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from pathlib import Path

from rebounce.engine.staging import output_errors, part_path

NOTES_FOLDER = ".rebounce"
LONGEST_NAME_BYTES = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a result came from; equal origins make equal results."""

    input_sha256: str
    preset_hash: str
    version: str


def sha256_of(path: Path) -> str:
    """The SHA-256 of a whole file."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def remember(root: Path, target: Path, origin: Origin, output_sha256: str) -> None:
    """Note, in the output folder `root`, what `target` is made from and what it is going to hold."""
    table = asdict(origin) | {"output_sha256": output_sha256}
    note = _note_path(root, target)
    part = part_path(note)
    with output_errors(target):
        note.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                file.write((json.dumps(table, indent=2) + "\n").encode())
                file.flush()
                os.fsync(file.fileno())
            part.replace(note)
        finally:
            part.unlink(missing_ok=True)


def is_result_of(root: Path, target: Path, origin: Origin) -> bool:
    """True when `target` is there, came from this origin, and was not touched since."""
    try:
        table = json.loads(_note_path(root, target).read_text(encoding="utf-8"))
        known = Origin(**{name: table[name] for name in ("input_sha256", "preset_hash", "version")})
        return known == origin and table["output_sha256"] == sha256_of(target)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # no note, or not one of ours: the file counts as somebody else's


def is_noted(root: Path, target: Path) -> bool:
    """True when some run put a result there."""
    return _note_path(root, target).is_file()


def _note_path(root: Path, target: Path) -> Path:
    relative = target.absolute().relative_to(root.absolute())
    name = f"{relative.name}.json"
    if len(name.encode(errors="surrogateescape")) > LONGEST_NAME_BYTES:
        name = f"{sha256(relative.name.encode(errors='surrogateescape')).hexdigest()[:32]}.json"
    return root / NOTES_FOLDER / "results" / relative.parent / name
