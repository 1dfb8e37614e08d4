"""`rebounce evaluate`, as it is typed: the numbers agree wherever they are told, and mean what they say."""

import csv
import json
import re
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from commands import (
    GAIN,
    RATE_HZ,
    Outcome,
    chain,
    files_below,
    interrupt,
    parts,
    rebounce,
    rebounce_many,
    start,
    wait_until,
    workers,
    write,
)

from rebounce.training.music import make_mix

RECIPE = '[[fault]]\nfault = "gain"\ngain_db = -6\n'
BOUNDS = ["oracle: parameters known", "oracle: clean magnitude"]


@pytest.fixture(scope="module")
def mixes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clean mixes of six seconds, a recipe that takes 6 dB away, and chains that give them back, or fail."""
    folder = tmp_path_factory.mktemp("mixes")
    for seed in range(3):
        write(folder / "clean" / f"mix{seed}.wav", make_mix(seed, 6, RATE_HZ).audio)
    (folder / "six.toml").write_text(RECIPE)
    chain(folder / "louder.toml", GAIN.format(gain_db=6))
    return folder


@pytest.fixture(scope="module")
def evaluated(mixes: Path) -> tuple[Outcome, Path]:
    """Bypass and the exact repair of a gain, with everything written."""
    out = mixes / "out"
    done = rebounce(
        "evaluate", "--clean", mixes / "clean", "--recipe", mixes / "six.toml", "--preset", "bypass",
        "--preset", mixes / "louder.toml", "--seconds", 3, "--audio", 1, "-o", out, "-v",
    )  # fmt: skip
    return done, out


def told(folder: Path) -> Any:
    return json.loads((folder / "evaluation.json").read_text())


def rows(data: Any, group: str) -> dict[str, Any]:
    """The rows of a group by the name of the system."""
    (found,) = [section for section in data["groups"] if section["name"] == group]
    return {row["system"]: row for row in found["rows"]}


def test_the_exact_repair_is_a_copy_and_bypass_is_the_damage(evaluated: tuple[Outcome, Path]) -> None:
    done, out = evaluated
    assert done.code == 0
    gain = rows(told(out), "gain")
    assert list(gain) == ["damaged", "bypass", "louder", *BOUNDS]
    assert gain["damaged"]["scores"]["snr_db"]["mean"] == pytest.approx(6.04, abs=0.01)  # 1 - 10^(-6/20), squared
    assert gain["damaged"]["scores"]["loudness_error_lu"]["mean"] == pytest.approx(6, abs=0.01)
    assert gain["damaged"]["scores"]["loudness_error_lu"]["bias"] == pytest.approx(-6, abs=0.01)
    assert gain["louder"]["scores"]["snr_db"]["mean"] > 100
    assert gain["oracle: parameters known"]["scores"]["snr_db"]["mean"] > 100
    for score, cell in gain["bypass"]["scores"].items():
        assert cell["mean"] == gain["damaged"]["scores"][score]["mean"]
        assert cell["gain"]["mean"] == 0
    assert gain["bypass"]["unchanged"] == 3


def test_each_item_is_told_with_what_was_done_and_the_same_for_every_preset(
    evaluated: tuple[Outcome, Path], mixes: Path
) -> None:
    data = told(evaluated[1])
    assert [Path(track["path"]).name for track in data["tracks"]] == ["mix0.wav", "mix1.wav", "mix2.wav"]
    damaged = [item for item in data["items"] if item["group"] == "gain"]
    assert [item["damage"] for item in damaged] == [[{"fault": "gain", "parameters": {"gain_db": -6.0}}]] * 3
    assert [item["seconds"] for item in damaged] == [3.0] * 3
    alone = rebounce(
        "evaluate", "--clean", mixes / "clean", "--recipe", mixes / "six.toml", "--preset", mixes / "louder.toml",
        "--seconds", 3, "--json", "-q",
    )  # fmt: skip
    again = [item for item in json.loads(alone.out)["items"] if item["group"] == "gain"]
    for item, before in zip(again, damaged, strict=True):
        assert item["systems"]["louder"] == before["systems"]["louder"]
        assert item["systems"]["damaged"] == before["systems"]["damaged"]


def test_the_audit_of_clean_audio(evaluated: tuple[Outcome, Path]) -> None:
    harm = {row["preset"]: row for row in told(evaluated[1])["do_no_harm"]}
    bypass, louder = harm["bypass"], harm["louder"]
    assert bypass["identical"] == {"successes": 3, "tracks": 3, "least": pytest.approx(0.05 ** (1 / 3)), "share": 1.0}
    assert (bypass["is_reached"], bypass["worst"]) == (False, None)  # three tracks cannot show 95 %
    assert (louder["identical"]["successes"], louder["is_reached"]) == (0, False)
    assert louder["worst"]["scores"]["loudness_error_lu"] == pytest.approx(6, abs=0.01)
    assert Path(louder["worst"]["path"]).name in ("mix0.wav", "mix1.wav", "mix2.wav")


def test_json_csv_markdown_terminal_and_page_say_the_same(evaluated: tuple[Outcome, Path]) -> None:
    done, out = evaluated
    data = told(out)
    gain = rows(data, "gain")
    mean = gain["damaged"]["scores"]["snr_db"]["mean"]
    with (out / "scores.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == sum(len(item["systems"]) * len(data["scores"]) for item in data["items"])
    values = [
        float(line["value"])
        for line in lines
        if (line["group"], line["system"], line["score"]) == ("gain", "damaged", "snr_db")
    ]
    assert sum(values) / len(values) == pytest.approx(mean)
    assert {line["status"] for line in lines} <= {"scored", "undefined"}
    table = (out / "table.md").read_text()
    (row,) = [line for line in table.split("## gain")[1].splitlines() if line.startswith("| damaged")]
    assert row.split("|")[2].split("[")[0].strip() == f"{mean:.2f}"
    (shown,) = [line for line in done.out.split("gain:")[1].splitlines() if line.startswith("damaged")][:1]
    assert shown.split()[1] == f"{mean:.2f}"
    assert f'<td class="number">{mean:.2f}<' in (out / "index.html").read_text()


def test_bounds_are_explained_and_never_called_results(evaluated: tuple[Outcome, Path]) -> None:
    done, out = evaluated
    kinds = {system["name"]: system["kind"] for system in told(out)["systems"]}
    assert kinds == {"damaged": "input", "bypass": "result", "louder": "result", **dict.fromkeys(BOUNDS, "oracle")}
    for text in (done.out, (out / "table.md").read_text(), (out / "index.html").read_text()):
        assert all(name in text for name in BOUNDS)
        assert "no result: the magnitudes of the clean audio" in text


def test_what_is_heard_is_what_was_scored(evaluated: tuple[Outcome, Path]) -> None:
    out = evaluated[1]
    (folder,) = list((out / "gain").iterdir())
    assert {"clean.flac", "clean.png", "damaged.flac", "damaged.png"} <= set(files_below(folder))
    assert "bypass.flac" not in files_below(folder)  # the very bits of the damaged
    clean, damaged = (soundfile.read(folder / f"{name}.flac", dtype="float64")[0] for name in ("clean", "damaged"))
    assert clean.shape == (3 * RATE_HZ, 2)
    assert np.abs(damaged - clean * 10 ** (-6 / 20)).max() < 2.0**-22
    page = (out / "gain.html").read_text()
    assert page.count("<audio ") == page.count("<figure>") >= 3
    assert not re.search(r'(src|href)="?(http|//)', page)
    assert parts(out) == []


def test_one_job_and_two_give_the_same_bytes(evaluated: tuple[Outcome, Path], mixes: Path, tmp_path: Path) -> None:
    done = rebounce(
        "evaluate", "--clean", mixes / "clean", "--recipe", mixes / "six.toml", "--preset", "bypass",
        "--preset", mixes / "louder.toml", "--seconds", 3, "--audio", 1, "-o", tmp_path / "out", "--jobs", 2, "-q",
    )  # fmt: skip
    assert (done.code, done.out, done.err) == (0, "", "")
    assert files_below(tmp_path / "out") == files_below(evaluated[1])
    for name in files_below(tmp_path / "out"):
        assert (tmp_path / "out" / name).read_bytes() == (evaluated[1] / name).read_bytes(), name


def test_an_evaluation_that_is_there_is_kept_unless_forced(mixes: Path, tmp_path: Path) -> None:
    call = ("evaluate", "--clean", mixes / "clean", "--limit", 1, "--seconds", 2, "-o", tmp_path, "--scores", "snr_db")
    (tmp_path / "notes.txt").write_text("mine")
    assert rebounce(*call, "--fault", "gain", "--audio", 1).code == 0
    assert (tmp_path / "gain.html").exists()
    again = rebounce(*call, "--fault", "eq", "--no-audio")
    assert again.code == 2
    assert "an evaluation is there already" in again.err
    assert "--force" in again.err
    assert rebounce(*call, "--fault", "eq", "--no-audio", "--force").code == 0
    assert files_below(tmp_path) == ["evaluation.json", "index.html", "notes.txt", "scores.csv", "table.md"]


def test_without_a_preset_damage_and_oracles_are_told(mixes: Path) -> None:
    done = rebounce(
        "evaluate",
        "--clean",
        mixes / "clean",
        "--fault",
        "gain",
        "--seconds",
        1,
        "--limit",
        2,
        "--scores",
        "snr_db",
        "--json",
    )
    data = json.loads(done.out)
    assert done.code == 0
    assert [system["name"] for system in data["systems"]] == ["damaged", *BOUNDS]
    assert (data["do_no_harm"], len(data["items"])) == ([], 2)


def test_bad_files_are_named_and_passed_over(mixes: Path, tmp_path: Path) -> None:
    write(tmp_path / "good.wav", make_mix(5, 5, RATE_HZ).audio)
    (tmp_path / "broken.wav").write_bytes(b"RIFF, they said")
    done = rebounce("evaluate", "--clean", tmp_path, "--fault", "gain", "--seconds", 2, "--scores", "snr_db", "--json")
    assert done.code == 1
    assert "broken.wav" in done.err
    assert [Path(track["path"]).name for track in json.loads(done.out)["tracks"]] == ["good.wav"]


def test_a_preset_that_fails_is_counted_and_named_and_costs_no_other(tmp_path: Path) -> None:
    write(tmp_path / "clean" / "low.wav", make_mix(5, 5, 22_050).audio, rate_hz=22_050)
    chain(tmp_path / "high.toml", '[[chain]]\nplugin = "LowpassFilter"\ncutoff_frequency_hz = 20000\n')
    done = rebounce(
        "evaluate", "--clean", tmp_path / "clean", "--fault", "gain", "--preset", tmp_path / "high.toml",
        "--preset", "bypass", "--seconds", 1, "--scores", "snr_db", "--json",
    )  # fmt: skip
    data = json.loads(done.out)
    gain = rows(data, "gain")
    assert done.code == 1
    assert "high failed on" in done.err
    assert "expected numbers, got NaN" in done.err
    assert (gain["high"]["failed"], gain["bypass"]["failed"]) == (1, 0)
    assert gain["high"]["scores"]["snr_db"]["mean"] is None
    assert gain["bypass"]["scores"]["snr_db"]["mean"] is not None
    harm = {row["preset"]: row for row in data["do_no_harm"]}
    assert (harm["high"]["failed"], harm["high"]["identical"]["successes"]) == (1, 0)


def test_wrong_usage_is_refused_before_any_work(mixes: Path, tmp_path: Path) -> None:
    clean = ("evaluate", "--clean", mixes / "clean")
    (tmp_path / "empty").mkdir()
    calls = {
        ("evaluate",): "expected clean audio, --clean DIR",
        ("evaluate", "--clean", tmp_path / "empty"): "found none; name a file, or a folder",
        (*clean, "--preset", "bypas"): "did you mean 'bypass'",
        (*clean, "--fault", "ecco"): "did you mean 'echo'",
        (*clean, "--recipe", "reedme"): "did you mean 'readme'",
        (*clean, "--scores", "si_sdr"): "did you mean 'si_sdr_db'",
        (*clean, "--scores", ","): "found none",
        (*clean, "--stage", "3"): "--stage goes with --curriculum",
        (*clean, "--curriculum", "token-unet"): "--curriculum needs --stage",
        (*clean, "--curriculum", "token-unet", "--stage", "9"): "it has 0, 1,",
        (*clean, "--curriculum", "token-unet", "--stage", "1", "--fault", "eq"): "excludes --fault",
        (*clean, "--fault", "eq", "--stronger"): "no stronger ranges",
        (*clean, "--fault", "eq", "--recipe", "mp3"): "has no fault 'eq'",
        (*clean, "--codec", "opus"): "expected encodec",
        (*clean, "--device", "gpu"): "did you mean 'cuda'",
        (*clean, "-o", mixes / "clean" / "out"): "lies inside the clean audio",
        (*clean, "-q", "-v"): "exclude each other",
    }
    for (call, words), done in zip(calls.items(), rebounce_many(calls), strict=True):
        assert done.code == 2, call
        assert words in done.err, (call, done.err)
        assert done.out == ""


def test_a_split_without_tracks_says_where_they_are(mixes: Path) -> None:
    call = ("evaluate", "--clean", mixes / "clean", "--fault", "gain", "--seconds", 1, "--scores", "snr_db", "--json")
    calls = [(*call, "--split", split) for split in ("train", "validation", "test")]
    found = 0
    for done in rebounce_many(calls):
        if done.code == 2:
            assert re.search(r"none of the tracks is in it \(\d in ", done.err)
        else:
            found += len(json.loads(done.out)["tracks"])
    assert found == 3


def test_a_stage_of_the_curriculum_is_one_group(mixes: Path) -> None:
    done = rebounce(
        "evaluate", "--clean", mixes / "clean", "--curriculum", "token-unet", "--stage", 3, "--stronger", "-q",
        "--seconds", 1, "--limit", 1, "--scores", "snr_db", "--json",
    )  # fmt: skip
    data = json.loads(done.out)
    assert [group["name"] for group in data["groups"]] == ["token-unet/3-stronger"]
    assert [len(item["damage"]) for item in data["items"]] == [3]


def test_with_a_codec_its_ceiling_and_what_tokens_could_give_stand_beside(mixes: Path, tmp_path: Path) -> None:
    from rebounce.training.encodec_weights import random_weights, save_weights

    save_weights(tmp_path / "random.safetensors", random_weights(0))
    done = rebounce(
        "evaluate", "--clean", mixes / "clean", "--fault", "gain", "--seconds", 1, "--limit", 1, "--scores", "snr_db",
        "--weights", tmp_path / "random.safetensors", "--bandwidth", 3, "--json",
    )  # fmt: skip
    data = json.loads(done.out)
    assert done.code == 0
    assert data["asked"]["codec"]["id"].startswith("encodec-48khz-3kbps@")
    kinds = {system["name"]: system["kind"] for system in data["systems"]}
    assert (kinds["round trip"], kinds["oracle: tokens known"]) == ("ceiling", "oracle")
    means = {name: row["scores"]["snr_db"]["mean"] for name, row in rows(data, "gain").items()}
    assert means["round trip"] < means["damaged"]  # random weights decode noise
    assert means["oracle: tokens known"] is not None


def test_an_interruption_leaves_nothing_half_written(mixes: Path, tmp_path: Path) -> None:
    process = start(
        "evaluate", "--clean", mixes / "clean", "--recipe", "readme", "--preset", "five-stage", "--items", 50,
        "-o", tmp_path / "out", "--jobs", 2, new_session=True,
    )  # fmt: skip
    wait_until(lambda: len(workers(process.pid)) == 2, process)
    done, seconds = interrupt(process, signal.SIGINT)
    assert done.code == 130
    assert seconds < 3
    assert not (tmp_path / "out").exists()
