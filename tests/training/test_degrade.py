"""Pairs on disk: exactly what the record says was done, whole or not there at all."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pair_making import RATE_HZ, forced, gain_recipe, made_of, read, task, write
from picture_reading import read_png
from signals import noise

from rebounce.engine.errors import OutputError, UnreadableFile
from rebounce.training.damage import damage_from_data
from rebounce.training.degrade import degrade
from rebounce.training.exercise import exercise_of_recipe, exercise_of_stage
from rebounce.training.pair_record import standing_record
from rebounce.training.pair_storage import Wish
from rebounce.training.pair_task import Task
from rebounce.training.recipes import load_curriculum, load_recipe
from rebounce.training.tracks import open_track

CURRICULUM = load_curriculum("token-unet")
# As many as it takes for each split to have one.
TRACKS = 25


def test_identity_gives_two_equal_sides(tmp_path: Path) -> None:
    made = task(write(tmp_path / "a.wav", noise(1000)), tmp_path / "out", exercise_of_stage(CURRICULUM, "0"))
    assert made_of(made)["damage"] == []
    assert made.clean.read_bytes() == made.damaged.read_bytes()


def test_a_second_run_gives_equal_bytes_and_so_does_the_track_under_another_name(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", noise(RATE_HZ))
    other = Path(shutil.copy(source, tmp_path / "renamed.wav"))
    first = task(source, tmp_path / "one", has_pictures=True)
    tasks = [first, task(source, tmp_path / "two", has_pictures=True), task(other, tmp_path / "three")]
    records = [made_of(one) for one in tasks]
    for mine, theirs in zip(first.targets, tasks[1].targets, strict=True):
        assert mine.read_bytes() == theirs.read_bytes()
    assert tasks[2].damaged.read_bytes() == first.damaged.read_bytes()
    assert records[2] == records[0] | {"source": "renamed.wav"}


def test_no_track_is_in_two_splits_whatever_the_stage_and_seed(tmp_path: Path) -> None:
    """The leak that a curriculum invites: a track, perhaps a copy of it, that trains one stage and tests another."""
    splits: dict[str, set[str]] = {}
    for number in range(TRACKS):
        source = write(tmp_path / f"{number}.wav", noise(50, seed=number))
        for stage in CURRICULUM.stages:
            made = task(source, tmp_path / "out", exercise_of_stage(CURRICULUM, stage.name), number, is_forced=True)
            record = made_of(made)
            splits.setdefault(record["source_sha256"], set()).add(record["split"])
    assert len(splits) == TRACKS
    assert all(len(names) == 1 for names in splits.values())
    assert set().union(*splits.values()) == {"train", "validation", "test"}


def test_integers_get_one_gain_for_both_sides_and_the_record_says_it(tmp_path: Path) -> None:
    loud = exercise_of_recipe(load_recipe(gain_recipe(tmp_path, "gain_db = 12")))
    audio = noise(RATE_HZ, level=0.2).clip(-0.9, 0.9)
    source = write(tmp_path / "a.wav", audio)
    floats = task(source, tmp_path / "floats", loud)
    integers = task(source, tmp_path / "integers", loud, wish=Wish(bit_depth="24"))
    assert made_of(floats)["gain_db"] == 0
    assert np.abs(read(floats.damaged)).max() > 3
    gain_db = made_of(integers)["gain_db"]
    gain = 10 ** (gain_db / 20)
    assert gain_db == pytest.approx(-12 + 20 * np.log10(1 / 0.9), abs=0.01)
    for side in ("clean", "damaged"):
        whole, kept = read(getattr(floats, side)), read(getattr(integers, side))
        np.testing.assert_allclose(kept, whole * gain, atol=2**-22)
        assert np.abs(kept).max() < 1


def test_pictures_show_both_sides_up_to_half_the_sample_rate(tmp_path: Path) -> None:
    dull = exercise_of_recipe(load_recipe(gain_recipe(tmp_path, "gain_db = -60")))
    made = task(write(tmp_path / "a.wav", noise(RATE_HZ)), tmp_path / "out", dull, has_pictures=True)
    made_of(made)
    clean, damaged = (read_png(path.read_bytes()) for path in made.pictures)
    assert clean.shape == damaged.shape
    assert clean.mean() > 3 * damaged.mean()


def test_what_is_there_already_is_an_error_that_names_force_and_stays_as_it_is(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", noise(1000))
    made = task(source, tmp_path / "out")
    made.damaged.parent.mkdir(parents=True)
    made.damaged.write_bytes(b"mine")
    with pytest.raises(OutputError, match="add --force to replace it"):
        made_of(made)
    assert made.damaged.read_bytes() == b"mine"
    assert _files(tmp_path / "out") == ["damaged/a.wav"]
    made_of(forced(made))
    assert _files(tmp_path / "out") == ["clean/a.wav", "damaged/a.json", "damaged/a.wav"]


def test_a_source_that_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    audio = noise(RATE_HZ)
    audio[0, -1] = np.inf
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    for source in (write(tmp_path / "nan.wav", audio, subtype="FLOAT"), broken):
        with pytest.raises(UnreadableFile, match=source.name):
            made_of(task(source, tmp_path / "out"))
    assert _files(tmp_path / "out") == []


def fail_at(monkeypatch: pytest.MonkeyPatch, last: int, failing: Callable[[], None]) -> list[int]:
    """Have the one fsync of that number fail. Each published file has two: its own, and then that of its folder."""
    synced: list[int] = []
    fsync = os.fsync

    def counted(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == last:
            failing()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    return synced


def full_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("last", range(1, 7))
def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
    source = write(tmp_path / "a.wav", noise(RATE_HZ))
    synced = fail_at(monkeypatch, last, full_disk)
    with pytest.raises(OutputError, match="the disk is full"):
        degrade(task(source, tmp_path / "out"))
    assert len(synced) == last
    assert _files(tmp_path / "out") == []


@pytest.mark.parametrize("last", range(1, 8))
def test_a_pair_that_could_not_be_replaced_is_whole_or_has_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    source = write(tmp_path / "a.wav", noise(RATE_HZ))
    made_of(task(source, tmp_path / "out"))
    fail_at(monkeypatch, last, full_disk)
    with pytest.raises(OutputError, match="the disk is full"):
        degrade(forced(task(source, tmp_path / "out", seed=1)))
    # The first is that of the folder out of which the record went, and no side ever goes without another in its place.
    assert _files(tmp_path / "out") == ["clean/a.wav", "damaged/a.wav"]


def killed_at(task: Task, last: int) -> None:
    """Make a pair in a process that ends on the spot at the fsync of that number."""
    with pytest.MonkeyPatch.context() as patch:
        fail_at(patch, last, lambda: os._exit(9))
        degrade(task)


@pytest.mark.parametrize("last", [3, 5, 7])
def test_a_run_that_is_killed_while_it_replaces_a_pair_leaves_no_record_of_what_is_not_so(
    tmp_path: Path, last: int
) -> None:
    source = write(tmp_path / "a.wav", noise(RATE_HZ))
    made_of(task(source, tmp_path / "out", seconds=0.1, has_pictures=True))
    again = forced(task(source, tmp_path / "out", seed=1, seconds=0.2))
    child = get_context("spawn").Process(target=killed_at, args=(again, last))
    child.start()
    child.join()
    assert child.exitcode == 9
    left = [name for name in _files(tmp_path / "out") if not name.endswith(".part")]
    # The seventh is that of the folder after the record itself, when all is done.
    assert left == ["clean/a.wav", *(["damaged/a.json"] if last == 7 else []), "damaged/a.wav"]
    assert made_of(again)["seed"] == 1
    assert standing_record(again, open_track(source), damage_from_data(_record(again)["damage"])) is not None


def test_a_file_that_came_meanwhile_stays_and_nothing_of_the_pair_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = task(write(tmp_path / "a.wav", noise(1000)), tmp_path / "out")

    def come_meanwhile() -> None:
        made.damaged.write_bytes(b"mine")

    fail_at(monkeypatch, 3, come_meanwhile)
    with pytest.raises(OutputError, match="add --force to replace it"):
        degrade(made)
    assert _files(tmp_path / "out") == ["damaged/a.wav"]
    assert made.damaged.read_bytes() == b"mine"


def test_pictures_of_a_pair_that_was_replaced_do_not_stay(tmp_path: Path) -> None:
    made = task(write(tmp_path / "a.wav", noise(RATE_HZ)), tmp_path / "out", has_pictures=True)
    made_of(made)
    made_of(forced(task(made.source, tmp_path / "out", seed=1)))
    assert _files(tmp_path / "out") == ["clean/a.wav", "damaged/a.json", "damaged/a.wav"]


def test_a_name_too_long_is_told_before_any_work(tmp_path: Path) -> None:
    source = write(tmp_path / f"{'x' * 251}.wav", noise(1000))
    with pytest.raises(OutputError, match="would have a name too long for the file system"):
        degrade(task(source, tmp_path / "out"))
    assert _files(tmp_path / "out") == []


def test_a_length_beyond_every_track_is_the_whole_track(tmp_path: Path) -> None:
    assert made_of(task(write(tmp_path / "a.wav", noise(1000)), tmp_path / "out", seconds=1e308))["frames"] == 1000


def _record(task: Task) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(task.record.read_text(encoding="utf-8"))
    return record


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
