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


def test_csv_and_json_hold_the_same_values_and_say_which_are_there(evaluated: tuple[Outcome, Path]) -> None:
    out = evaluated[1]
    data = told(out)
    with (out / "scores.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    found = {(line["group"], line["sha256"], line["system"], line["score"]): line for line in lines}
    expected = {
        (item["group"], item["track"], system, score): (value, "undefined" if value is None else "scored")
        for item in data["items"]
        for system, outcome in item["systems"].items()
        for score, value in outcome["scores"].items()
    }
    assert len(lines) == len(found) == len(expected) == 3 * (5 + 3) * len(data["scores"])
    assert {key: (float(line["value"]) if line["value"] else None, line["status"]) for key, line in found.items()} == (
        expected
    )


def text_of(number: float | None, score: dict[str, Any], sign: str = "") -> str:
    """A number as tables show it: two decimals with a unit, three without, and no sign where it rounds to nothing."""
    if number is None:
        return ""
    text = f"{number:{sign}.{2 if score['unit'] else 3}f}"
    return text.strip("+-") if float(text) == 0 else text


def cell_of(told: dict[str, Any], score: dict[str, Any], sign: str = "") -> str:
    """A mean with its interval."""
    mean, low, high = (text_of(told[part], score, sign) for part in ("mean", "low", "high"))
    return f"{mean} [{low} to {high}]" if low else mean


def test_markdown_holds_every_mean_interval_and_gain_of_the_json(evaluated: tuple[Outcome, Path]) -> None:
    data = told(evaluated[1])
    section = (evaluated[1] / "table.md").read_text().split("\n## gain\n")[1].split("\n## ")[0]
    lines = [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in section.splitlines() if line[:1] == "|"]
    systems = rows(data, "gain")
    first = {line[0]: line[1:] for line in lines[2 : 2 + len(systems)]}
    gains = {line[0]: line[1:] for line in lines[-len(systems) + 1 :]}
    assert set(first) == set(systems) == {*gains, "damaged"}
    for system, row in systems.items():
        cells = [(score, row["scores"][score["name"]]) for score in data["scores"]]
        assert first[system] == [cell_of(cell, score) for score, cell in cells]
        if system != "damaged":
            assert gains[system] == [cell_of(cell["gain"], score, "+") if cell["gain"] else "" for score, cell in cells]


def test_page_and_terminal_hold_the_means_of_the_json(evaluated: tuple[Outcome, Path]) -> None:
    done, out = evaluated
    data = told(out)
    table = (out / "index.html").read_text().split("<h2>gain</h2>")[1].split("</table>")[0]
    lines = done.out.split("gain:")[1].splitlines()
    for system, row in rows(data, "gain").items():
        means = [text_of(row["scores"][score["name"]]["mean"], score) for score in data["scores"]]
        (cells,) = re.findall(rf'<th scope="row">{re.escape(system)}</th>(.*?)</tr>', table)
        assert re.findall(r'<td class="number">([^<]*)', cells) == means
        line = next(line for line in lines if line.startswith(f"{system} "))
        shown = [word.rstrip("+!") for word in line[len(system) :].split()]
        assert shown == means[: len(shown)]  # the last ones do not fit into the width
        assert len(shown) >= 8


def test_json_on_stdout_is_what_the_file_says(mixes: Path, tmp_path: Path) -> None:
    done = rebounce(
        "evaluate", "--clean", mixes / "clean", "--fault", "gain", "--seconds", 1, "--limit", 1, "--scores", "snr_db",
        "--audio", 1, "-o", tmp_path / "out", "--json",
    )  # fmt: skip
    data = json.loads(done.out)
    assert data == told(tmp_path / "out")
    assert sorted([*data["files"], "evaluation.json"]) == files_below(tmp_path / "out")
    assert done.err == f"written      {tmp_path / 'out' / 'index.html'}\n"


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
    assert rebounce(*call, "--fault", "gain", "--audio", 1).code == 0
    (tmp_path / "notes.txt").write_text("mine")
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
        (*clean, "-o", mixes / "clean" / "out", "--clean", mixes / "clea*"): "lies inside the clean audio",
        (*clean, "-o", mixes): "expected an empty folder or an earlier evaluation",
        (*clean, "-o", mixes, "--force"): "expected an empty folder or an earlier evaluation",
        (*clean, "--seconds", "nan"): "expected a number, found nan",
        (*clean, "--seconds", "inf"): "is not in the range",
        (*clean, "--target", "nan"): "expected a number, found nan",
        (*clean, "--target", "inf"): "is not in the range",
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
        "--weights", tmp_path / "random.safetensors", "--bandwidth", 3, "--preset", "bypass",
        "--preset", mixes / "louder.toml", "-o", tmp_path / "out", "--no-audio", "--json",
    )  # fmt: skip
    data = json.loads(done.out)
    assert done.code == 0
    tokens = {row["system"]: row for row in next(g for g in data["groups"] if g["name"] == "gain")["tokens"]}
    assert list(tokens) == ["damaged", "bypass", "louder"]
    assert tokens["bypass"]["overall"] == tokens["damaged"]["overall"]
    assert 0.5 < tokens["louder"]["overall"]["mean"] <= 1  # the codec takes the level away before it looks
    assert [len(row["per_codebook"]) for row in tokens.values()] == [2] * 3
    assert data["token_usage"]["tokens"] == [152, 152]  # 150 a second, and two more for the last segment's 480 frames
    assert all(1 <= perplexity <= 152 for perplexity in data["token_usage"]["perplexity"])
    for name in ("table.md", "index.html"):
        text = (tmp_path / "out" / name).read_text()
        assert f"{tokens['damaged']['overall']['mean']:.3f}" in text
        assert "Token usage" in text
    assert data["asked"]["codec"]["id"].startswith("encodec-48khz-3kbps@")
    kinds = {system["name"]: system["kind"] for system in data["systems"]}
    assert (kinds["round trip"], kinds["oracle: tokens known"]) == ("ceiling", "oracle")
    means = {name: row["scores"]["snr_db"]["mean"] for name, row in rows(data, "gain").items()}
    assert means["round trip"] < means["damaged"]  # random weights decode noise
    assert means["oracle: tokens known"] is not None
    assert list(data["across_faults"]) == list(kinds)


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
