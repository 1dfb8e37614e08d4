"""`rebounce prepare` killed, interrupted, out of room: what is there stays valid, and the next run goes on from it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Outcome, command_of, files_below, interrupt, parts, rebounce, start, wait_until, workers
from preparing_masters import call, write_setting

from rebounce.training.bundle import read_bundle

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and sends POSIX signals")

MASTERS = 4
SOON_S = 10.0


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_setting(tmp_path_factory.mktemp("setting"), MASTERS, seconds=3.0)


@pytest.fixture(scope="module")
def uninterrupted(setting: Path) -> dict[str, bytes]:
    """What a run without any trouble leaves."""
    done = rebounce(*call(setting, setting / "out", "--json"))
    assert (done.code, len(done.records)) == (0, 2 * MASTERS)
    return content(setting / "out")


def content(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_below(folder)}


def bundles(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def test_a_killed_run_leaves_valid_bundles_and_is_continued_byte_for_byte(
    setting: Path, tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    with start(*call(setting, tmp_path, "--jobs", 2)) as process:
        wait_until(lambda: len(bundles(tmp_path)) >= 2, process)
        inside = workers(process.pid)
        interrupt(process, signal.SIGKILL)
    wait_until(lambda: not any("spawn_main" in command_of(pid) for pid in inside))
    left = len(bundles(tmp_path))
    assert 2 <= left < 2 * MASTERS
    for path in bundles(tmp_path):
        read_bundle(path)
    (tmp_path / "1/train").mkdir(parents=True, exist_ok=True)
    (tmp_path / "1/train/.x.safetensors.rebounce.part").write_bytes(b"left by the kill")
    again = rebounce(*call(setting, tmp_path, "--json"))
    assert again.code == 0
    assert [record["status"] for record in again.records].count("kept") == left
    assert content(tmp_path) == uninterrupted


def test_ctrl_c_ends_soon_and_leaves_no_partial_file(
    setting: Path, tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    with start(*call(setting, tmp_path, "--jobs", 2), new_session=True) as process:
        wait_until(lambda: len(bundles(tmp_path)) >= 1, process)
        os.killpg(process.pid, signal.SIGINT)
        done, seconds = interrupt(process, signal.SIGINT)
    check_interrupted(done, seconds, tmp_path)
    assert content(tmp_path).items() < uninterrupted.items()


def test_a_second_run_in_a_folder_is_refused_and_does_not_disturb_the_first(
    setting: Path, tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    with start(*call(setting, tmp_path, "--items", 50)) as process:
        wait_until(lambda: len(bundles(tmp_path)) >= 1, process)
        second = rebounce(*call(setting, tmp_path, "--items", 50))
        assert second.code == 1
        assert f"{tmp_path}: another rebounce prepares into this folder" in second.err
        done, seconds = interrupt(process, signal.SIGINT)
    first_items = {name: data for name, data in content(tmp_path).items() if name.endswith(("-0.safetensors", ".json"))}
    assert first_items.items() <= uninterrupted.items()
    check_interrupted(done, seconds, tmp_path)


def check_interrupted(done: Outcome, seconds: float, folder: Path) -> None:
    """Soon, with the exit code that says so, and nothing left but whole bundles."""
    assert (done.code, seconds < SOON_S) == (130, True)
    assert done.err.strip() == "rebounce: interrupted; nothing half-written was left behind"
    assert parts(folder) == []
    for path in bundles(folder):
        read_bundle(path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1600k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root on Linux can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_without_room_is_refused_before_the_work(setting: Path, small_disk: Path) -> None:
    done = rebounce(*call(setting, small_disk / "out", "--items", 50))
    assert done.code == 1
    assert "of room for 400 of 400 bundles, found 1." in done.err
    assert files_below(small_disk) == []


def test_a_disk_that_fills_up_stops_the_run_and_spoils_nothing(
    setting: Path, small_disk: Path, uninterrupted: dict[str, bytes]
) -> None:
    out = small_disk / "out"
    with start(*call(setting, out)) as process:
        wait_until(lambda: len(bundles(out)) >= 1, process)
        # Less than what is left free on any disk, and more than the largest part.
        (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free - 500_000))
        out_text, err_text = process.communicate()
    assert (process.returncode, b"Traceback" in out_text + err_text) == (1, False)
    assert f"{out}: the disk is full: ".encode() in err_text
    assert b"free some space and run the same command again" in err_text
    assert parts(out) == []
    assert content(out).items() < uninterrupted.items()
    (small_disk / "filler").unlink()
    assert rebounce(*call(setting, out, "-q")).code == 0
    assert content(out) == uninterrupted
