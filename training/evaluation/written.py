"""What an evaluation's files are called, how they are written, and every score as a line of CSV."""

import csv
import io
from pathlib import Path

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
        place = [_plain(item.group), _plain(str(item.track.path)), item.track.sha256]
        start = [*place, item.seed, f"{item.start_s:.6f}"]
        for system, outcome in item.outcomes.items():
            for name in evaluation.plan.bench.scores:
                score = SCORES[name]
                value = outcome.scores.get(name)
                told = "" if value is None else repr(value)
                writer.writerow(
                    [
                        *start,
                        _plain(system),
                        kinds[system],
                        name,
                        score.unit,
                        score.better,
                        told,
                        _status(outcome, value),
                    ]
                )
    return text.getvalue()


def write_file(path: Path, content: bytes) -> None:
    """The file whole or not at all; one of that name is replaced."""
    with Staged(path, replaces=True) as staged:
        with output_errors(path):
            staged.file.write(content)
        staged.publish()


def write_text(path: Path, text: str) -> None:
    """`write_file`; bytes in a name that are no text become escapes."""
    write_file(path, text.encode("utf-8", errors="backslashreplace"))


def _plain(name: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def _status(outcome: Outcome, value: float | None) -> str:
    if not outcome.is_there:
        return "failed" if outcome.is_failure else "absent"
    return "undefined" if value is None else "scored"
