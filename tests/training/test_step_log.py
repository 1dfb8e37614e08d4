"""A table that grows with a training, and what becomes of it when the training is cut off."""

from pathlib import Path

import pytest

from rebounce.engine.errors import OutputError
from rebounce.training.step_log import StepLog


def filled(path: Path, steps: range, after_step: int = 0) -> None:
    log = StepLog(path, ("loss", "score"), after_step)
    for step in steps:
        log.add(step, {"loss": 1 / step, "score": None})


def test_rows_are_there_at_once_and_exact(tmp_path: Path) -> None:
    filled(tmp_path / "log.csv", range(1, 4))
    assert (tmp_path / "log.csv").read_text() == f"step,loss,score\n1,1.0,\n2,0.5,\n3,{1 / 3!r},\n"


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_rows_of_steps_that_are_made_again_are_not_there_twice(tmp_path: Path, cut: int) -> None:
    filled(tmp_path / "whole.csv", range(1, 8))
    path = tmp_path / "log.csv"
    filled(path, range(1, 6))
    path.write_bytes(path.read_bytes()[: -cut or None])  # the last line may be cut off in the middle
    filled(path, range(4, 8), after_step=3)
    assert path.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_new_training_begins_a_new_table(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    filled(path, range(1, 6))
    filled(path, range(1, 2))
    assert path.read_text() == "step,loss,score\n1,1.0,\n"


def test_a_table_of_other_columns_is_not_written_into(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,other\n1,2\n")
    with pytest.raises(OutputError, match="expected the columns step, loss, score, found step, other"):
        StepLog(path, ("loss", "score"), 1)
    assert path.read_text() == "step,other\n1,2\n"


def test_a_table_that_is_gone_begins_anew(tmp_path: Path) -> None:
    filled(tmp_path / "log.csv", range(4, 5), after_step=3)
    assert (tmp_path / "log.csv").read_text() == "step,loss,score\n4,0.25,\n"
