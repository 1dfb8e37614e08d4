"""What a training writes down: rows of two CSV files, and the same numbers for TensorBoard where that is installed.

What always holds: after a kill the rows are those of the state that is gone on from, none twice and none missing.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rebounce.training.trainer.run_folder import cut_rows
from rebounce.training.trainer.state import Scores

STEP_COLUMNS = ("stage", "epoch", "step", "windows", "learning_rate", "loss", "gradient_norm", "windows_per_second")
EPOCH_COLUMNS = ("stage", "epoch", "step", "batch", "learning_rate", "seconds")
EPOCHS, STEPS = "epochs.csv", "steps.csv"

Row = dict[str, Any]


def epoch_columns(losses: Sequence[str], scores: Sequence[str]) -> tuple[str, ...]:
    """Of all losses that some stage trains on; a stage that does not leaves them empty."""
    training = [f"training.{name}" for name in ("loss", *losses)]
    return (*EPOCH_COLUMNS, *training, *[f"validation.{name}" for name in ("loss", *losses, *scores)])


def epoch_row(head: Row, training: Scores, validation: Scores) -> Row:
    """One row of `epochs.csv`."""
    return {
        **head,
        **{f"training.{name}": value for name, value in training.items()},
        **{f"validation.{name}": value for name, value in validation.items()},
    }


class Logs:
    """The logs of a run, gone on with after the rows that `rows` counts; `rows` is kept up to date."""

    def __init__(self, folder: Path, columns: Sequence[str], rows: dict[str, int], step: int) -> None:
        self._folder = folder
        self._files = {EPOCHS: _Table(folder / EPOCHS, columns), STEPS: _Table(folder / STEPS, STEP_COLUMNS)}
        self._open(rows, step)

    def go_back(self, rows: dict[str, int], step: int) -> None:
        """Forget what was written after these rows, and after this step."""
        self.close()
        self._open(rows, step)

    def epoch(self, row: Row) -> None:
        """One row of `epochs.csv`."""
        self._write(EPOCHS, row)
        if self._tensorboard:
            self._tensorboard.flush()

    def step(self, row: Row) -> None:
        """One row of `steps.csv`."""
        self._write(STEPS, row)

    def epochs(self) -> list[dict[str, str]]:
        """All rows of `epochs.csv` so far."""
        return self._files[EPOCHS].read()

    def close(self) -> None:
        """Let go of the files."""
        for table in self._files.values():
            table.close()
        if self._tensorboard:
            self._tensorboard.close()

    def _open(self, rows: dict[str, int], step: int) -> None:
        self._rows = rows
        for name, table in self._files.items():
            table.go_on_after(rows.setdefault(name, 0))
        self._tensorboard = _tensorboard(self._folder / "tensorboard", step)

    def _write(self, name: str, row: Row) -> None:
        self._files[name].append(row)
        self._rows[name] += 1
        if self._tensorboard:
            for key, value in row.items():
                if isinstance(value, float):
                    self._tensorboard.add_scalar(f"{name.removesuffix('.csv')}/{key}", value, row["step"])


class _Table:
    """One CSV file."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path = path
        self._columns = columns

    def go_on_after(self, rows: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        cut_rows(self.path, rows)
        self._file = open(self.path, "a", encoding="utf-8", newline="")  # noqa: SIM115 - until close
        self._writer = csv.DictWriter(self._file, self._columns)
        if self._file.tell() == 0:
            self._writer.writeheader()
            self._file.flush()

    def append(self, row: Mapping[str, Any]) -> None:
        self._writer.writerow(row)
        self._file.flush()

    def read(self) -> list[dict[str, str]]:
        with open(self.path, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def close(self) -> None:
        self._file.close()


def _tensorboard(folder: Path, step: int) -> Any:
    """A writer that forgets what lies after this step; None where TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1)
