"""One item becomes one bundle: exactly what its track, its settings and its number say, wherever and whenever."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.errors import CodecError, RecipeError, UnsupportedAudio
from rebounce.presets.recipe_file import FaultEntry, Recipe
from rebounce.training.bundle import read_bundle, write_bundle
from rebounce.training.bundle_features import spectra_of
from rebounce.training.bundle_latents import DAMAGED, WANTED, latents_of
from rebounce.training.bundle_measures import measures_of
from rebounce.training.codecs import CodecChoice, opened, use_threads
from rebounce.training.encodec_weights import random_weights, save_weights
from rebounce.training.exercise import Exercise, draw_item
from rebounce.training.prepare import (
    Preparation,
    Task,
    check_stage_names,
    make,
    plan,
    seconds_needed,
    sweep,
)
from rebounce.training.prepare_settings import Settings
from rebounce.training.tracks import Track, make_pair, open_track, split_of

RATE_HZ = 44_100
RECIPE = Recipe(
    name="small",
    description="",
    entries=(FaultEntry(fault="gain", ranges={}), FaultEntry(fault="eq", ranges={})),
    count=(1, 2),
)
EXERCISES = {
    stage: Exercise(name=f"small/{stage}", recipe=RECIPE, count=count, is_stronger=False)
    for stage, count in (("0", (0, 0)), ("2", (2, 2)))
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(path, random_weights(0))
    return path


@pytest.fixture
def preparation(weights: Path, tmp_path: Path) -> Preparation:
    choice = CodecChoice(name="encodec", weights=weights, bandwidth_kbps=3.0)
    codec = opened(choice)
    settings = Settings(
        curriculum="small",
        curriculum_sha256="",
        codec_id=codec.codec_id,
        weights_sha256=codec.weights_sha256,
        features=("measures", "mel"),
        seconds=1.2,
        seed=7,
    )
    return Preparation(folder=tmp_path / "bundles", codec=choice, exercises=EXERCISES, settings=settings)


def master(path: Path, audio: Audio, rate_hz: int = RATE_HZ, subtype: str = "FLOAT") -> Track:
    soundfile.write(path, audio.T, rate_hz, subtype=subtype)
    return open_track(path)


@pytest.fixture
def track(tmp_path: Path) -> Track:
    return master(tmp_path / "mix.wav", noise(2 * RATE_HZ, seed=3))


def task_of(tasks: list[Task], stage: str, index: int = 0) -> Task:
    (found,) = [task for task in tasks if (task.stage, task.index) == (stage, index)]
    return found


def test_a_bundle_is_what_its_item_says(preparation: Preparation, track: Track) -> None:
    task = task_of(plan(preparation, [track], 2), "2", 1)
    name = f"{track.sha256[:16]}-1.safetensors"
    assert task.path == preparation.folder / "2" / split_of(track.sha256) / name
    made = make(preparation, task)
    assert made.bytes_written == task.path.stat().st_size <= task.most_bytes
    codec, item = opened(preparation.codec), draw_item(track.sha256, EXERCISES["2"], 7 + 1)
    pair = make_pair(track, item, seconds=1.2, sample_rate_hz=48_000, channels=2)
    bundle = read_bundle(task.path)
    for side in ("clean", "damaged"):
        expected, found = codec.encode(getattr(pair, side)), getattr(bundle, side)
        np.testing.assert_array_equal(found.codes, expected.codes)
        np.testing.assert_array_equal(found.scales, expected.scales)
        assert (found.frames, found.codec_id) == (57_600, codec.codec_id)
    assert (bundle.damage, bundle.start_frame) == (item.damage, pair.start_frame)
    assert [applied.fault for applied in bundle.damage] in (["gain", "eq"], ["eq", "gain"])
    assert (bundle.track_sha256, bundle.track_name) == (track.sha256, "mix.wav")
    assert (bundle.stage, bundle.exercise, bundle.split) == ("2", "small/2", split_of(track.sha256))
    assert (bundle.seed, bundle.index, bundle.weights_sha256) == (7, 1, codec.weights_sha256)
    np.testing.assert_array_equal(bundle.features["mel"], spectra_of(pair.clean, 48_000, ["mel"])["mel"])
    measures = measures_of(pair.clean, pair.damaged, codec.framing, 48_000)
    np.testing.assert_array_equal(bundle.features["measures"], measures)


@pytest.mark.parametrize("stage", ["0", "2"])
def test_the_latents_are_those_of_both_sides_of_the_item(preparation: Preparation, track: Track, stage: str) -> None:
    asked = replace(preparation, settings=replace(preparation.settings, features=("latents",)))
    task = task_of(plan(asked, [track], 1), stage)
    assert make(asked, task).bytes_written <= task.most_bytes
    item = draw_item(track.sha256, EXERCISES[stage], 7)
    pair = make_pair(track, item, seconds=1.2, sample_rate_hz=48_000, channels=2)
    found = read_bundle(task.path).features["latents"]
    np.testing.assert_array_equal(found, latents_of(pair.clean, pair.damaged, opened(asked.codec)))
    # Without damage there is nothing to be learnt.
    assert np.array_equal(found[:, WANTED], found[:, DAMAGED]) is (stage == "0")


def test_an_item_without_damage_has_the_same_tokens_on_both_sides(preparation: Preparation, track: Track) -> None:
    task = task_of(plan(preparation, [track], 1), "0")
    make(preparation, task)
    bundle = read_bundle(task.path)
    assert bundle.damage == ()
    np.testing.assert_array_equal(bundle.clean.codes, bundle.damaged.codes)
    np.testing.assert_array_equal(bundle.clean.scales, bundle.damaged.scales)


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_the_bytes_are_the_same_for_any_order_and_number_of_threads(preparation: Preparation, track: Track) -> None:
    tasks = plan(preparation, [track], 1)
    written = []
    for count, order in ((1, tasks), (3, tasks[::-1])):
        use_threads(count)
        for task in order:
            make(preparation, task)
        written.append([task.path.read_bytes() for task in tasks])
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("channels", "rate_hz", "frames", "expected_frames"),
    [(1, 8_000, 3_000, 18_000), (2, 48_000, 1, 1), (1, 192_000, 4_001, 1_000), (2, 22_050, 44_100, 57_600)],
)
def test_masters_of_any_kind_and_length_become_stereo_at_the_codecs_rate(
    preparation: Preparation, tmp_path: Path, channels: int, rate_hz: int, frames: int, expected_frames: int
) -> None:
    odd = master(tmp_path / "odd.wav", noise(frames, channels=channels), rate_hz)
    task = task_of(plan(preparation, [odd], 1), "2")
    make(preparation, task)
    bundle = read_bundle(task.path)
    assert bundle.clean.frames == task.frames == expected_frames
    assert (bundle.source_channels, bundle.source_sample_rate_hz) == (channels, rate_hz)
    assert bundle.clean.sample_rate_hz == 48_000


def test_more_than_two_channels_are_refused_by_name(preparation: Preparation, tmp_path: Path) -> None:
    surround = master(tmp_path / "surround.wav", noise(1_000, channels=6))
    with pytest.raises(UnsupportedAudio, match=r"surround\.wav: 6 channels, expected mono or stereo"):
        make(preparation, plan(preparation, [surround], 1)[0])


def test_what_is_there_and_sound_is_kept_and_anything_else_made_anew(preparation: Preparation, track: Track) -> None:
    tasks = plan(preparation, [track], 3)
    assert [task.is_there for task in tasks] == [False] * 6
    for task in tasks:
        make(preparation, task)
    assert [task.is_there for task in plan(preparation, [track], 3)] == [True] * 6
    whole = [task.path.read_bytes() for task in tasks]
    tasks[0].path.write_bytes(whole[0][:-1])
    tasks[1].path.unlink()
    write_bundle(tasks[2].path, replace(read_bundle(tasks[2].path), seed=8), replaces=True)
    write_bundle(tasks[3].path, read_bundle(tasks[4].path), replaces=True)
    again = plan(preparation, [track], 3)
    assert [task.is_there for task in again] == [False] * 4 + [True] * 2
    for task in again[:4]:
        make(preparation, task)
    assert [task.path.read_bytes() for task in tasks] == whole


def test_a_bundle_with_anything_else_in_it_than_the_run_would_make_is_not_kept(
    preparation: Preparation, track: Track
) -> None:
    task = plan(preparation, [track], 1)[1]
    make(preparation, task)
    sound = read_bundle(task.path)
    others = (
        replace(sound, damage=()),
        replace(sound, split="test" if sound.split == "train" else "train"),
        replace(sound, exercise="another/2"),
        replace(sound, **{side: replace(getattr(sound, side), codec_id="another") for side in ("clean", "damaged")}),
        replace(sound, features={}),
    )
    for other in others:
        write_bundle(task.path, other, replaces=True)
        assert not plan(preparation, [track], 1)[1].is_there
    write_bundle(task.path, sound, replaces=True)
    assert plan(preparation, [track], 1)[1].is_there


def test_stages_come_one_after_another(preparation: Preparation, track: Track, tmp_path: Path) -> None:
    other = master(tmp_path / "other.wav", noise(1_000, seed=9))
    tasks = plan(preparation, [track, other], 2)
    assert [(task.stage, task.track, task.index) for task in tasks] == [
        (stage, one, index) for stage in ("0", "2") for one in (track, other) for index in (0, 1)
    ]


def test_weights_that_changed_under_a_run_are_an_error(preparation: Preparation, track: Track) -> None:
    other = replace(preparation, settings=replace(preparation.settings, weights_sha256="00" * 32))
    with pytest.raises(CodecError, match="expected weights with the hash 0000000000000000, found"):
        make(other, plan(other, [track], 1)[0])


@pytest.mark.parametrize("name", ["", " ", "..", "a/b", "a\\b", "C:", "a ", "*"])
def test_a_stage_that_can_name_no_folder_is_refused(name: str) -> None:
    with pytest.raises(RecipeError, match="expected a name that can name a folder too"):
        check_stage_names(["1", name])
    check_stage_names(["0", "1-stronger", "echo only", "übung.2"])


def test_the_time_that_it_takes_grows_with_what_there_is_to_encode(preparation: Preparation, track: Track) -> None:
    tasks = plan(preparation, [track], 1)
    assert seconds_needed(preparation, []) == 0
    assert 0 < seconds_needed(preparation, tasks) < 600


def test_parts_of_a_killed_run_are_swept_and_nothing_else(tmp_path: Path) -> None:
    part, whole = tmp_path / "1/train/.x.safetensors.rebounce.part", tmp_path / "1/train/x.safetensors"
    foreign = tmp_path / ".x.safetensors.rebounce.part"
    part.parent.mkdir(parents=True)
    for path in (part, whole, foreign):
        path.touch()
    sweep(tmp_path)
    assert [path.exists() for path in (part, whole, foreign)] == [False, True, True]
