"""What made the files in an output folder: so that a second run can tell its own results from somebody else's files."""

import json
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from rebounce.engine.batch_plan import RESERVED_FOLDERS


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


def remember(root: Path, target: Path, origin: Origin) -> None:
    """Note what `target` was made from, in the output folder `root`."""
    note = _note_path(root, target)
    note.parent.mkdir(parents=True, exist_ok=True)
    table = {
        "input_sha256": origin.input_sha256,
        "preset_hash": origin.preset_hash,
        "version": origin.version,
        "output_sha256": sha256_of(target),
    }
    staged = note.with_name(f"{note.name}.part")
    staged.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    staged.replace(note)


def is_result_of(root: Path, target: Path, origin: Origin) -> bool:
    """True when `target` is there, came from this origin, and was not touched since."""
    try:
        table = json.loads(_note_path(root, target).read_text(encoding="utf-8"))
        known = Origin(**{name: table[name] for name in ("input_sha256", "preset_hash", "version")})
        return known == origin and table["output_sha256"] == sha256_of(target)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # no note, or not one of ours: the file counts as somebody else's


def _note_path(root: Path, target: Path) -> Path:
    relative = target.resolve().relative_to(root.resolve())
    folder = root / RESERVED_FOLDERS[0] / "results" / relative.parent
    name = f"{relative.name}.json"
    if len(name.encode()) > 240:
        from hashlib import sha256

        name = f"{sha256(relative.name.encode()).hexdigest()[:32]}.json"
    return folder / name
