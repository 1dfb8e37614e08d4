"""`rebounce degrade`: pairs of clean and damaged audio, the same on every run, and one bad file stops no other."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from commands import (
    RATE_HZ,
    chain,
    damped,
    files_below,
    interrupt,
    parts,
    read,
    rebounce,
    rebounce_many,
    same_bytes,
    start,
    wait_until,
    write,
)

REVERBS = '[[fault]]\nfault = "reverb"\nkind = "synthetic"\nrt60_s = 10\n'


@pytest.fixture(scope="module")
def masters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short tracks in a small tree."""
    folder = tmp_path_factory.mktemp("masters")
    for number, name in enumerate(("a.wav", "album/b.flac", "album/c.wav")):
        write(folder / name, damped(1.0, seed=number), "PCM_16")
    return folder


def records(folder: Path) -> dict[str, dict[str, Any]]:
    """Every record below a folder by its path."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.json")}
    return {name: json.loads(path.read_text("utf-8")) for name, path in found.items()}


def test_a_folder_becomes_pairs_and_the_number_of_jobs_changes_nothing(masters: Path, tmp_path: Path) -> None:
    done = [
        rebounce("degrade", masters, "-o", tmp_path / str(jobs), "--seed", 3, "--seconds", 0.5, "--jobs", jobs)
        for jobs in (1, 2)
    ]
    assert [(one.code, one.err) for one in done] == [(0, "")] * 2
    names = ["a", "album/b", "album/c"]
    pairs = [f"{side}/{name}.wav" for side in ("clean", "damaged") for name in names]
    expected = sorted([*pairs, *(f"damaged/{name}.json" for name in names)])
    assert files_below(tmp_path / "1") == files_below(tmp_path / "2") == expected
    assert same_bytes((tmp_path / "1" / name for name in expected), (tmp_path / "2" / name for name in expected))
    for name in names:
        clean, damaged = (soundfile.info(tmp_path / "1" / side / f"{name}.wav") for side in ("clean", "damaged"))
        assert (clean.subtype, clean.frames, clean.channels) == ("FLOAT", RATE_HZ // 2, 2)
        assert (clean.frames, clean.samplerate) == (damaged.frames, damaged.samplerate)
    assert done[0].out.splitlines()[-1].startswith(f"3 pairs in {tmp_path / '1'}, ")


def test_json_holds_one_object_a_pair_with_everything_the_record_says(masters: Path, tmp_path: Path) -> None:
    done = rebounce("degrade", masters, "-o", tmp_path, "--fault", "echo", "--json")
    assert (done.code, done.err) == (0, "")
    for line in done.records:
        told = json.loads(Path(line["record"]).read_text("utf-8"))
        assert line.items() >= told.items()
        assert (line["status"], line["error"], told["exercise"]) == ("degraded", None, "fault echo")
        assert [applied["fault"] for applied in told["damage"]] == ["echo"]
        assert Path(line["clean"]).exists()
        assert Path(line["damaged"]).exists()
    assert [line["source"] for line in done.records] == ["a.wav", "album/b.flac", "album/c.wav"]


def test_copies_have_a_number_each_and_one_seed_after_another(masters: Path, tmp_path: Path) -> None:
    done = rebounce("degrade", masters / "a.wav", "-o", tmp_path / "three", "--copies", 3, "--seed", 7, "-q")
    assert (done.code, done.out, done.err) == (0, "", "")
    found = records(tmp_path / "three")
    assert {name: record["seed"] for name, record in found.items()} == {
        f"damaged/a.{number}.json": 6 + number for number in (1, 2, 3)
    }
    rebounce("degrade", masters / "a.wav", "-o", tmp_path / "one", "--seed", 8)
    assert same_bytes([tmp_path / "three/damaged/a.2.wav"], [tmp_path / "one/damaged/a.wav"])


def test_a_stage_may_be_named_with_stronger_in_it_or_beside_it(masters: Path, tmp_path: Path) -> None:
    call = ["degrade", masters / "a.wav", "--curriculum", "token-unet"]
    beside = rebounce(*call, "-o", tmp_path / "beside", "--stage", 3, "--stronger")
    within = rebounce(*call, "-o", tmp_path / "within", "--stage", "3-stronger")
    assert (beside.code, within.code) == (0, 0)
    found = [records(tmp_path / name)["damaged/a.json"] for name in ("beside", "within")]
    assert found[0] == found[1]
    assert (found[0]["exercise"], len(found[0]["damage"])) == ("token-unet/3-stronger", 3)


def test_format_depth_rate_and_pictures_are_as_asked(masters: Path, tmp_path: Path) -> None:
    asked = ["--format", "keep", "--bit-depth", "keep", "--sample-rate", 48_000, "--pictures"]
    done = rebounce("degrade", masters / "album", "-o", tmp_path, "--fault", "gain", *asked)
    assert (done.code, done.err) == (0, "")
    beside = [f"damaged/{name}.{end}" for name in "bc" for end in ("clean.png", "damaged.png", "json")]
    audio = [f"{side}/{name}" for side in ("clean", "damaged") for name in ("b.flac", "c.wav")]
    assert files_below(tmp_path) == sorted([*beside, *audio])
    infos = [soundfile.info(tmp_path / name) for name in audio]
    assert {(info.subtype, info.samplerate, info.frames) for info in infos} == {("PCM_16", 48_000, 48_000)}


def test_a_mono_file_at_8_khz_stays_that(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", damped(2, channels=1), "PCM_16", rate_hz=8_000)
    done = rebounce("degrade", source, "-o", tmp_path / "out", "--recipe", "realistic", "--copies", 4)
    assert (done.code, done.err) == (0, "")
    for path in (tmp_path / "out").rglob("*.wav"):
        info = soundfile.info(path)
        assert (info.channels, info.samplerate, info.frames) == (1, 8_000, 2 * RATE_HZ)


def test_one_bad_file_is_reported_and_the_others_are_done(masters: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    good = write(tmp_path / "in/good.wav", damped(0.2), "PCM_16")
    (tmp_path / "in/bad.wav").write_bytes(b"RIFF....")
    (tmp_path / "in/empty.wav").touch()
    nan = damped(0.2)
    nan[0, 5] = np.nan
    write(tmp_path / "in/nan.wav", nan, "FLOAT")
    done = rebounce("degrade", tmp_path / "in", tmp_path / "nowhere.wav", "-o", tmp_path / "out", "--json")
    assert done.code == 1
    errors = [line["error"] for line in done.records if line["status"] == "error"]
    for name in ("bad.wav", "empty.wav", "nan.wav", "nowhere.wav"):
        assert len([text for text in errors if name in text]) == 1, name
    assert [line["input"] for line in done.records if line["status"] == "degraded"] == [str(good)]
    assert files_below(tmp_path / "out") == ["clean/good.wav", "damaged/good.json", "damaged/good.wav"]


def test_what_is_there_is_an_error_that_names_force_and_force_replaces_it(masters: Path, tmp_path: Path) -> None:
    call = ["degrade", masters / "a.wav", "-o", tmp_path]
    assert rebounce(*call).code == 0
    before = {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)}
    again = rebounce(*call, "--seed", 1)
    assert (again.code, "add --force to replace it" in again.err) == (1, True)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert rebounce(*call, "--seed", 1, "--force").code == 0
    assert records(tmp_path)["damaged/a.json"]["seed"] == 1


def test_a_second_run_goes_on_where_the_first_was_stopped(masters: Path, tmp_path: Path) -> None:
    call = ["degrade", masters, "-o", tmp_path, "--json"]
    first = rebounce(*call)
    for name in ("damaged/album/b.json", "clean/album/b.wav", "damaged/album/b.wav"):
        (tmp_path / name).unlink()
    again, told = rebounce(*call), rebounce(*call[:-1])
    assert (first.code, again.code, told.code) == (0, 0, 0)
    assert again.statuses() == {"a.wav": "skipped", "b.flac": "degraded", "c.wav": "skipped"}
    assert [line | {"status": "degraded"} for line in again.records] == first.records
    assert told.out.count("skipped   ") == 3
    assert told.out.splitlines()[-1].endswith("; 3 made before")


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_links_that_lead_to_themselves_cost_no_other_file(masters: Path, tmp_path: Path) -> None:
    write(tmp_path / "in/a.wav", damped(0.1), "PCM_16")
    (tmp_path / "in/x.wav").symlink_to("x.wav")
    (tmp_path / "loop").symlink_to("loop")
    done = rebounce("degrade", tmp_path / "in", tmp_path / "loop", "-o", tmp_path / "out", "--json")
    assert (done.code, done.err) == (1, "")
    assert [line["status"] for line in done.records] == ["error", "degraded", "error"]
    into = rebounce("degrade", tmp_path / "in/a.wav", "-o", tmp_path / "loop")
    assert (into.code, into.err.count("failed    ")) == (1, 1)


def test_what_cannot_be_written_names_the_input_too(masters: Path, tmp_path: Path) -> None:
    (tmp_path / "clean").write_bytes(b"no folder")
    done = rebounce("degrade", masters / "a.wav", "-o", tmp_path)
    assert (done.code, done.err.startswith(f"failed    {masters / 'a.wav'}: ")) == (1, True)


def test_two_inputs_with_one_name_are_both_errors(tmp_path: Path) -> None:
    for name in ("one/mix.wav", "two/mix.wav", "mix.flac"):
        write(tmp_path / name, damped(0.1), "PCM_16")
    inputs = [tmp_path / name for name in ("one/mix.wav", "two/mix.wav", "mix.flac")]
    (clashing,) = rebounce_many([["degrade", *inputs, "-o", tmp_path / "out"]])
    assert (clashing.code, clashing.err.count("would have the name of that of")) == (1, 3)
    kept_apart = rebounce("degrade", tmp_path / "one", tmp_path / "two", "-o", tmp_path / "out", "-q")
    assert (kept_apart.code, kept_apart.err) == (0, "")
    assert files_below(tmp_path / "out/clean") == ["one/mix.wav", "two/mix.wav"]


def test_an_input_is_never_replaced(tmp_path: Path) -> None:
    source = write(tmp_path / "clean/a.wav", damped(0.1), "PCM_16")
    before = source.read_bytes()
    inside, behind_a_glob, of_results, beside = rebounce_many(
        [
            ["degrade", tmp_path, "-o", tmp_path / "pairs"],
            ["degrade", tmp_path / "cl*", "-o", tmp_path / "clean/pairs"],
            ["degrade", tmp_path / "clean", "-o", tmp_path, "--format", "flac"],
            ["degrade", source, "-o", tmp_path, "--force"],
        ]
    )
    for done in (inside, behind_a_glob, of_results):
        assert (done.code, "lies inside the input" in done.err) == (2, True)
    assert (beside.code, "its pair would replace an input" in beside.err) == (1, True)
    assert source.read_bytes() == before
    assert files_below(tmp_path) == ["clean/a.wav"]


def test_wrong_usage_is_told_before_anything_is_read(masters: Path, tmp_path: Path) -> None:
    impossible = chain(tmp_path / "bad.toml", '[[fault]]\nfault = "gain"\ngain_db = [-3, 300]')
    bundle = tmp_path / "Mine.vst3"
    plugin = chain(tmp_path / "plugin.toml", f'[[fault]]\nfault = "vst3"\npath = "{bundle}"')
    (tmp_path / "nothing").mkdir()
    wrong: dict[tuple[object, ...], str] = {
        (masters, "--recipe", "readmi"): "did you mean 'readme'",
        (masters, "--recipe", impossible): "bad.toml, line 3: gain: gain_db: expected -60 to 60, found [-3, 300]",
        (masters, "--recipe", plugin): f"--allow-plugin {bundle}",
        (masters, "--recipe", "mp3", "--stronger"): "recipe mp3 has no stronger ranges",
        (masters, "--fault", "ecko"): "did you mean 'echo'",
        (masters, "--fault", "vst3"): "expected path = where a VST3 bundle is",
        (masters, "--fault", "echo", "--stronger"): "name a recipe or a curriculum",
        (masters, "--fault", "echo", "--recipe", "readme"): "--recipe and --fault exclude each other",
        (masters, "--curriculum", "token-unet"): "--curriculum and --stage go together",
        (masters, "--stage", "1"): "--curriculum and --stage go together",
        (masters, "--curriculum", "token-unet", "--stage", "5"): "it has 0, 1, 1-stronger, 2, 3, 3-stronger, 4,",
        (masters, "--curriculum", "token-unet", "--stage", "2", "--stronger"): "has no stage '2-stronger'",
        (masters, "--format", "flac", "--bit-depth", "32f"): "FLAC takes 16 or 24",
        (masters, "--seconds", "0"): "--seconds",
        (masters, "--seconds", "inf"): "expected a number, found inf",
        (masters, "--seconds", "nan"): "expected a number, found nan",
        (masters, "--recipe", ""): "expected a recipe, one of",
        (masters, "--curriculum", "", "--stage", "1"): "expected a curriculum, one of",
        ("",): "expected the path of a file or folder, found an empty text",
        (masters, "-q", "-v"): "exclude each other",
        (tmp_path / "nothing",): "expected audio files",
        (): "expected at least one file or folder",
    }
    out = tmp_path / "out"
    done = rebounce_many([["degrade", *words, "-o", out] for words in wrong])
    for outcome, (words, expected) in zip(done, wrong.items(), strict=True):
        assert (outcome.code, outcome.out) == (2, ""), (words, outcome)
        assert expected in outcome.err, (words, outcome.err)
    assert not out.exists()
    (nowhere,) = rebounce_many([["degrade", masters, "-o", ""]])
    assert (nowhere.code, "expected a folder, found an empty text" in nowhere.err) == (2, True)


def test_the_help_shows_examples_that_are_commands() -> None:
    (shown,) = rebounce_many([["degrade", "--help"]])
    assert shown.code == 0
    assert shown.out.count("rebounce degrade ") >= 4


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_leaves_no_partial_file(tmp_path: Path, jobs: int) -> None:
    recipe = chain(tmp_path / "slow.toml", REVERBS)
    for name in "abc":
        write(tmp_path / f"in/{name}.wav", damped(60), "PCM_16")
    out = tmp_path / "out"
    with start("degrade", tmp_path / "in", "-o", out, "--recipe", recipe, "--jobs", jobs) as process:
        wait_until(lambda: bool(parts(out)), process)
        done, seconds = interrupt(process, signal.SIGINT)
    assert done.code == 130
    assert seconds < 5
    assert parts(out) == []
    assert _whole_pairs(out)


def _whole_pairs(out: Path) -> bool:
    """True when no side stands without its record."""
    names = files_below(out)
    return all(f"damaged/{Path(name).stem}.json" in names for name in names if name.endswith(".wav"))


@pytest.mark.skipif(sys.platform == "win32", reason="needs ulimit")
def test_a_write_that_fails_half_way_leaves_nothing_and_costs_one_pair(tmp_path: Path) -> None:
    for name, seconds in (("a", 0.2), ("b", 4.0), ("c", 0.2)):
        write(tmp_path / f"in/{name}.wav", damped(seconds), "PCM_16")
    limited = ("sh", "-c", 'ulimit -f 1000; exec "$@"', "sh")
    done = rebounce("degrade", tmp_path / "in", "-o", tmp_path / "out", "--fault", "gain", under=limited)
    assert (done.code, done.err.count("failed")) == (1, 1)
    assert "b.wav: the result cannot be written (File too large)" in done.err
    assert files_below(tmp_path / "out/damaged") == ["a.json", "a.wav", "c.json", "c.wav"]
    assert files_below(tmp_path / "out/clean") == ["a.wav", "c.wav"]
    assert read(tmp_path / "out/clean/c.wav").shape == (int(0.2 * RATE_HZ), 2)
