"""What is kept to be heard: which items, which versions, and how they get into a page."""

import io
import json
import re
from base64 import b64decode
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import pytest
import soundfile
from commands import GAIN, chain, files_below, write
from signals import noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.overview import Overview
from rebounce.training.evaluation.as_data import to_json
from rebounce.training.evaluation.bench import Bench, presets_under_test
from rebounce.training.evaluation.group_page import file_names, file_part, write_group
from rebounce.training.evaluation.groups import fault_groups
from rebounce.training.evaluation.kept import kept_items, versions
from rebounce.training.evaluation.listening import Heard, heard
from rebounce.training.evaluation.place import taken
from rebounce.training.evaluation.publish import group_pages, names_written, publish
from rebounce.training.evaluation.room import room_needed
from rebounce.training.evaluation.run import Evaluation, Plan, evaluate
from rebounce.training.tracks import find_tracks

SCORES = ("snr_db", "si_sdr_db", "log_spectral_distance_db", "mel_distance_db")
RATE_HZ = 44_100


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Five tracks through bypass and 12 dB more."""
    folder = tmp_path_factory.mktemp("kept")
    for number in range(5):
        write(folder / "clean" / f"track <{number}>.wav", noise(30_000, seed=number))
    louder = chain(folder / "louder.toml", GAIN.format(gain_db=12))
    tracks = find_tracks([folder / "clean"]).tracks
    plan = Plan(
        tracks=tuple(tracks),
        groups=tuple(fault_groups(["gain"])),
        bench=Bench(
            presets=presets_under_test([("bypass", "bypass"), ("louder", louder)], []),
            codec=None,
            scores=SCORES,
            seconds=0.5,
        ),
        seed=0,
        items=1,
        harm_target=0.95,
        asked={},
    )
    return evaluate(plan, 1, lambda name: None)


def share_repaired(done: Evaluation, name: str) -> float:
    """How much nearer to the clean audio the louder chain comes; bypass comes as near as the damage is."""
    (found,) = [item for item in done.items if item.group == "gain" and item.track.path.name == name]
    before, after = (found.outcomes[system].scores["snr_db"] for system in ("damaged", "louder"))
    assert before is not None
    assert after is not None
    return after - before


@pytest.mark.parametrize(
    ("count", "places"),
    [
        (1, ["median"]),
        (2, ["worst", "best"]),
        (3, ["worst", "median", "best"]),
        (9, ["worst", "2 of 5", "median", "4 of 5", "best"]),
    ],
)
def test_items_are_taken_evenly_from_worst_to_best(done: Evaluation, count: int, places: list[str]) -> None:
    kept = kept_items(done.plan, done.items, "gain", count)
    assert [one.place for one in kept] == places
    gains = [share_repaired(done, one.measured.track.path.name) for one in kept]
    assert gains == sorted(gains)
    assert all(one.trial.track == one.measured.track for one in kept)


def test_no_items_and_unknown_groups_keep_nothing(done: Evaluation) -> None:
    assert kept_items(done.plan, done.items, "gain", 0) == []
    assert kept_items(done.plan, done.items, "eq", 3) == []


def test_of_clean_audio_what_was_changed_most_is_kept_once_a_preset(done: Evaluation) -> None:
    (kept,) = kept_items(done.plan, done.items, "clean", 3)
    changes = [item.outcomes["louder"].change_dbfs for item in done.items if item.group == "clean"]
    assert (kept.place, kept.measured.outcomes["louder"].change_dbfs) == ("louder", max(filter(None, changes)))


def test_a_version_that_is_the_same_bit_by_bit_is_kept_once(done: Evaluation) -> None:
    (kept,) = kept_items(done.plan, done.items, "gain", 1)
    found = {version.name: version.twins for version in versions(kept.trial)}
    assert found["damaged"] == ("bypass",)
    assert list(found)[:3] == ["clean", "damaged", "louder"]


def test_without_a_preset_items_are_ranked_by_their_damage(done: Evaluation) -> None:
    plan = replace(done.plan, bench=replace(done.plan.bench, presets=()))
    kept = kept_items(plan, done.items, "gain", 5)
    snrs = [one.measured.outcomes["damaged"].scores["snr_db"] for one in kept]
    assert snrs == sorted(snr for snr in snrs if snr is not None)


def test_without_the_scores_of_the_summary_items_are_ranked_by_the_gain_in_the_first(done: Evaluation) -> None:
    plan = replace(done.plan, bench=replace(done.plan.bench, scores=("snr_db",)))
    kept = kept_items(plan, done.items, "gain", 5)
    assert {one.why for one in kept} == {"what the presets gained in SNR"}
    gains = [share_repaired(done, one.measured.track.path.name) for one in kept]
    assert gains == sorted(gains)


def test_a_group_is_written_with_exact_files_and_a_page_of_its_own(done: Evaluation, tmp_path: Path) -> None:
    (page, _) = group_pages(done, tmp_path, 1)
    told = write_group(page)
    folder = page.folder
    assert sorted(told) == files_below(folder)
    text = (folder / "gain.html").read_text()
    assert "track &lt;" in text
    assert not re.search(r"track <\d", text)
    assert "bypass gave the same as damaged, bit by bit" in text
    assert all('alt="' in image for image in re.findall(r"<img [^>]*>", text))
    clean = next(version.audio for version in versions(page.kept[0].trial))
    (path,) = [folder / name for name in told if name.endswith("/clean.flac")]
    assert np.abs(soundfile.read(path, dtype="float64")[0].T - clean).max() <= 2.0**-23
    for link in re.findall(r'<a href="([^"]+)"', text):
        assert link == "index.html" or (folder / link).exists()


def published(done: Evaluation, folder: Path, kept: int, blocked: str = "") -> tuple[Evaluation, list[str]]:
    """Everything written into a folder; with `blocked` a file lies where this folder of the part should be."""
    with taken(folder, [], False) as part:
        if blocked:
            (part / blocked).write_text("")
        return publish(done, folder, group_pages(done, folder, kept), 1, lambda name: None)


def test_everything_that_is_published_is_said_to_be(done: Evaluation, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    told, files = published(done, folder, 1)
    data = json.loads((folder / "evaluation.json").read_text())
    assert sorted([*files, "evaluation.json"]) == files_below(folder)
    assert data == json.loads(to_json(told, files))
    assert told.problems == ()
    assert {path.parts[0] for path in map(Path, files)} <= set(names_written(["gain"]))


def test_the_room_is_estimated_rather_too_large_than_too_small(done: Evaluation, tmp_path: Path) -> None:
    for kept in (0, 1, 3):
        folder = tmp_path / str(kept)
        _, files = published(done, folder, kept)
        size = sum((folder / name).stat().st_size for name in [*files, "evaluation.json"])
        # The pages hold the player, 30 kB each, which is beneath notice otherwise.
        assert size - 60_000 < room_needed(done.plan, kept) < 5 * size


def test_a_page_that_failed_is_told_everywhere_and_leaves_no_files(done: Evaluation, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    told, files = published(done, folder, 1, blocked="gain")
    (problem,) = told.problems
    assert problem.startswith(f"gain.html: {folder / 'gain'}")
    data = json.loads((folder / "evaluation.json").read_text())
    assert (data["problems"], data["files"]) == ([problem], files)
    assert sorted([*files, "evaluation.json"]) == files_below(folder)
    assert not any(name.startswith("gain") for name in files)
    assert "the result cannot be written" in (folder / "table.md").read_text()
    page = (folder / "index.html").read_text()
    assert escape(problem) in page
    assert 'href="gain.html"' not in page
    assert 'href="do-no-harm.html"' in page


def sounds(*audios: Audio, most_bytes: float, rate_hz: int = RATE_HZ) -> Heard | None:
    overview = Overview(frames=audios[0].shape[1], channels=audios[0].shape[0], sample_rate_hz=rate_hz)
    overview.add(audios[0])
    return heard(audios, rate_hz, overview, most_bytes)


def test_all_versions_are_heard_at_the_loudness_of_the_softest() -> None:
    soft = tone(1_000, 2 * RATE_HZ, level=0.1)
    found = sounds(soft, soft * np.float32(2), soft * np.float32(4), most_bytes=5e6)
    assert found is not None
    assert (found.start_s, found.length_s, found.codec) == (0.0, 2.0, "FLAC, 16 bit")
    assert [round(side.matched_gain, 3) for side in found.sides] == [1.0, 0.5, 0.25]
    assert [side.plain_gain for side in found.sides] == [1.0, 1.0, 1.0]


def test_what_passes_full_scale_is_heard_at_its_own_level_beside_the_others() -> None:
    found = sounds(noise(50_000), noise(50_000) * np.float32(40), most_bytes=5e6)
    assert found is not None
    quiet, loud = found.sides
    assert loud.plain_gain == pytest.approx(1.0)
    assert loud.plain_gain / quiet.plain_gain == pytest.approx(np.abs(noise(50_000)).max() * 40)
    address = loud.address
    played = soundfile.read(io.BytesIO(b64decode(address.split(",")[1])))[0]
    assert 0.99 < np.abs(played).max() <= 1


@pytest.mark.parametrize(
    ("most_bytes", "codec"), [(9e6, "FLAC, 16 bit"), (3.5e6, "FLAC, 16 bit"), (1.2e6, "MP3, 256 kbit/s"), (1e4, None)]
)
def test_a_page_holds_no_more_than_it_may(most_bytes: float, codec: str | None) -> None:
    found = sounds(noise(12 * RATE_HZ), noise(12 * RATE_HZ, seed=1), most_bytes=most_bytes)
    assert (found and found.codec) == codec
    if found is not None:
        assert sum(len(side.address) for side in found.sides) <= most_bytes
        assert (found.length_s == 12) == (most_bytes != 3.5e6)


def test_one_frame_can_be_heard() -> None:
    found = sounds(noise(1), noise(1, seed=1), most_bytes=1e6)
    assert found is not None
    assert [side.lufs for side in found.sides] == [None, None]


@pytest.mark.parametrize(
    ("text", "part"),
    [("token-unet/3-stronger", "token-unet-3-stronger"), ("oracle: tokens", "oracle-tokens"), ("..", "item")],
)
def test_any_text_becomes_a_part_of_a_file_name(text: str, part: str) -> None:
    assert file_part(text) == part


def test_names_that_become_one_file_name_stay_apart() -> None:
    assert file_names(["a b", "a-b", "a:b", "c"]) == {"a b": "a-b", "a-b": "a-b-2", "a:b": "a-b-3", "c": "c"}
