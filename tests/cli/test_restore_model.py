"""`restore` and `evaluate` with a model: which one runs, what the record says, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import Outcome, damped, read, rebounce, rebounce_many, write
from restorer_packages import rule_package
from tiny_packages import tiny_codec_package

from rebounce.engine.model_package import ModelPackage


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    """To this network every token is wrong."""
    return rule_package(tmp_path_factory.mktemp("all"), wrong=range(16), name="everything")


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    """To this network every token is right."""
    return rule_package(tmp_path_factory.mktemp("none"), wrong=[], name="nothing")


@pytest.fixture(scope="module")
def mixes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixes")
    write(folder / "one.wav", damped(1.0, seed=1))
    write(folder / "two.wav", damped(0.7, seed=2), subtype="FLOAT")
    return folder


def restore(mixes: Path, out: Path, package: ModelPackage, *more: object) -> Outcome:
    return rebounce(
        "restore", mixes, "-o", out, "--preset", "token-restore", "--model", package.folder, "--json", *more
    )


def test_the_record_names_the_model_that_ran_and_where(everything: ModelPackage, mixes: Path, tmp_path: Path) -> None:
    done = restore(mixes, tmp_path / "out", everything)
    assert (done.code, done.statuses()) == (0, {"one.wav": "restored", "two.wav": "restored"})
    for record in done.records:
        assert (record["model"], record["device"]) == (everything.id, "cpu")
        assert any("windows were repaired" in message for message in record["messages"])
    assert not np.array_equal(read(tmp_path / "out" / "one.wav"), read(mixes / "one.wav"))


def test_where_the_network_finds_nothing_the_file_comes_back_byte_for_byte(
    nothing: ModelPackage, mixes: Path, tmp_path: Path
) -> None:
    done = restore(mixes, tmp_path / "out", nothing, "--device", "cpu")
    assert done.statuses() == {"one.wav": "unchanged", "two.wav": "unchanged"}
    for name in ("one.wav", "two.wav"):
        assert (tmp_path / "out" / name).read_bytes() == (mixes / name).read_bytes()


def test_several_processes_give_the_same_bytes(everything: ModelPackage, mixes: Path, tmp_path: Path) -> None:
    alone, together = (
        restore(mixes, tmp_path / "a", everything),
        restore(mixes, tmp_path / "b", everything, "--jobs", 2),
    )
    assert (alone.code, together.code) == (0, 0)
    for name in ("one.wav", "two.wav"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert [record["model"] for record in together.records] == [everything.id] * 2


def test_a_result_is_known_again_by_the_package_and_not_by_its_place(
    everything: ModelPackage, nothing: ModelPackage, mixes: Path, tmp_path: Path
) -> None:
    restore(mixes, tmp_path / "out", everything)
    moved = rule_package(tmp_path / "moved", wrong=range(16), name="everything")
    assert set(restore(mixes, tmp_path / "out", moved).statuses().values()) == {"skipped"}
    other = restore(mixes, tmp_path / "out", nothing)
    assert (other.code, set(other.statuses().values())) == (1, {"error"})


def test_a_dry_run_names_the_model_too(everything: ModelPackage, mixes: Path, tmp_path: Path) -> None:
    planned = restore(mixes, tmp_path / "out", everything, "--dry-run")
    assert [record["model"] for record in planned.records] == [everything.id] * 2


def test_a_saved_chain_runs_the_same_model(everything: ModelPackage, mixes: Path, tmp_path: Path) -> None:
    restore(mixes / "one.wav", tmp_path / "a", everything, "--save-chain", "--strength", 50)
    saved = tmp_path / "a" / "one.chain.toml"
    again = rebounce("restore", mixes / "one.wav", "-o", tmp_path / "b", "--preset", saved, "--json")
    assert again.record("one.wav")["model"] == everything.id
    assert (tmp_path / "a" / "one.wav").read_bytes() == (tmp_path / "b" / "one.wav").read_bytes()


def test_restoring_with_a_model_never_loads_torch(everything: ModelPackage, mixes: Path, tmp_path: Path) -> None:
    code = (
        "import sys, rebounce\n"
        f"board = rebounce.Board([rebounce.TokenRestore(model={str(everything.folder)!r})])\n"
        f"record = board.restore_file({str(mixes / 'one.wav')!r}, {str(tmp_path / 'out.wav')!r})\n"
        "print(record.status, record.model, 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["restored", everything.id, "False"]


def test_what_cannot_be_is_refused_before_anything_is_written(
    everything: ModelPackage, mixes: Path, tmp_path: Path
) -> None:
    codec = tiny_codec_package(tmp_path / "codec").folder
    out, one = tmp_path / "out", mixes / "one.wav"
    preset = ("--preset", "token-restore")
    no_use, unknown, no_gpu, no_unet, evaluated = rebounce_many(
        [
            ["restore", one, "-o", out, "--model", everything.folder],
            ["restore", one, "-o", out, *preset, "--model", "lihgt"],
            ["restore", one, "-o", out, *preset, "--model", everything.folder, "--device", "cuda:9"],
            ["restore", one, "-o", out, *preset, "--model", codec],
            ["evaluate", "--clean", mixes, "--fault", "echo", "--preset", "bypass", "--model", everything.folder],
        ]
    )
    for outcome in (no_use, evaluated):
        assert outcome.code == 2
        assert everything.id in outcome.err
        assert "name a preset that has such a plugin: token-restore" in outcome.err
    assert (unknown.code, "--model lihgt" in unknown.err) == (2, True)
    assert (no_gpu.code, "--device cuda:9" in no_gpu.err) == (2, True)
    assert (no_unet.code, "expected 'token-restorer'" in no_unet.err) == (1, True)
    assert not out.exists()


def test_evaluate_runs_the_model_that_was_named(everything: ModelPackage, mixes: Path) -> None:
    done = rebounce(
        *("evaluate", "--clean", mixes, "--fault", "gain", "--preset", "token-restore", "--model", everything.folder),
        *("--seconds", "0.5", "--items", "1", "--limit", "1", "--json"),
    )
    assert done.code == 0, done.err
    (preset,) = json.loads(done.out)["asked"]["presets"]
    assert preset["chain"][0]["model"] == str(everything.folder)
