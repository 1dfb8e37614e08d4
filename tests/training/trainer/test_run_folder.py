"""The folder of a run: files whole or not at all, and logs cut to what they were."""

from pathlib import Path

import pytest

from rebounce.engine.errors import ConfigError
from rebounce.training.trainer.run_folder import RunFolder, cut_rows, write_text

LOG = "step,loss\r\n1,0.5\r\n2,0.4\r\n3,0.3\r\n"


@pytest.mark.parametrize(
    ("written", "rows", "expected"),
    [
        (LOG, 3, LOG),
        (LOG, 2, "step,loss\r\n1,0.5\r\n2,0.4\r\n"),
        (LOG + "4,0", 3, LOG),  # cut off in the middle
        (LOG, 0, ""),
        ("ste", 0, ""),
    ],
)
def test_a_log_keeps_so_many_rows(tmp_path: Path, written: str, rows: int, expected: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(written.encode())
    cut_rows(path, rows)
    assert path.read_bytes().decode() == expected


def test_a_log_that_is_not_there_stays_so(tmp_path: Path) -> None:
    cut_rows(tmp_path / "log.csv", 0)
    assert list(tmp_path.iterdir()) == []


def test_text_is_replaced_and_leaves_no_part(tmp_path: Path) -> None:
    for text in ("one", "two"):
        write_text(tmp_path / "deep/a.txt", text)
    assert (tmp_path / "deep/a.txt").read_text() == "two"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", ["last.pt", "config.toml"])
def test_a_folder_with_a_run_in_it_is_not_new(tmp_path: Path, name: str) -> None:
    folder = RunFolder(path=tmp_path)
    folder.check_new()
    (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=r"there is a training in this folder already; add --resume"):
        folder.check_new()


def test_the_best_of_a_stage_becomes_the_best_of_all(tmp_path: Path) -> None:
    folder = RunFolder(path=tmp_path)
    for stage in ("0", "1-stronger"):
        write_text(folder.stage_best(stage), f"network of {stage}")
        folder.keep_overall(stage)
    assert folder.best.read_text() == "network of 1-stronger"


def test_the_batch_that_fits_is_remembered(tmp_path: Path) -> None:
    folder = RunFolder(path=tmp_path)
    assert folder.most_batch() is None
    folder.write_json("memory.json", {"most_batch": 3})
    assert folder.most_batch() == 3
