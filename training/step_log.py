"""A table that grows with a training, one row for some of its steps, as CSV.

What always holds: after a run was cut off and goes on from a checkpoint, the rows are those of one that never was; the
table of a finished step is on disk, but for its last lines where the machine itself fails.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from rebounce.engine.errors import OutputError
from rebounce.engine.staging import Staged, output_errors

STEP = "step"


class StepLog:
    """The rows of a table whose first column is the step; None is an empty cell."""

    def __init__(self, path: Path, columns: Sequence[str], after_step: int) -> None:
        """Open the table, without the rows of steps beyond `after_step`: they are made again."""
        self._path = path
        self._columns = (STEP, *columns)
        kept = [row for row in _rows(path, self._columns) if int(row[0]) <= after_step] if after_step else []
        with Staged(path, replaces=True) as staged:
            with output_errors(path):
                staged.file.write(_text([self._columns, *kept]))
            staged.publish()

    def add(self, step: int, values: Mapping[str, float | None]) -> None:
        """One more row."""
        cells = [values.get(name) for name in self._columns[1:]]
        row = [str(step), *("" if value is None else repr(value) for value in cells)]
        with output_errors(self._path), self._path.open("ab") as file:
            file.write(_text([row]))


def _rows(path: Path, columns: Sequence[str]) -> list[list[str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = [*csv.reader(file)] or [[]]
    if head != list(columns):
        raise OutputError(
            f"{path}: expected the columns {', '.join(columns)}, found {', '.join(head) or 'none'}; the table is of "
            "another training: move it away"
        )
    # The last line may have been cut off in the middle.
    return [row for row in rows if len(row) == len(columns) and row[0].isdigit()]


def _text(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
