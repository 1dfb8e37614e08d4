"""Records of pairs: enough to make the very same again, and to know what was made before."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pair_making import RATE_HZ, README, forced, gain_recipe, made_of, read, task, write
from signals import noise

from rebounce.engine.errors import OutputError, UnsupportedAudio
from rebounce.training.damage import apply_damage, damage_from_data
from rebounce.training.degrade import degrade
from rebounce.training.exercise import exercise_of_recipe
from rebounce.training.pair_record import replay
from rebounce.training.pair_storage import Wish
from rebounce.training.recipes import load_recipe
from rebounce.training.tracks import open_track, split_of


@pytest.mark.parametrize(("channels", "rate_hz"), [(1, 8_000), (2, 44_100), (2, 96_000), (3, 22_050)])
def test_the_record_is_all_that_is_needed_to_make_the_damaged_side_again(
    tmp_path: Path, channels: int, rate_hz: int
) -> None:
    source = write(tmp_path / "a.wav", noise(3 * rate_hz, channels=channels), rate_hz)
    audio = read(source)
    made = task(source, tmp_path / "out", seed=5, seconds=0.5)
    record = made_of(made)
    assert json.loads(made.record.read_text("utf-8")) == record
    start, lead_in, frames = (record[key] for key in ("start_frame", "lead_in_frames", "frames"))
    assert (frames, record["channels"], record["sample_rate_hz"]) == (rate_hz // 2, channels, rate_hz)
    stretch = audio[:, start - lead_in : start + frames]
    again = apply_damage(stretch, rate_hz, damage_from_data(record["damage"]))[:, lead_in:]
    assert np.array_equal(read(made.clean), stretch[:, lead_in:])
    assert np.array_equal(read(made.damaged), again)
    assert record["damage"]
    assert not np.array_equal(read(made.damaged), read(made.clean))


def test_the_record_names_source_split_exercise_seed_and_versions(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", noise(1000))
    record = made_of(task(source, tmp_path / "out", seed=3))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    expected = {"source": "a.wav", "source_sha256": digest, "exercise": "readme", "seed": 3, "split": split_of(digest)}
    assert expected.items() <= record.items()
    assert {"rebounce", "numpy", "scipy", "pedalboard"} <= set(record["versions"])


def test_what_was_made_before_of_the_same_is_skipped_and_anything_else_is_an_error(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", noise(RATE_HZ))
    made = task(source, tmp_path / "out", seconds=0.2)
    record = made_of(made)
    before = {path: path.stat().st_mtime_ns for path in made.targets}
    again = degrade(made)
    assert (again.record, again.is_skipped) == (record, True)
    assert {path: path.stat().st_mtime_ns for path in made.targets} == before
    quieter = exercise_of_recipe(load_recipe(gain_recipe(tmp_path, "gain_db = -6", "readme")))
    assert quieter.name == README.name
    settings = made.settings
    others = [
        replace(made, seed=1),
        replace(made, settings=replace(settings, seconds=None)),
        replace(made, settings=replace(settings, sample_rate_hz=48_000)),
        replace(made, settings=replace(settings, wish=Wish(bit_depth="24"))),
        replace(made, settings=replace(settings, exercise=quieter)),
        replace(made, settings=replace(settings, has_pictures=True)),
        replace(made, source=write(tmp_path / "b.wav", noise(RATE_HZ, seed=1))),
    ]
    for other in others:
        with pytest.raises(OutputError, match="add --force to replace it"):
            degrade(other)
    assert not degrade(forced(made)).is_skipped


@pytest.mark.parametrize("damage", ["side", "version", "text", "list"])
def test_a_pair_that_is_not_whole_or_not_of_this_version_is_not_skipped(tmp_path: Path, damage: str) -> None:
    made = task(write(tmp_path / "a.wav", noise(1000)), tmp_path / "out")
    record = made_of(made)
    if damage == "side":
        made.clean.unlink()
    else:
        texts = {"version": json.dumps(record | {"versions": {"rebounce": "0.0.1"}}), "text": "{", "list": "[]"}
        made.record.write_text(texts[damage], encoding="utf-8")
    with pytest.raises(OutputError, match="add --force to replace it"):
        degrade(made)


@pytest.mark.parametrize("rate_hz", [None, 48_000, 22_050])
@pytest.mark.parametrize("suffix", ["wav", "mp3"])
def test_a_record_is_replayed_to_the_last_bit_at_any_rate(tmp_path: Path, rate_hz: int | None, suffix: str) -> None:
    source = write(tmp_path / f"a.{suffix}", noise(4 * RATE_HZ, level=0.1), subtype=None)
    made = task(source, tmp_path / "out", seed=5, seconds=0.5, sample_rate_hz=rate_hz)
    record = made_of(made)
    assert record["start_frame"] > 0
    again = replay(open_track(source), json.loads(made.record.read_text("utf-8")))
    assert np.array_equal(again.clean, read(made.clean))
    assert np.array_equal(again.damaged, read(made.damaged))
    assert (again.sample_rate_hz, again.start_frame) == (rate_hz or RATE_HZ, record["start_frame"])


def test_a_record_is_not_replayed_from_another_track(tmp_path: Path) -> None:
    record = made_of(task(write(tmp_path / "a.wav", noise(1000)), tmp_path / "out"))
    other = open_track(write(tmp_path / "b.wav", noise(1000, seed=1)))
    with pytest.raises(UnsupportedAudio, match=r"b\.wav: expected the track that the record tells of .*a\.wav"):
        replay(other, record)
