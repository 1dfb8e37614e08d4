"""`rebounce evaluate` stopped, killed, out of room: no half evaluation is ever seen, and no old one is lost."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import RATE_HZ, files_below, interrupt, parts, rebounce, start, wait_until, workers, write

from rebounce.training.evaluation.place import PART_NAME
from rebounce.training.music import make_mix

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and sends POSIX signals")

SOON_S = 10.0


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clean mixes."""
    folder = tmp_path_factory.mktemp("mixes") / "clean"
    for seed in range(2):
        write(folder / f"mix{seed}.wav", make_mix(seed, 5, RATE_HZ).audio)
    return folder


def call(clean: Path, out: Path, *more: object) -> list[object]:
    return ["evaluate", "--clean", clean, "--fault", "gain", "--seconds", 1, "--scores", "snr_db", "-o", out, *more]


def content(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_below(folder)}


def pictures(out: Path) -> int:
    """How many pictures of a new evaluation are there already, out of sight."""
    return len(list((out / PART_NAME).rglob("*.png")))


@pytest.fixture
def earlier(clean: Path, tmp_path: Path) -> Path:
    """A folder with an evaluation."""
    assert rebounce(*call(clean, tmp_path / "out", "--audio", 1)).code == 0
    return tmp_path / "out"


LONG = ("--preset", "five-stage", "--items", 6, "--audio", 10, "--jobs", 2)
"""Many items, many of them kept."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_it_publishes_it_leaves_nothing(clean: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = start(*call(clean, tmp_path / "out", *LONG), new_session=True)
    wait_until(lambda: pictures(tmp_path / "out") >= 2, process)
    done, seconds = interrupt(process, number)
    assert (done.code, seconds < SOON_S) == (130, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_measuring", [True, False])
def test_stopped_with_force_it_leaves_the_earlier_evaluation(clean: Path, earlier: Path, is_measuring: bool) -> None:
    before = content(earlier)
    process = start(*call(clean, earlier, "--force", *LONG), new_session=True)
    wait_until(lambda: len(workers(process.pid)) == 2 if is_measuring else pictures(earlier) >= 2, process)
    done, seconds = interrupt(process, signal.SIGINT)
    assert (done.code, seconds < SOON_S) == (130, True)
    assert content(earlier) == before
    assert parts(earlier) == []


def test_what_a_killed_run_left_is_swept_by_the_next(clean: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(*call(clean, out, *LONG[:-2]), new_session=True)
    wait_until(lambda: pictures(out) >= 2, process)
    interrupt(process, signal.SIGKILL)
    assert [name for name in files_below(out) if not name.startswith(".")] == []
    assert rebounce(*call(clean, out, "--no-audio", "-q")).code == 0
    assert files_below(out) == ["evaluation.json", "index.html", "scores.csv", "table.md"]


def test_two_runs_do_not_evaluate_into_one_folder(clean: Path, tmp_path: Path) -> None:
    process = start(*call(clean, tmp_path, *LONG), new_session=True)
    wait_until(lambda: len(workers(process.pid)) == 2, process)
    second = rebounce(*call(clean, tmp_path))
    interrupt(process, signal.SIGINT)
    assert (second.code, "another rebounce evaluates into it right now" in second.err) == (1, True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root on Linux can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_without_room_is_refused_before_the_work(clean: Path, small_disk: Path) -> None:
    out = small_disk / "out"
    done = rebounce(*call(clean, out, *LONG))
    assert (done.code, done.out) == (1, "")
    assert f"{out}: the disk is full (" in done.err
    assert list(small_disk.iterdir()) == []


def filled_up(clean: Path, out: Path, left_bytes: int, *more: object) -> tuple[Any, str]:
    """What a run says on stdout and stderr on a disk that is filled while it measures."""
    wanted = call(clean, out, "--preset", "five-stage", "--items", 6, "--audio", 1, "--jobs", 2, "--json", *more)
    with start(*wanted) as process:
        wait_until(lambda: len(workers(process.pid)) == 2, process)
        (out.parent / "filler").write_bytes(bytes(shutil.disk_usage(out.parent).free - left_bytes))
        out_text, err_text = process.communicate()
    assert (process.returncode, b"Traceback" in err_text) == (1, False)
    return json.loads(out_text), err_text.decode()


def test_a_disk_that_fills_up_costs_pages_which_is_told_everywhere(clean: Path, small_disk: Path) -> None:
    out = small_disk / "out"
    data, errors = filled_up(clean, out, 400_000)
    assert [problem.split(":")[0] for problem in data["problems"]] == ["gain.html", "do-no-harm.html"]
    assert all(f"failed       {problem}" in errors for problem in data["problems"])
    assert all("the disk is full" in problem for problem in data["problems"])
    assert data == json.loads((out / "evaluation.json").read_text())
    assert sorted([*data["files"], "evaluation.json"]) == files_below(out)
    assert "the disk is full" in (out / "table.md").read_text()
    assert "the disk is full" in (out / "index.html").read_text()
    assert parts(out) == []


def test_a_disk_that_is_full_costs_no_numbers_and_no_earlier_evaluation(clean: Path, small_disk: Path) -> None:
    out = small_disk / "out"
    assert rebounce(*call(clean, out, "--no-audio")).code == 0
    before = content(out)
    data, errors = filled_up(clean, out, 0, "--force")
    assert (data["files"], len(data["items"])) == ([], 2 * 6 * 2)
    assert f"{out}: the disk is full" in errors
    assert "written" not in errors.replace("was not written", "")
    assert content(out) == before
    assert parts(out) == []
