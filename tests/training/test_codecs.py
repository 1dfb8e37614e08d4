"""Codecs opened by name: with the weights asked for, or with a plain word why not."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rebounce.engine.errors import CodecError, UsageError
from rebounce.training.codecs import open_codec
from rebounce.training.encodec_import import import_encodec
from rebounce.training.encodec_weights import random_weights, read_weights, save_weights, weights_sha256


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(path, random_weights(0))
    return path


def test_a_codec_is_named_after_its_rate_and_weights(weights: Path) -> None:
    sha256 = weights_sha256(read_weights(weights))
    codec = open_codec("encodec", weights)
    assert codec.weights_sha256 == sha256
    assert codec.codec_id == f"encodec-48khz-24kbps@{sha256[:12]}"
    assert (codec.codebooks, codec.codebook_size, codec.channels, codec.sample_rate_hz) == (16, 1024, 2, 48_000)
    assert open_codec("encodec", weights, 3.0).codec_id == f"encodec-48khz-3kbps@{sha256[:12]}"
    assert open_codec("encodec", weights, 3.0).codebooks == 2


def test_torchs_own_file_gives_the_same_codec(weights: Path, tmp_path: Path) -> None:
    torch.save(read_weights(weights), tmp_path / "weights.th")
    assert open_codec("encodec", tmp_path / "weights.th").codec_id == open_codec("encodec", weights).codec_id


def test_without_weights_and_network_it_is_told_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(import_encodec().model, "ROOT_URL", f"{tmp_path.as_uri()}/hub/")
    with pytest.raises(CodecError, match=r"download .*/hub/encodec_48khz-7e698e3e.th .*--weights FILE"):
        open_codec("encodec")


def test_a_damaged_file_in_torchs_cache_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / "encodec_48khz-7e698e3e.th"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half of it")
    with pytest.raises(CodecError, match=rf"{path}: expected a file whose SHA-256 begins with 7e698e3e"):
        open_codec("encodec")


def test_names_and_rates_that_do_not_exist_are_refused(weights: Path) -> None:
    with pytest.raises(UsageError, match="--codec opus: expected encodec"):
        open_codec("opus", weights)
    with pytest.raises(UsageError, match="expected 3, 6, 12 or 24 kbps, found 5"):
        open_codec("encodec", weights, 5.0)


def test_a_missing_torch_is_told_with_how_to_get_it(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(CodecError, match=r'needs torch.* pip install "rebounce\[train\]"'):
        open_codec("encodec", weights)


def test_the_names_of_the_codecs_cost_no_torch() -> None:
    script = "import rebounce.training.codecs, sys; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]
