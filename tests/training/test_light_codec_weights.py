"""The codec that comes back out of a package, or out of a checkpoint, is the one that went in."""

import copy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from tiny_packages import WINDOW_TOKENS, music, tiny_codec, tiny_codec_package
from torch import Tensor
from torch_threads import threads

from rebounce.engine.codec_models import CodecModels, open_codec_models
from rebounce.engine.codec_settings import CODEC_FILES, codec_id, weights_sha256
from rebounce.engine.errors import CheckpointError, ModelError
from rebounce.engine.model_package import ModelPackage, write_manifest
from rebounce.engine.onnx_session import Array
from rebounce.training.checkpoint import write_checkpoint
from rebounce.training.light_codec_weights import Agreement, agreement, codec_of_checkpoint, codec_of_package
from rebounce.training.networks.light_codec import LightCodec

FRAMES = WINDOW_TOKENS * 320


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    return tiny_codec_package(tmp_path_factory.mktemp("codec") / "tiny")


@pytest.fixture(scope="module")
def models(package: ModelPackage) -> CodecModels:
    return open_codec_models(package, "cpu", 1)


@pytest.fixture(scope="module")
def windows() -> Array:
    """Three windows of music at level 1."""
    cuts = np.split(music(3), 3, axis=1)
    return np.stack([cut / np.float32(np.sqrt(np.mean(cut**2))) for cut in cuts])


@pytest.fixture(scope="module")
def codec(package: ModelPackage) -> LightCodec:
    return codec_of_package(package)


def latents_of(codec: LightCodec, windows: Array) -> Tensor:
    with torch.inference_mode():
        latents: Tensor = codec.encoder(torch.from_numpy(windows))
    return latents


def test_the_codec_of_a_package_is_the_one_that_was_exported(codec: LightCodec, windows: Array) -> None:
    original = tiny_codec()
    assert codec.size == original.size
    torch.testing.assert_close(codec.codebooks(), original.codebooks().half().float(), rtol=0, atol=0)
    with threads(1), torch.inference_mode():
        latents = original.encoder(torch.from_numpy(windows))
        torch.testing.assert_close(latents_of(codec, windows), latents, rtol=0, atol=1e-5)
        torch.testing.assert_close(codec.decoder(latents), original.decoder(latents), rtol=0, atol=1e-5)


def test_torch_and_onnx_agree_on_music(codec: LightCodec, models: CodecModels, windows: Array) -> None:
    found = agreement(codec, models, windows)
    assert found.holds
    assert found.codes == 0
    assert max(found.latents, found.audio) < 1e-5
    codes = codec.quantiser.encode(latents_of(codec, windows)).transpose(0, 1)
    assert (codes.numpy() == models.quantise(models.encode(windows))).mean() > 0.99


@pytest.mark.parametrize(
    ("place", "part"),
    [
        ("encoder.model.6.conv.conv.weight", "latents"),
        ("decoder.model.8.convtr.convtr.weight", "audio"),
        ("quantiser.layers.1._codebook.embed", "latents"),
    ],
)
def test_a_weight_that_is_one_percent_off_is_seen(
    codec: LightCodec, models: CodecModels, windows: Array, place: str, part: str
) -> None:
    other = copy.deepcopy(codec)
    other.state_dict()[place].mul_(1.01)
    found = agreement(other, models, windows)
    assert not found.holds
    assert getattr(found, part) > 3e-4


def test_codes_that_are_no_near_ties_are_counted(codec: LightCodec, models: CodecModels, windows: Array) -> None:
    other = copy.deepcopy(codec)
    book = other.state_dict()["quantiser.layers.0._codebook.embed"]
    book.copy_(book.roll(1, 0).clone())
    # All the tokens part at the first stage, and each is counted once.
    assert agreement(other, models, windows).codes == 3 * WINDOW_TOKENS
    assert Agreement(latents=1e-4, audio=1e-4, codes=0).holds
    assert not Agreement(latents=0, audio=0, codes=1).holds
    assert not Agreement(latents=0, audio=float("nan"), codes=0).holds


def test_a_gradient_comes_through_the_decoder_and_stays_out_of_the_codec(codec: LightCodec) -> None:
    latents = torch.randn(1, 8, WINDOW_TOKENS, generator=torch.Generator().manual_seed(0), requires_grad=True)
    torch.autograd.backward(codec.decoder(latents).square().mean())
    assert latents.grad is not None
    assert (latents.grad != 0).any(dim=1).all()
    assert not any(parameter.requires_grad for parameter in codec.parameters())
    assert not codec.training
    assert not any("weight_g" in name for name in codec.state_dict())


def test_nothing_is_drawn_from_torchs_global_generator(package: ModelPackage) -> None:
    state = torch.get_rng_state()
    codec_of_package(package)
    assert torch.equal(torch.get_rng_state(), state)


def state_of(codec: LightCodec, kind: str = "light-codec") -> dict[str, Any]:
    return {
        "kind": kind, "size": {**asdict(codec.size), "ratios": list(codec.size.ratios)}, "shape": {}, "codec_id": "",
        "model": codec.state_dict(), "config": {}, "stage": "quantised", "epoch": 0, "step": 7, "validation": {},
    }  # fmt: skip


def test_the_codec_of_a_checkpoint_is_the_one_that_was_trained(tmp_path: Path, windows: Array) -> None:
    original = tiny_codec(5)
    write_checkpoint(tmp_path / "last.pt", state_of(original))
    codec = codec_of_checkpoint(tmp_path / "last.pt")
    assert codec.size == original.size
    assert not any("weight_g" in name for name in codec.state_dict())
    assert not any(parameter.requires_grad for parameter in codec.parameters())
    with threads(1), torch.inference_mode():
        latents = original.encoder(torch.from_numpy(windows))
        torch.testing.assert_close(latents_of(codec, windows), latents, rtol=0, atol=1e-5)
        torch.testing.assert_close(codec.decoder(latents), original.decoder(latents), rtol=0, atol=1e-5)
        assert torch.equal(codec.quantiser.encode(latents), original.quantiser.encode(latents))


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "last.pt", state_of(tiny_codec(), kind="token-unet"))
    with pytest.raises(CheckpointError, match="expected a checkpoint of a light-codec, found one of a token-unet"):
        codec_of_checkpoint(tmp_path / "last.pt")


def test_a_package_of_another_network_is_refused(package: ModelPackage, tmp_path: Path) -> None:
    model = onnx.load(package.path("encoder.onnx"))
    for item in model.graph.initializer:
        if item.name == "model.6.conv.conv.weight":
            item.name = "another"
    for node in model.graph.node:
        node.input[:] = ["another" if name == "model.6.conv.conv.weight" else name for name in node.input]
    other = changed(package, tmp_path / "other", {"encoder.onnx": model.SerializeToString()})
    with pytest.raises(
        ModelError, match=r"other: encoder\.onnx: tensor model\.6\.conv\.conv\.weight: expected \(16, 8, 8\)"
    ):
        codec_of_package(other)


def test_codebooks_that_are_cut_off_are_told(package: ModelPackage, tmp_path: Path) -> None:
    content = package.path("codebooks.bin").read_bytes()
    other = changed(package, tmp_path / "other", {"codebooks.bin": content[:-2]})
    with pytest.raises(
        ModelError, match=r"codebooks\.bin: expected \(4, 16, 8\) entries of float16, found 511 numbers"
    ):
        codec_of_package(other)


def test_a_package_without_golden_music_is_told(package: ModelPackage, tmp_path: Path) -> None:
    other = changed(package, tmp_path / "other", {})
    with pytest.raises(ModelError, match=r"other: expected golden arrays of encoder\.onnx, found none"):
        codec_of_package(other)


def changed(package: ModelPackage, folder: Path, contents: dict[str, bytes]) -> ModelPackage:
    """The codec's files alone, some with other contents, under a manifest that fits them."""
    folder.mkdir()
    for name in CODEC_FILES:
        (folder / name).write_bytes(contents.get(name, package.path(name).read_bytes()))
    plain = replace(package.manifest, goldens=(), run_script=None)
    files = write_manifest(folder, plain).manifest.files
    settings = plain.settings | {"codec_id": codec_id("other", weights_sha256(files))}
    return write_manifest(folder, replace(plain, settings=settings))
