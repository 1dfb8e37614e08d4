import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mounting import mount_memory, own_mounts
from page_folders import drop, folder_at, mix

from rebounce.watchers.processes import process_of
from rebounce.watchers.web import darkroom as module
from rebounce.watchers.web.darkroom import Darkroom, Sides


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def darkroom(place: Path) -> Iterator[Darkroom]:
    room = Darkroom()
    yield room
    room.close()


def sides(tmp_path: Path, seed: int = 0) -> Sides:
    watched = folder_at(tmp_path / "Bounces")
    return {"before": str(drop(watched, f"Mix {seed}.aiff", mix(0.5, seed=seed))), "after": None}


def made(room: Darkroom, key: str, wanted: Sides) -> dict[str, object]:
    while (sights := room.sights(key, wanted)) is None:
        time.sleep(0.02)
    return sights


def test_what_was_made_is_kept_and_goes_at_the_end(darkroom: Darkroom, place: Path, tmp_path: Path) -> None:
    assert not list(place.iterdir())  # nothing before somebody asks
    about = made(darkroom, "a", sides(tmp_path))
    assert about["problem"] is None
    picture = darkroom.place("a", "before-wave.png")
    assert picture is not None
    assert darkroom.sights("a", {"before": "never read again", "after": None}) == about
    assert darkroom.place("b", "before-wave.png") is None
    assert darkroom.place("a", "after-wave.png") is None
    darkroom.close()
    assert not list(place.iterdir())


def test_what_cannot_be_made_is_said_once_and_tried_again_when_asked_again(darkroom: Darkroom, tmp_path: Path) -> None:
    wanted = sides(tmp_path)
    path = Path(str(wanted["before"]))
    data = path.read_bytes()
    path.write_bytes(b"no audio")
    assert "not an audio file" in str(made(darkroom, "a", wanted)["problem"])
    path.write_bytes(data)
    assert made(darkroom, "a", wanted)["problem"] is None


def test_a_temporary_folder_that_is_not_there_is_said(darkroom: Darkroom, place: Path, tmp_path: Path) -> None:
    wanted = sides(tmp_path)
    place.rmdir()
    assert made(darkroom, "a", wanted)["problem"] == "the pictures could not be made (No such file or directory)"
    place.mkdir()
    assert made(darkroom, "a", wanted)["problem"] is None


def test_what_takes_too_long_is_given_up(place: Path, tmp_path: Path) -> None:
    room = Darkroom(longest_s=0.05)
    assert "longer than" in str(made(room, "a", sides(tmp_path))["problem"])
    room.close()
    assert not list(place.iterdir())


def test_closing_ends_the_child_at_work(darkroom: Darkroom, place: Path, tmp_path: Path) -> None:
    assert darkroom.sights("a", sides(tmp_path)) is None
    while darkroom._child is None:
        time.sleep(0.01)
    child = darkroom._child
    darkroom.close()
    assert child.poll() is not None
    assert not list(place.iterdir())


def test_what_is_kept_is_bounded(darkroom: Darkroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    for number in range(3):
        made(darkroom, str(number), sides(tmp_path, number))
    assert [darkroom.place(str(number), "before-wave.png") is not None for number in range(3)] == [False, True, True]
    monkeypatch.setattr(module, "MOST_KEPT_BYTES", 1)
    made(darkroom, "3", sides(tmp_path, 3))
    assert [darkroom.place(str(number), "before-wave.png") is not None for number in range(4)] == [False] * 3 + [True]


def test_what_a_killed_process_left_is_swept_and_that_of_a_living_one_is_not(
    darkroom: Darkroom, place: Path, tmp_path: Path
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as gone:
        owner = process_of(gone.pid)
        assert gone.stdin is not None
        gone.stdin.close()
    for name, told in (("rebounce-page-gone", owner), ("rebounce-page-here", process_of(os.getpid()))):
        (place / name).mkdir()
        (place / name / "owner.json").write_text(json.dumps(told.to_dict()))
    (place / "rebounce-page-strange").mkdir()
    made(darkroom, "a", sides(tmp_path))
    names = {path.name for path in place.iterdir()}
    assert "rebounce-page-gone" not in names
    assert {"rebounce-page-here", "rebounce-page-strange"} <= names


def test_what_the_system_swept_away_is_made_again(darkroom: Darkroom, place: Path, tmp_path: Path) -> None:
    wanted, other = sides(tmp_path, 0), sides(tmp_path, 1)
    made(darkroom, "a", wanted)
    made(darkroom, "b", other)
    for folder in place.iterdir():
        shutil.rmtree(folder)
    assert darkroom.place("a", "before-wave.png") is None
    assert darkroom.sights("a", wanted) is None  # not ready: it is being made
    assert made(darkroom, "a", wanted)["problem"] is None
    assert darkroom.place("a", "before-wave.png") is not None
    assert made(darkroom, "b", other)["problem"] is None
    assert darkroom.place("b", "before-wave.png") is not None
    darkroom.close()
    assert not list(place.iterdir())


@pytest.mark.parametrize("swept", ["*/a/before.wav", "*/a/before-spectrum.png", "*/owner.json"])
def test_what_the_system_swept_away_in_part_is_made_again(
    darkroom: Darkroom, place: Path, tmp_path: Path, swept: str
) -> None:
    wanted = sides(tmp_path)
    made(darkroom, "a", wanted)
    (gone,) = place.glob(swept)
    gone.unlink()
    assert made(darkroom, "a", wanted)["problem"] is None
    assert made(darkroom, "b", sides(tmp_path, 1))["problem"] is None
    assert made(darkroom, "a", wanted)["problem"] is None
    assert darkroom.place("a", "before.wav") is not None
    assert darkroom.place("a", "before-spectrum.png") is not None
    assert len(list(place.iterdir())) == 1
    darkroom.close()
    assert not list(place.iterdir())


ASKING = """
import json, sys, tempfile, time
from pathlib import Path
tempfile.tempdir = sys.argv[2]  # as when it was chosen before the disk was full
from rebounce.watchers.web.darkroom import Darkroom
room, problems = Darkroom(), []
for key, sides in enumerate(json.loads(sys.argv[1])):
    while (sights := room.sights(str(key), sides)) is None:
        time.sleep(0.02)
    problems.append(sights["problem"])
kept = [path.parent.name for path in Path(tempfile.gettempdir()).glob("*/*/before-wave.png")]
room.close()
print(json.dumps([problems, kept]))
"""
"""In a process of its own: a thread that still knows a disk of a test keeps the test from leaving it."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Where temporary files go, on a disk of its own of 8 MiB."""
    with own_mounts():
        yield mount_memory(tmp_path / "temporary", 8)


def asked_on(disk: Path, *wanted: Sides) -> tuple[list[str | None], list[str]]:
    """Ask a darkroom on that disk for one after the other; the problems it had, and the keys it kept."""
    command = [sys.executable, "-c", ASKING, json.dumps(wanted), str(disk)]
    done = subprocess.run(command, capture_output=True, check=True)
    problems, kept = json.loads(done.stdout)
    return problems, kept


def test_a_full_disk_is_said_with_what_is_needed_and_gone_when_there_is_room(small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "other").write_bytes(bytes(6_000_000))
    (problem,), _ = asked_on(small_disk, sides(tmp_path))
    assert problem is not None
    assert problem.startswith(f"the disk of the temporary folder {small_disk} is full (4.1 MB are needed, ")
    assert "TMPDIR" in problem
    (small_disk / "other").unlink()
    assert asked_on(small_disk, sides(tmp_path)) == ([None], ["0"])


def test_a_disk_without_a_single_byte_left_is_said_too(small_disk: Path, tmp_path: Path) -> None:
    with (small_disk / "other").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    (problem,), _ = asked_on(small_disk, sides(tmp_path))
    assert problem is not None
    assert "is full (" in problem
    assert [path.name for path in small_disk.iterdir()] == ["other"]


def test_what_is_kept_makes_room_for_what_is_asked_for_now(small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "other").write_bytes(bytes(shutil.disk_usage(small_disk).free - 4_150_000))
    assert asked_on(small_disk, sides(tmp_path, 0), sides(tmp_path, 1)) == ([None, None], ["1"])
