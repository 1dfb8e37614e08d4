"""`rebounce export` as a user meets it: a whole package, or a sentence that says why there is none."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import interrupt, rebounce, rebounce_many, start, wait_until
from tiny_packages import tiny_codec, tiny_codec_package, tiny_unet

from rebounce.engine.codec_models import codec_id_of
from rebounce.engine.model_package import ModelPackage, load_package, verify_package
from rebounce.training.checkpoint import write_checkpoint
from rebounce.training.networks.registry import make_network

SOON_S = 10.0


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    return tiny_codec_package(tmp_path_factory.mktemp("packages") / "tiny-codec")


@pytest.fixture(scope="module")
def checkpoint(codec: ModelPackage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the smallest network there is: what is tried here is all around it."""
    path = tmp_path_factory.mktemp("runs") / "best.pt"
    write_checkpoint(path, state(codec_id_of(codec)))
    return path


def state(codec_id: str, **changes: Any) -> dict[str, Any]:
    shape = tiny_unet().shape
    return {
        "kind": "copy",
        "size": "tiny",
        "shape": asdict(shape),
        "codec_id": codec_id,
        "model": make_network("copy", "tiny", shape).state_dict(),
        "config": {"data": {"latents": "codes"}},
        "stage": "0",
        "epoch": 3,
        "step": 40,
        "validation": {"token_loss": 0.25, "best": float("inf"), "stage": "0"},
        **changes,
    }


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_becomes_a_package_that_holds_what_it_says(
    codec: ModelPackage, checkpoint: Path, tmp_path: Path
) -> None:
    card = tmp_path / "card.txt"
    card.write_text("Twelve songs of our own.\r\nNothing else.\n", encoding="utf-8")
    out = tmp_path / "out" / "my-copy"
    named = ["--codec", codec.folder, "--licence", "CC0-1.0", "--version", "2.1", "--data-card", card]
    done = rebounce("export", checkpoint, "-o", out, *named, "--score", "si_sdr_db=9.5", "--json")
    assert (done.code, done.err.count("\n")) == (0, 1)
    package = load_package(out)
    manifest = package.manifest
    assert (manifest.name, manifest.version, manifest.licence) == ("my-copy", "2.1", "CC0-1.0")
    assert manifest.training_data_card == "Twelve songs of our own.\nNothing else."
    assert manifest.scores == {"validation_token_loss": 0.25, "si_sdr_db": 9.5}
    assert manifest.settings["unet_codec_id"] == codec_id_of(codec)
    assert all(result.difference <= result.tolerance for result in verify_package(package))
    (said,) = done.records
    assert (said["package"], said["folder"], said["precision"]) == (package.id, str(out), "fp32")
    assert said["bytes"] == sum(path.stat().st_size for path in out.rglob("*.*") if path.name != "manifest.toml")
    assert set(said["differences"]) == {f"unet.onnx:{item.port.name}" for item in manifest.outputs[4:]}
    assert left_in(out.parent) == ["my-copy"]


def test_a_package_that_is_there_stays_unless_it_may_be_replaced(
    codec: ModelPackage, checkpoint: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "package", tmp_path / "other"
    shutil.copytree(codec.folder, out)
    other.mkdir()
    (other / "diary.txt").touch()
    call = ["export", checkpoint, "--codec", codec.folder, "-q", "-o"]
    refused, foreign, forced = rebounce_many([[*call, out], [*call, other, "--force"], [*call, out, "--force"]])
    assert (refused.code, foreign.code, forced.code) == (1, 1, 0)
    assert f"{out}: it is there already; add --force to replace it" in refused.err
    assert f"{other}: expected a folder that an export made, or an empty one" in foreign.err
    assert (forced.out, forced.err) == ("", "")
    assert load_package(out).manifest.kind == "token-restorer"
    assert (left_in(other), left_in(tmp_path)) == (["diary.txt"], ["other", "package"])


def test_what_cannot_be_exported_is_one_plain_sentence(codec: ModelPackage, checkpoint: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    torch.save({"schema": "rebounce-checkpoint-0"}, tmp_path / "old.pt")
    write_checkpoint(tmp_path / "stranger.pt", state("elsewhere@0123456789ab"))
    write_checkpoint(tmp_path / "older.pt", state(codec_id_of(codec), config={"data": {"windows": 8}}))
    plain = state("", kind="light-codec", size=asdict(tiny_codec().size), stage="plain")
    write_checkpoint(tmp_path / "plain.pt", plain)
    (tmp_path / "empty.txt").touch()
    here = ["-o", runs / "x", "--codec", codec.folder]
    calls = {
        "expected a checkpoint, found no such file": [tmp_path / "none.pt", *here],
        "expected a checkpoint of the schema 'rebounce-checkpoint-1'": [tmp_path / "old.pt", *here],
        "expected data.latents = 'codes' or 'encoded' in its config, found None": [tmp_path / "older.pt", *here],
        "a package whose codec differs from the U-Net's": [tmp_path / "stranger.pt", *here],
        "codec elsewhere@0123456789ab: name its package with --codec": [tmp_path / "stranger.pt", "-o", runs / "x"],
        "before the quantiser had its turn": [tmp_path / "plain.pt", "-o", runs / "x"],
        "--codec: expected only with a token network": [tmp_path / "plain.pt", *here],
        "'nowhere': expected the name of a model": [checkpoint, "-o", runs / "x", "--codec", "nowhere"],
        "--name No Name: expected small letters": [checkpoint, *here, "--name", "No Name"],
        "expected NAME=NUMBER, si_sdr_db=9.5 say, found 'good'": [checkpoint, *here, "--score", "good"],
        "found 'si_sdr_db=nan'": [checkpoint, *here, "--score", "si_sdr_db=nan"],
        "'int4' is not one of 'fp32', 'fp16', 'int8'": [checkpoint, *here, "--precision", "int4"],
        "found an empty file": [checkpoint, *here, "--data-card", tmp_path / "empty.txt"],
        "found that [Errno 2]": [checkpoint, *here, "--data-card", tmp_path / "none.txt"],
        "--quiet and --verbose exclude each other": [checkpoint, *here, "-q", "-v"],
    }
    for (told, _), done in zip(
        calls.items(), rebounce_many([["export", *call] for call in calls.values()]), strict=True
    ):
        assert told in done.err
        assert done.code in (1, 2)
    assert not runs.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_an_export_that_is_stopped_leaves_nothing(codec: ModelPackage, checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "package"
    with start("export", checkpoint, "-o", out, "--codec", codec.folder) as process:
        wait_until(_begun(out).exists, process)
        done, seconds = interrupt(process, signal.SIGTERM)
    assert (done.code, seconds < SOON_S, left_in(out.parent)) == (130, True, [])


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_an_export_that_is_killed_leaves_no_package_and_the_next_clears_up(
    codec: ModelPackage, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out" / "package"
    call = ["export", checkpoint, "-o", out, "--codec", codec.folder]
    with start(*call) as process:
        wait_until(_begun(out).exists, process)
        interrupt(process, signal.SIGKILL)
    assert not out.exists()
    assert left_in(out.parent) != []
    assert rebounce(*call, "-q").code == 0
    assert left_in(out.parent) == ["package"]


def _begun(out: Path) -> Path:
    """What is there once the export works."""
    return out.parent / ".package.rebounce.part" / "encoder.onnx"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root on Linux can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_without_room_is_told_and_left_as_it_was(
    codec: ModelPackage, checkpoint: Path, small_disk: Path
) -> None:
    (small_disk / "filler").write_bytes(np.random.default_rng(0).bytes(900_000))
    done = rebounce("export", checkpoint, "-o", small_disk / "package", "--codec", codec.folder)
    assert done.code == 1
    assert f"{small_disk}: the disk is full (" in done.err
    assert left_in(small_disk) == ["filler"]
