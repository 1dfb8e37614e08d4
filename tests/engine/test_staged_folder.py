"""A folder is in its place whole or not at all, whatever happens while it is filled."""

import errno
from pathlib import Path

import pytest

from rebounce.engine.errors import OutputError
from rebounce.engine.staged_folder import staged_folder


def fill(folder: Path, text: str = "new") -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "a.txt").write_text(text, encoding="utf-8")


def read(folder: Path) -> str:
    return (folder / "inner" / "a.txt").read_text(encoding="utf-8")


def old(target: Path) -> Path:
    target.mkdir()
    fill(target, "old")
    return target


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_folder_is_seen_once_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "out" / "package"
    with staged_folder(target) as part:
        fill(part)
        assert not target.exists()
    assert read(target) == "new"
    assert everything(tmp_path) == ["out", "out/package", "out/package/inner", "out/package/inner/a.txt"]


@pytest.mark.parametrize("problem", [ValueError(), KeyboardInterrupt()])
def test_a_failure_leaves_nothing(tmp_path: Path, problem: BaseException) -> None:
    def fail() -> None:
        with staged_folder(tmp_path / "package") as part:
            fill(part)
            raise problem

    with pytest.raises(type(problem)):
        fail()
    assert everything(tmp_path) == []


def test_a_full_disk_is_told_as_one_and_leaves_what_was_there(tmp_path: Path) -> None:
    target = old(tmp_path / "package")

    def fail() -> None:
        with staged_folder(target, lambda folder: True) as part:
            fill(part)
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match="the disk is full"):
        fail()
    assert (read(target), [path.name for path in tmp_path.iterdir()]) == ("old", ["package"])


def test_a_folder_that_is_there_is_refused_before_any_work(tmp_path: Path) -> None:
    target = old(tmp_path / "package")
    with pytest.raises(OutputError, match="package: it is there already; add --force"), staged_folder(target):
        pytest.fail("the block must not begin")
    assert read(target) == "old"


def test_a_folder_is_replaced_where_that_is_allowed(tmp_path: Path) -> None:
    target = old(tmp_path / "package")
    (target / "only in the old").touch()
    with staged_folder(target, lambda folder: read(folder) == "old") as part:
        fill(part)
        assert read(target) == "old"
    assert everything(tmp_path) == ["package", "package/inner", "package/inner/a.txt"]
    assert read(target) == "new"


def test_a_folder_that_may_not_go_stays(tmp_path: Path) -> None:
    target = old(tmp_path / "package")
    with (
        pytest.raises(OutputError, match="expected a folder that an export made"),
        staged_folder(target, lambda folder: False),
    ):
        pytest.fail("the block must not begin")
    assert read(target) == "old"


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".package.rebounce.part"
    left.mkdir()
    fill(left, "half")
    with staged_folder(tmp_path / "package") as part:
        assert everything(part) == []
        fill(part)
    assert [path.name for path in tmp_path.iterdir()] == ["package"]


def test_a_run_that_was_killed_between_its_renames_is_mended(tmp_path: Path) -> None:
    target, aside = tmp_path / "package", old(tmp_path / ".package.rebounce.old")
    with pytest.raises(OutputError, match="it is there already"), staged_folder(target):
        pytest.fail("the block must not begin")
    assert (read(target), aside.exists()) == ("old", False)


def test_what_was_replaced_and_not_yet_removed_goes(tmp_path: Path) -> None:
    target = tmp_path / "package"
    for folder in (target, tmp_path / ".package.rebounce.old"):
        old(folder)
    with staged_folder(target, lambda folder: True) as part:
        fill(part)
    assert (read(target), [path.name for path in tmp_path.iterdir()]) == ("new", ["package"])


def test_two_runs_never_fill_the_same_folder(tmp_path: Path) -> None:
    target = tmp_path / "package"
    with staged_folder(target) as part:
        fill(part)
        with pytest.raises(OutputError, match="another rebounce works on this folder"), staged_folder(target):
            pytest.fail("the block must not begin")
    assert read(target) == "new"


def test_a_target_that_appeared_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "package"

    def race() -> None:
        with staged_folder(target) as part:
            fill(part)
            old(target)

    with pytest.raises(OutputError, match="it is there already"):
        race()
    assert (read(target), [path.name for path in tmp_path.iterdir()]) == ("old", ["package"])
