"""An evaluation as files: a folder of its own, and every score as a line of CSV.

What always holds: a file is there whole or not at all; `evaluation.json` comes last, so that where it is everything
else is; and replacing an evaluation takes away what the old one wrote, and nothing else.
"""

import csv
import io
import json
from pathlib import Path

from rebounce.engine.errors import UsageError
from rebounce.engine.staging import Staged, output_errors
from rebounce.training.evaluation.run import Evaluation
from rebounce.training.evaluation.trial import Outcome
from rebounce.training.scores.registry import SCORES

RESULT_NAME, SCORES_NAME, TABLE_NAME = "evaluation.json", "scores.csv", "table.md"
COLUMNS = (
    "group",
    "track",
    "sha256",
    "seed",
    "start_s",
    "system",
    "kind",
    "score",
    "unit",
    "better",
    "value",
    "status",
)


def to_csv(evaluation: Evaluation) -> str:
    """One line for each item, system and score."""
    kinds = {system.name: system.kind for system in evaluation.systems}
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for item in evaluation.items:
        start = [item.group, str(item.track.path), item.track.sha256, item.seed, f"{item.start_s:.6f}"]
        for system, outcome in item.outcomes.items():
            for name in evaluation.plan.bench.scores:
                score = SCORES[name]
                value = outcome.scores.get(name)
                told = "" if value is None else repr(value)
                writer.writerow(
                    [*start, system, kinds[system], name, score.unit, score.better, told, _status(outcome, value)]
                )
    return text.getvalue()


def claim_folder(folder: Path, is_forced: bool) -> None:
    """Refuse a folder that holds an evaluation, or with force remove the files that it says are its own."""
    result = folder / RESULT_NAME
    if not result.exists():
        return
    if not is_forced:
        raise UsageError(f"{result}: an evaluation is there already; name another folder, or add --force to replace it")
    for name in [*_files_of(result), RESULT_NAME]:
        path = folder / name
        if path.resolve().is_relative_to(folder.resolve()):
            path.unlink(missing_ok=True)
            _remove_empty(path.parent, folder)


def write_file(path: Path, content: bytes) -> None:
    """The file whole or not at all; one of that name is replaced."""
    with Staged(path, replaces=True) as staged:
        with output_errors(path):
            staged.file.write(content)
        staged.publish()


def write_text(path: Path, text: str) -> None:
    """`write_file`; bytes in a name that are no text become escapes."""
    write_file(path, text.encode("utf-8", errors="backslashreplace"))


def _remove_empty(place: Path, folder: Path) -> None:
    """The folders of a file that is gone, as long as nothing else is in them."""
    while place != folder and place.is_dir() and not any(place.iterdir()):
        place.rmdir()
        place = place.parent


def _files_of(result: Path) -> list[str]:
    """What an earlier evaluation says it wrote; nothing if it cannot be read."""
    try:
        files = json.loads(result.read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [name for name in files if isinstance(name, str)] if isinstance(files, list) else []


def _status(outcome: Outcome, value: float | None) -> str:
    if not outcome.is_there:
        return "failed" if outcome.is_failure else "absent"
    return "undefined" if value is None else "scored"
