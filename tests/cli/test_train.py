"""`rebounce train`: what it tells, what it leaves, and what it refuses before anything is written."""

import json
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from commands import Outcome, files_below, interrupt, parts, rebounce, rebounce_many, start, wait_until
from shift_making import write_shifts
from tiny_packages import tiny_codec_package
from torch_threads import threads

from rebounce.engine.codec_models import codec_id_of
from rebounce.presets.training_file import format_training
from rebounce.training.checkpoint import SCHEMA, read_checkpoint
from rebounce.training.trainer.configs import load_config

SOON_S = 10.0
STAGES = ("0", "1", "1-stronger", "2", "3", "3-stronger", "4", "4-stronger")


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles of a codec, and the codec's package."""
    folder = tmp_path_factory.mktemp("setting")
    with threads(1):
        package = tiny_codec_package(folder / "codec")
    write_shifts(folder / "bundles", 4, codec_id=codec_id_of(package))
    return folder


def call(setting: Path, out: Path, *more: object) -> list[object]:
    """The tiny config on the CPU."""
    options = ["--bundles", setting / "bundles", "--codec", setting / "codec", "--device", "cpu", "--threads", 1]
    return ["train", "tiny", "-o", out, *options, *more]


def test_a_stage_is_trained_told_and_left_in_its_folder(setting: Path, tmp_path: Path) -> None:
    done = rebounce(*call(setting, tmp_path / "run", "--until-stage", "0", "--json"))
    assert (done.code, done.err) == (0, "")
    events = done.records
    assert [event["event"] for event in events] == ["message", *["epoch"] * 4, "stage", "end"]
    assert [event["epoch"] for event in events[1:5]] == [0, 1, 2, 3]
    assert events[5]["reason"] == "all its epochs are done"
    assert events[6] == {
        "event": "end", "output": str(tmp_path / "run"), "best": str(tmp_path / "run/best.pt"), "is_done": False
    }  # fmt: skip
    left = files_below(tmp_path / "run")
    assert {
        "best.pt",
        "config.toml",
        "epochs.csv",
        "last.pt",
        "losses.png",
        "run.json",
        "stages/0.pt",
        "steps.csv",
    } <= {*left}
    assert {"samples/0/1-clean.wav", "samples/0/1-epoch-0000.wav", "samples/0/epoch-0000.png"} <= {*left}
    state = read_checkpoint(tmp_path / "run/best.pt")
    assert (state["schema"], state["kind"], state["size"], state["stage"]) == (SCHEMA, "token-unet", "tiny", "0")
    facts = json.loads((tmp_path / "run/run.json").read_text())
    assert (facts["id"], facts["device"], facts["precision"]) == (state["run_id"], "cpu", "fp32")
    assert load_config(tmp_path / "run/config.toml").stages == load_config("tiny").stages


@pytest.fixture(scope="module")
def refusals(setting: Path) -> dict[str, tuple[list[object], int, str]]:
    """Commands that cannot be, with the exit code and a part of what is said of each."""
    home = setting / "refusals"
    (home / "other").mkdir(parents=True)
    (home / "unknown.toml").write_text('kind = "token-unet"\nsizes = "tiny"\n')
    torch.save({"schema": "something-else-3"}, home / "other/last.pt")
    write_shifts(home / "foreign", 2)
    out = home / "out"
    foreign = ["train", "tiny", "--bundles", home / "foreign", "--codec", setting / "codec", "-o", out]
    cases: dict[str, tuple[list[object], int, str]] = {
        "name": (
            ["train", "tinny"],
            2,
            "expected a training config, one of light, light-codec, tiny, token-unet, or the path",
        ),
        "file": (["train", home / "none.toml"], 2, "none.toml: expected a training config in TOML, but it cannot be"),
        "key": (["train", home / "unknown.toml"], 2, "unknown.toml, line 2: unknown key 'sizes'; did you mean 'size'?"),
        "stage": (call(setting, out, "--until-stage", "9"), 2, "--until-stage 9: expected one of 0, 1, 1-stronger"),
        "device": (call(setting, out, "--device", "gpu"), 2, "--device gpu: expected auto, cpu, cuda or cuda:N"),
        "codec": (
            call(setting, out, "--codec", "nope"),
            1,
            "'nope': expected the name of a model or the folder of one",
        ),
        "bundles": (call(setting, out, "--bundles", home / "no"), 2, "no: expected a folder of bundles, found none"),
        "schema": (call(setting, home / "other", "--resume"), 1, "a checkpoint of the schema 'rebounce-checkpoint-1'"),
        "quiet": (call(setting, out, "-q", "-v"), 2, "train: --quiet and --verbose exclude each other"),
        "no stages": (["train", "light-codec", "-o", out, "--until-stage", "0"], 2, "a codec has no stages"),
        "foreign": (foreign, 2, "expected bundles of the codec tiny-codec@"),
    }
    if not torch.cuda.is_available():
        cases["gpu"] = (call(setting, out, "--device", "cuda"), 2, "--device cuda: expected a GPU, but torch")
    return cases


@pytest.fixture(scope="module")
def running(setting: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A run that has begun and would take for ever."""
    config = load_config("tiny", {"output": str(setting / "running"), "bundles": (str(setting / "bundles"),)})
    endless = replace(config.stages[0], epochs=100_000)
    text = format_training(replace(config, stages=(endless,), codec=str(setting / "codec"), loss={"token": 1.0}))
    (setting / "endless.toml").write_text(text)
    with start("train", setting / "endless.toml", "--device", "cpu", "--threads", 1) as process:
        wait_until((setting / "running/last.pt").exists, process)
        yield process
        process.kill()


@pytest.fixture(scope="module")
def outcomes(setting: Path) -> dict[str, Outcome]:
    """Commands that need no process of their own, in one: most of what they take is loading torch."""
    home = setting / "outcomes"
    calls: dict[str, list[object]] = {
        "told": call(setting, home / "told", "--until-stage", "0"),
        "again": call(setting, home / "told", "--until-stage", "0", "--resume"),
        "changed": call(setting, home / "told", "--resume", "--seed", 9),
        "there": call(setting, home / "told"),
        "quiet": call(setting, home / "quiet", "--until-stage", "0", "-q"),
        "dry": call(setting, home / "dry", "--dry-run", "--until-stage", "1"),
        "dry as json": call(setting, home / "dry", "--dry-run", "--json"),
        "shown": call(setting, home / "shown", "--show", "--seed", 5),
        "codec shown": ["train", "light-codec", "--show"],
    }
    return dict(zip(calls, rebounce_many(calls.values()), strict=True))


@pytest.fixture(scope="module")
def refused(
    setting: Path, refusals: dict[str, tuple[list[object], int, str]], running: "subprocess.Popen[bytes]"
) -> dict[str, Outcome]:
    """What came of the commands that cannot be, and of one that goes on with a run beside its own process."""
    beside = ["train", setting / "endless.toml", "--device", "cpu", "--resume"]
    calls = {**{name: case for name, (case, _, _) in refusals.items()}, "beside": beside}
    found = dict(zip(calls, rebounce_many(calls.values()), strict=True))
    assert running.poll() is None
    return found


def test_a_run_says_how_many_tokens_are_right_and_is_silent_when_asked(
    setting: Path, outcomes: dict[str, Outcome]
) -> None:
    told, quiet = outcomes["told"], outcomes["quiet"]
    assert (told.code, told.err) == (0, "")
    assert "begins with stage 0, epoch 1; 36,316 parameters, on cpu in fp32" in told.out
    assert "stage 0          epoch   3 of 3  training " in told.out
    assert "100.0% of tokens right, 100.0% as they came" in told.out
    assert "stage 0 ends after 3 epochs, as all its epochs are done: validation 0.6931 -> " in told.out
    assert f"{setting / 'outcomes/told/best.pt'}; there are stages left: --resume goes on" in told.out
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_going_on_is_asked_for_and_is_with_the_same_config(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["again"].code == 0
    assert "stage 0 is done already" in outcomes["again"].out
    assert outcomes["changed"].code == 2
    assert "the config that this training began with, found another (seed was 0, now 9)" in outcomes["changed"].err
    assert outcomes["there"].code == 2
    assert "told: there is a training in this folder already; add --resume" in outcomes["there"].err


def test_a_dry_run_says_what_would_run_and_leaves_nothing(setting: Path, outcomes: dict[str, Outcome]) -> None:
    assert outcomes["dry"].out.splitlines()[1:] == [
        "stage 0          4 items, 16 windows an epoch, 3 to 3 epochs, 24 steps at most: token",
        "stage 1          4 items, 16 windows an epoch, 4 to 10 epochs, 80 steps at most: token, latent, mask, level",
    ]
    (plan,) = outcomes["dry as json"].records
    assert [stage["stage"] for stage in plan["stages"]] == list(STAGES)
    assert plan["shape"] == {"codebooks": 4, "codebook_size": 16, "latent_dimension": 8, "window_tokens": 16}
    assert not (setting / "outcomes/dry").exists()


def test_a_config_is_shown_with_every_value_spelled_out(
    setting: Path, outcomes: dict[str, Outcome], tmp_path: Path
) -> None:
    table = tomllib.loads(outcomes["shown"].out)
    assert (table["seed"], table["output"]) == (5, str(setting / "outcomes/shown"))
    assert table["bundles"] == [str(setting / "bundles")]
    (tmp_path / "my.toml").write_text(outcomes["shown"].out)
    assert load_config(tmp_path / "my.toml").seed == 5
    assert tomllib.loads(outcomes["codec shown"].out)["codec_training"]["steps"] == 12_000


def test_what_cannot_be_is_refused_before_anything_is_written(
    setting: Path, refused: dict[str, Outcome], refusals: dict[str, tuple[list[object], int, str]]
) -> None:
    for name, (case, code, message) in refusals.items():
        outcome = refused[name]
        assert (outcome.code, message in outcome.err) == (code, True), (case, outcome)
        assert "Traceback" not in outcome.err
    assert not (setting / "refusals/out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_a_second_run_beside_the_first_is_refused_and_ctrl_c_ends_it_soon(
    setting: Path, refused: dict[str, Outcome], running: "subprocess.Popen[bytes]"
) -> None:
    run = setting / "running"
    assert refused["beside"].code == 1
    assert f"{run}: another rebounce trains into this folder right now; wait for it" in refused["beside"].err
    done, seconds = interrupt(running, signal.SIGINT)
    assert (done.code, seconds < SOON_S) == (130, True)
    assert done.err.strip() == "rebounce: interrupted; nothing half-written was left behind"
    assert parts(run) == []
    read_checkpoint(run / "last.pt")


def test_a_light_install_is_told_what_is_missing(tmp_path: Path) -> None:
    """A fresh interpreter in which torch cannot be imported, as where only restoring was installed."""
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from rebounce.cli import main\n"
        f"sys.argv = ['rebounce', 'train', 'tiny', '-o', {str(tmp_path)!r}]\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("rebounce: train: the package torch")
    assert 'pip install "rebounce[train]"' in done.stderr
