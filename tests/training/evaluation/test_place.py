"""The folder of an evaluation: whose files are touched, and what a run leaves that ended at any moment."""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from commands import files_below

from rebounce.engine.errors import OutputError, UsageError
from rebounce.training.evaluation.place import PART_NAME, refuse_inside, swap_in, taken

NAMES = ["index.html", "gain", "gain.html"]


def told(files: Iterable[str]) -> str:
    return json.dumps({"schema": 1, "files": list(files)})


def evaluate(folder: Path, content: dict[str, str], is_forced: bool = False) -> None:
    """An evaluation with these files."""
    with taken(folder, NAMES, is_forced) as part:
        for name, text in content.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_text(text)
        swap_in(folder, content, told(content))


def texts(folder: Path) -> dict[str, str]:
    """Every file below the folder but `evaluation.json`."""
    return {name: (folder / name).read_text() for name in files_below(folder) if name != "evaluation.json"}


OLD = {"index.html": "old", "gain.html": "old", "gain/1/clean.flac": "old"}
NEW = {"index.html": "new", "eq.html": "new", "eq/1/clean.flac": "new", "gain/2/clean.flac": "new"}


def test_a_run_without_a_result_leaves_nothing_not_even_the_folder(tmp_path: Path) -> None:
    with taken(tmp_path / "a" / "b", NAMES, False) as part:
        (part / "index.html").write_text("half")
    assert list(tmp_path.iterdir()) == []


def test_the_new_takes_the_place_of_the_old_and_of_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    evaluate(folder, OLD)
    assert texts(folder) == OLD
    (folder / "gain/1/mine.txt").write_text("mine")
    (tmp_path / "other.txt").write_text("mine")
    (folder / "evaluation.json").write_text(told([*OLD, "../other.txt"]))
    with pytest.raises(UsageError, match="add --force"):
        evaluate(folder, NEW)
    evaluate(folder, NEW, is_forced=True)
    assert texts(folder) == {**NEW, "gain/1/mine.txt": "mine"}
    assert json.loads((folder / "evaluation.json").read_text())["files"] == list(NEW)
    assert texts(tmp_path)["other.txt"] == "mine"
    evaluate(folder, OLD, is_forced=True)
    assert not (folder / "eq").exists()


@pytest.mark.parametrize("is_forced", [False, True])
@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("notes.txt", "mine", "expected an empty folder or an earlier evaluation, found 'notes.txt'"),
        ("scores.csv", "mine", "found 'scores.csv'"),
        ("evaluation.json", '{"loss": 1}', "expected an evaluation that rebounce wrote"),
        ("evaluation.json", '{"schema": 1, "files": [7]}', "expected an evaluation that rebounce wrote"),
        ("evaluation.json", "", "expected an evaluation that rebounce wrote"),
    ],
)
def test_a_folder_with_anything_else_in_it_is_refused(
    name: str, text: str, words: str, is_forced: bool, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=words):
        evaluate(tmp_path, OLD, is_forced)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: text}


def test_what_is_hidden_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").write_text("")
    evaluate(tmp_path, OLD)
    assert texts(tmp_path) == {**OLD, ".DS_Store": ""}


@pytest.mark.parametrize(("strange", "error"), [("gain.html", UsageError), ("gain/2/clean.flac", OutputError)])
def test_a_strangers_file_beside_an_evaluation_is_not_replaced(
    strange: str, error: type[Exception], tmp_path: Path
) -> None:
    old = {"index.html": "old"}
    evaluate(tmp_path, old)
    (tmp_path / strange).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / strange).write_text("mine")
    with pytest.raises(error, match="no earlier one did"):
        evaluate(tmp_path, NEW, is_forced=True)
    assert texts(tmp_path) == {**old, strange: "mine"}


def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    evaluate(tmp_path / "out", {"index.html": "old"})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out/gain").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="no earlier one did"):
        evaluate(tmp_path / "out", NEW, is_forced=True)
    assert texts(tmp_path / "elsewhere") == {}


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("old", [{}, OLD])
def test_ended_after_any_step_it_is_the_old_or_the_next_run_completes_the_new(
    old: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = Path.replace, set()
    for last in range(9):
        folder = tmp_path / str(last)
        if old:
            evaluate(folder, old)
        left = iter(range(last))

        def replace(path: Path, target: Path, left: Iterable[int] = left) -> Path:
            if next(iter(left), None) is None:
                raise Killed
            return real(path, target)

        monkeypatch.setattr(Path, "replace", replace)
        with contextlib.suppress(Killed):
            evaluate(folder, NEW, is_forced=True)
        monkeypatch.setattr(Path, "replace", real)
        with pytest.raises(UsageError) if folder.exists() else contextlib.suppress(Killed):
            evaluate(folder, OLD)
        found = texts(folder)
        assert found in (old, NEW, OLD)
        seen.add(found == NEW)
        assert not (folder / PART_NAME).exists()
    assert seen == {True, False}


def test_what_a_killed_run_left_before_the_swap_is_swept(tmp_path: Path) -> None:
    (tmp_path / PART_NAME).mkdir()
    (tmp_path / PART_NAME / "index.html").write_text("half")
    evaluate(tmp_path, OLD)
    assert texts(tmp_path) == OLD


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with taken(tmp_path, NAMES, False), pytest.raises(OutputError, match="another rebounce evaluates into it"):
        evaluate(tmp_path, OLD)


def test_a_folder_that_cannot_be_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="cannot be written"):
        evaluate(tmp_path / "file" / "out", OLD)


@pytest.mark.parametrize(
    ("given", "output", "is_refused"),
    [
        ("clean", "clean/out", True),
        ("clean", "clean", True),
        ("clean", "out", False),
        ("clean/a.wav", "clean/out", False),
        ("*.wav", "out", False),
        ("clean/*.wav", "clean/out", False),
        ("clean/*", "clean/out", True),
        ("clean/*", "clean/out/deeper", True),
        ("clean/*/*.wav", "clean/out", True),
        ("clean/**/*.wav", "clean/out", True),
        ("clean/**/*.wav", "out", False),
        ("cl*", "clean/out", True),
    ],
)
def test_a_folder_where_a_next_run_would_find_results_is_refused(
    given: str, output: str, is_refused: bool, tmp_path: Path
) -> None:
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean" / "a.wav").write_text("")
    expected = pytest.raises(UsageError, match="beside it") if is_refused else contextlib.nullcontext()
    with expected:
        refuse_inside([str(tmp_path / given)], tmp_path / output)
