"""The logs: every row once, also after a kill, and for TensorBoard the same numbers."""

import csv
import subprocess
import sys
from pathlib import Path

from rebounce.training.trainer.logs import EPOCHS, STEPS, Logs, Row, epoch_columns, epoch_row

COLUMNS = epoch_columns(["token", "mel"], ["accuracy"])


def step(number: int) -> Row:
    return {"stage": "0", "epoch": 0, "step": number, "windows": 4 * number, "loss": 1 / number}


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with open(folder / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_an_epoch_has_a_column_for_every_loss_and_leaves_those_empty_that_it_lacks(tmp_path: Path) -> None:
    kept: dict[str, int] = {}
    logs = Logs(tmp_path, COLUMNS, kept, 0)
    head = {"stage": "0", "epoch": 1, "step": 8, "batch": 4, "learning_rate": 1e-3, "seconds": 2.0}
    logs.epoch(epoch_row(head, {"loss": 1.0, "token": 1.0}, {"loss": 2.0, "token": 2.0, "accuracy": 0.5}))
    logs.close()
    (row,) = rows(tmp_path, EPOCHS)
    assert list(row) == list(COLUMNS)
    assert (row["training.token"], row["validation.accuracy"], row["training.mel"]) == ("1.0", "0.5", "")
    assert kept == {EPOCHS: 1, STEPS: 0}


def test_rows_after_the_state_that_is_gone_on_from_are_forgotten(tmp_path: Path) -> None:
    logs = Logs(tmp_path, COLUMNS, {}, 0)
    for number in range(1, 8):
        logs.step(step(number))
    logs.close()
    again = Logs(tmp_path, COLUMNS, {STEPS: 4, EPOCHS: 0}, 4)
    for number in range(5, 10):
        again.step(step(number))
    kept = {STEPS: 2, EPOCHS: 0}
    again.go_back(kept, 2)
    again.step(step(3))
    again.close()
    assert [row["step"] for row in rows(tmp_path, STEPS)] == ["1", "2", "3"]
    assert kept[STEPS] == 3


def test_tensorboard_has_the_numbers_of_the_log(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
        EventAccumulator,
    )

    logs = Logs(tmp_path, COLUMNS, {}, 0)
    for number in range(1, 4):
        logs.step(step(number))
    logs.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = {event.step: event.value for event in events.Scalars("steps/loss")}
    assert {number: round(value, 4) for number, value in found.items()} == {1: 1.0, 2: 0.5, 3: 0.3333}


def test_without_tensorboard_the_rest_is_written(tmp_path: Path) -> None:
    """A fresh interpreter in which TensorBoard cannot be imported."""
    code = (
        "import sys\n"
        "sys.modules['torch.utils.tensorboard'] = None\n"
        "from pathlib import Path\n"
        "from rebounce.training.trainer.logs import Logs\n"
        f"logs = Logs(Path({str(tmp_path)!r}), ['stage', 'step'], {{}}, 0)\n"
        "logs.epoch({'stage': '0', 'step': 1})\n"
        "logs.close()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert rows(tmp_path, EPOCHS) == [{"stage": "0", "step": "1"}]
    assert not (tmp_path / "tensorboard").exists()
