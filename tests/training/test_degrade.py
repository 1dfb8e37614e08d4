"""Pairs on disk: exactly what the record says was done, whole or not there at all."""

import errno
import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from picture_reading import read_png
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.errors import OutputError, UnreadableFile
from rebounce.training.damage import apply_damage, damage_from_data
from rebounce.training.degrade import Manner, Task, degrade
from rebounce.training.exercise import Exercise, exercise_of_recipe, exercise_of_stage
from rebounce.training.pair_storage import Wish
from rebounce.training.recipes import load_curriculum, load_recipe
from rebounce.training.tracks import split_of

RATE_HZ = 44_100
CURRICULUM = load_curriculum("token-unet")
# As many as it takes for each split to have one.
TRACKS = 25
README = exercise_of_recipe(load_recipe("readme"))


def task(source: Path, output: Path, exercise: Exercise = README, seed: int = 0, **manner: Any) -> Task:
    asked = Manner(exercise=exercise, output=output, wish=manner.pop("wish", Wish()), **manner)
    return Task(source=source, told=source.name, name=Path(source.stem), seed=seed, manner=asked)


def write(path: Path, audio: Audio, rate_hz: int = RATE_HZ, subtype: str = "PCM_24") -> Path:
    """Write a file without floats, into which libsndfile would put the time, and items would be others every time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio.T, rate_hz, subtype=subtype)
    return path


def read(path: Path) -> Audio:
    audio: Audio = soundfile.read(path, dtype="float32", always_2d=True)[0].T
    return audio


@pytest.mark.parametrize(("channels", "rate_hz"), [(1, 8_000), (2, 44_100), (2, 96_000), (3, 22_050)])
def test_the_record_is_all_that_is_needed_to_make_the_damaged_side_again(
    tmp_path: Path, channels: int, rate_hz: int
) -> None:
    source = write(tmp_path / "a.wav", noise(3 * rate_hz, channels=channels), rate_hz)
    audio = read(source)
    made = task(source, tmp_path / "out", seed=5, seconds=0.5)
    record = degrade(made)
    assert json.loads(made.record.read_text("utf-8")) == record
    start, lead_in, frames = (record[key] for key in ("start_frame", "lead_in_frames", "frames"))
    assert (frames, record["channels"], record["sample_rate_hz"]) == (rate_hz // 2, channels, rate_hz)
    heard = audio[:, start - lead_in : start + frames]
    again = apply_damage(heard, rate_hz, damage_from_data(record["damage"]))[:, lead_in:]
    assert np.array_equal(read(made.clean), heard[:, lead_in:])
    assert np.array_equal(read(made.damaged), again)
    assert record["damage"]
    assert not np.array_equal(read(made.damaged), read(made.clean))


def test_the_record_names_source_split_exercise_seed_and_versions(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", noise(1000))
    record = degrade(task(source, tmp_path / "out", seed=3))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    expected = {"source": "a.wav", "source_sha256": digest, "exercise": "readme", "seed": 3, "split": split_of(digest)}
    assert expected.items() <= record.items()
    assert {"rebounce", "numpy", "scipy", "pedalboard"} <= set(record["versions"])


def test_identity_gives_two_equal_sides(tmp_path: Path) -> None:
    made = task(write(tmp_path / "a.wav", noise(1000)), tmp_path / "out", exercise_of_stage(CURRICULUM, "0"))
    assert degrade(made)["damage"] == []
    assert made.clean.read_bytes() == made.damaged.read_bytes()


def test_a_second_run_gives_equal_bytes_and_so_does_the_track_under_another_name(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", noise(RATE_HZ))
    other = Path(shutil.copy(source, tmp_path / "renamed.wav"))
    first = task(source, tmp_path / "one", has_pictures=True)
    tasks = [first, task(source, tmp_path / "two", has_pictures=True), task(other, tmp_path / "three")]
    records = [degrade(one) for one in tasks]
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
            record = degrade(made)
            splits.setdefault(record["source_sha256"], set()).add(record["split"])
    assert len(splits) == TRACKS
    assert all(len(names) == 1 for names in splits.values())
    assert set().union(*splits.values()) == {"train", "validation", "test"}


def test_integers_get_one_gain_for_both_sides_and_the_record_says_it(tmp_path: Path) -> None:
    loud = exercise_of_recipe(load_recipe(_recipe(tmp_path, "gain_db = 12")))
    audio = noise(RATE_HZ, level=0.2).clip(-0.9, 0.9)
    source = write(tmp_path / "a.wav", audio)
    floats = task(source, tmp_path / "floats", loud)
    integers = task(source, tmp_path / "integers", loud, wish=Wish(bit_depth="24"))
    assert degrade(floats)["gain_db"] == 0
    assert np.abs(read(floats.damaged)).max() > 3
    gain_db = degrade(integers)["gain_db"]
    gain = 10 ** (gain_db / 20)
    assert gain_db == pytest.approx(-12 + 20 * np.log10(1 / 0.9), abs=0.01)
    for side in ("clean", "damaged"):
        whole, kept = read(getattr(floats, side)), read(getattr(integers, side))
        np.testing.assert_allclose(kept, whole * gain, atol=2**-22)
        assert np.abs(kept).max() < 1


def test_pictures_show_both_sides_up_to_half_the_sample_rate(tmp_path: Path) -> None:
    dull = exercise_of_recipe(load_recipe(_recipe(tmp_path, "gain_db = -60")))
    made = task(write(tmp_path / "a.wav", noise(RATE_HZ)), tmp_path / "out", dull, has_pictures=True)
    degrade(made)
    clean, damaged = (read_png(path.read_bytes()) for path in made.pictures)
    assert clean.shape == damaged.shape
    assert clean.mean() > 3 * damaged.mean()


def test_what_is_there_already_is_an_error_that_names_force_and_stays_as_it_is(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", noise(1000))
    made = task(source, tmp_path / "out")
    made.damaged.parent.mkdir(parents=True)
    made.damaged.write_bytes(b"mine")
    with pytest.raises(OutputError, match="add --force to replace it"):
        degrade(made)
    assert made.damaged.read_bytes() == b"mine"
    assert _files(tmp_path / "out") == ["damaged/a.wav"]
    degrade(replace(made, manner=replace(made.manner, is_forced=True)))
    assert _files(tmp_path / "out") == ["clean/a.wav", "damaged/a.json", "damaged/a.wav"]


def test_a_source_that_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    audio = noise(RATE_HZ)
    audio[0, -1] = np.inf
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    for source in (write(tmp_path / "nan.wav", audio, subtype="FLOAT"), broken):
        with pytest.raises(UnreadableFile, match=source.name):
            degrade(task(source, tmp_path / "out"))
    assert _files(tmp_path / "out") == []


def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "a.wav", noise(RATE_HZ))
    synced: list[int] = []

    def full_at_the_second(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 3:  # a file and its folder, and then the second file
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_at_the_second)
    with pytest.raises(OutputError, match="the disk is full"):
        degrade(task(source, tmp_path / "out"))
    assert len(synced) == 3
    assert _files(tmp_path / "out") == []


def _recipe(folder: Path, ranges: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(f'[[fault]]\nfault = "gain"\n{ranges}\n', encoding="utf-8")
    return path


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
