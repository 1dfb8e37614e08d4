"""Codecs opened by name: with the weights asked for, or with a plain word why not."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from restorer_packages import rule_package
from signals import noise
from tiny_packages import tiny_codec_package
from torch_threads import threads

from rebounce.engine.errors import CodecError, ModelError, UsageError
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.model_store import bundled_models
from rebounce.engine.onnx_codec import OnnxCodec
from rebounce.engine.window_scale import Scaling
from rebounce.engine.window_sessions import thread_count
from rebounce.training import codecs
from rebounce.training.codecs import CodecChoice, codec_choice, open_codec, opened, use_threads
from rebounce.training.encodec_codec import segment_scale
from rebounce.training.encodec_import import import_encodec
from rebounce.training.encodec_weights import random_weights, read_weights, save_weights, weights_sha256


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(path, random_weights(0))
    return path


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    return tiny_codec_package(tmp_path_factory.mktemp("codec") / "tiny")


@pytest.fixture
def own_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test says of threads is forgotten after it."""
    monkeypatch.setattr(codecs, "_PROCESS", codecs._Process())
    with threads(torch.get_num_threads()):
        yield


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


def test_the_folder_of_a_package_is_a_codec_too(package: ModelPackage, tmp_path: Path) -> None:
    codec = open_codec(str(package.folder))
    assert isinstance(codec, OnnxCodec)
    assert codec.codec_id == package.manifest.settings["codec_id"]
    assert codec.models.device == "cpu"
    assert open_codec(str(rule_package(tmp_path / "restorer", [0]).folder)).codec_id == codec.codec_id


def test_a_folder_that_holds_no_package_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"expected a model package with a manifest\.toml"):
        open_codec(str(tmp_path))


def test_encodecs_own_options_are_refused_for_others(package: ModelPackage, weights: Path) -> None:
    with pytest.raises(UsageError, match=r"--weights: only the codec encodec takes it, .*tiny has weights and a rate"):
        open_codec(str(package.folder), weights)
    with pytest.raises(UsageError, match="--bandwidth: only the codec encodec takes it"):
        open_codec(str(package.folder), None, 24.0)


def test_without_a_name_it_is_what_comes_with_rebounce_or_what_the_options_are_for(weights: Path) -> None:
    usual = "light" if "light" in bundled_models() else "encodec"
    assert codec_choice(None, None, None) == CodecChoice(name=usual)
    assert codec_choice(None, weights, None) == CodecChoice(name="encodec", weights=weights)
    assert codec_choice(None, None, 6.0) == CodecChoice(name="encodec", bandwidth_kbps=6.0)
    assert codec_choice("light", None, None) == CodecChoice(name="light")


def test_a_choice_is_called_by_what_tells_it_from_others() -> None:
    assert CodecChoice(name="encodec").label == "encodec at 24 kbps"
    assert CodecChoice(name="encodec", bandwidth_kbps=3.0).label == "encodec at 3 kbps"
    assert CodecChoice(name="light").label == "light"


def test_a_choice_travels_to_other_processes(package: ModelPackage) -> None:
    choice = CodecChoice(name=str(package.folder))
    sent = pickle.loads(pickle.dumps(choice))
    assert sent == choice
    assert opened(sent) is opened(choice)


@pytest.mark.usefixtures("own_threads")
def test_threads_are_given_to_codecs_opened_before_and_after(package: ModelPackage, weights: Path) -> None:
    choice = CodecChoice(name=str(package.folder))
    codec = opened(choice)
    assert isinstance(codec, OnnxCodec)
    assert codec.models.at_once == thread_count(None)
    audio = noise(20_000)
    made = []
    for count in (1, 3):
        use_threads(count)
        assert torch.get_num_threads() == count
        assert opened(choice) is codec
        assert codec.models.at_once == count
        made.append(codec.encode(audio).codes)
    np.testing.assert_array_equal(made[0], made[1])
    torch.set_num_threads(1)
    open_codec("encodec", weights, 3.0)
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("side", [0.0, 0.5, 1.0])
def test_an_encodec_package_scales_a_window_as_encodec_does(side: float) -> None:
    middle, sides = noise(4_800, channels=1), noise(4_800, channels=1, seed=1)
    audio = np.concatenate([(1 - side) * middle + side * sides, (1 - side) * middle - side * sides])
    own = float(segment_scale(torch.from_numpy(audio.astype(np.float32))[np.newaxis]))
    assert Scaling(kind="mono-rms", floor=1e-8).of(audio.astype(np.float32)) == pytest.approx(own, rel=1e-5)


def test_neither_the_names_of_the_codecs_nor_a_packages_codec_cost_torch(package: ModelPackage) -> None:
    script = (
        "import numpy, sys; from rebounce.training.codecs import open_codec, use_threads; use_threads(1);"
        "codec = open_codec(sys.argv[1]); codec.decode(codec.encode(numpy.zeros((2, 9), 'float32')));"
        "print('torch' in sys.modules)"
    )
    call = [sys.executable, "-c", script, str(package.folder)]
    assert subprocess.run(call, capture_output=True, text=True, check=True).stdout.split() == ["False"]
