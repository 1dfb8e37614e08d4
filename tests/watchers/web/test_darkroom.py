import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
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
