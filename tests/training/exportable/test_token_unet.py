"""Every token network becomes the U-Net of a restorer's package, beside the codec that it was trained with."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_packages import music, request, tiny_codec_package, tiny_restorer_package, tiny_unet

from rebounce.engine.codec_models import codec_id_of, open_codec_models
from rebounce.engine.errors import CheckpointError, ModelError, UsageError
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.token_models import restorer_settings
from rebounce.exporters.onnx_file import write_onnx
from rebounce.exporters.parity import check_parity, run_module
from rebounce.exporters.part import Part
from rebounce.training.exportable import token_unet
from rebounce.training.exportable.request import Request
from rebounce.training.exportable.token_unet import OUTPUTS, Restorer
from rebounce.training.networks.registry import NETWORKS, make_network

SHAPE = tiny_unet().shape


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    return tiny_codec_package(tmp_path_factory.mktemp("codec"))


@pytest.fixture
def asked(codec: ModelPackage) -> Request:
    return request(name="tiny-restorer", codec=codec)


def checkpoint(codec: ModelPackage, kind: str = "token-unet", **changes: Any) -> dict[str, Any]:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = make_network(kind, "tiny", SHAPE).state_dict()
    own = {"kind": kind, "size": "tiny", "shape": asdict(SHAPE), "codec_id": codec_id_of(codec), "model": model}
    return {**own, **changes}


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_network_is_written_with_the_same_inputs_and_outputs(
    kind: str, codec: ModelPackage, asked: Request, tmp_path: Path
) -> None:
    (part,) = token_unet.plan(checkpoint(codec, kind), asked).parts
    assert (part.file, tuple(part.inputs), part.outputs) == ("unet.onnx", ("codes", "latents"), OUTPUTS)
    distances = check_parity(part, write_onnx(part, tmp_path), part.tolerance)
    assert [item.output for item in distances] == list(OUTPUTS)


def test_what_a_restorer_says_is_what_its_network_says() -> None:
    network = tiny_unet()
    codes = torch.randint(0, 16, (2, 4, 16), generator=torch.Generator().manual_seed(0))
    latents = torch.randn(2, 8, 16, generator=torch.Generator().manual_seed(1))
    part = Part(
        file="unet.onnx",
        module=Restorer(network),
        inputs={"codes": codes, "latents": latents},
        outputs=OUTPUTS,
        tolerance=0.0,
    )
    found = run_module(part, part.inputs)
    with torch.inference_mode():
        said = network(codes, latents)
    odds = said.logits.softmax(1)
    torch.testing.assert_close(found["clean_codes"], said.logits.argmax(1))
    torch.testing.assert_close(found["confidence"], odds.max(1).values)
    torch.testing.assert_close(found["mask"], 1 / (1 + torch.exp(-said.mask_logits)))
    for name in ("latent_change", "level", "compression", "stereo", "perceptual"):
        torch.testing.assert_close(found[name], getattr(said, name))


def test_a_fresh_network_is_a_copy_once_it_is_exported(codec: ModelPackage, asked: Request, tmp_path: Path) -> None:
    (part,) = token_unet.plan(checkpoint(codec), asked).parts
    assert torch.equal(run_module(part, part.inputs)["clean_codes"], part.inputs["codes"])


def test_the_example_is_music_as_the_codecs_own_files_make_it(codec: ModelPackage, asked: Request) -> None:
    (part,) = token_unet.plan(checkpoint(codec), asked).parts
    models = open_codec_models(codec, device="cpu", threads=1)
    window = music()[:, :5_120]
    codes = models.quantise(models.encode((window / np.float32(models.settings.scaling.of(window)))[np.newaxis]))
    np.testing.assert_array_equal(part.inputs["codes"][:1], codes)
    np.testing.assert_array_equal(part.inputs["latents"][:1], models.lookup(codes))


def test_a_package_is_one_that_restores(tmp_path: Path) -> None:
    package = tiny_restorer_package(tmp_path / "restorer")
    settings = restorer_settings(package)
    assert (settings.codebooks, settings.codebook_size, settings.latent_dimension) == (4, 16, 8)
    assert package.manifest.kind == "token-restorer"
    assert [item.port.name for item in package.manifest.outputs if item.model == "unet.onnx"] == list(OUTPUTS)


def test_a_bottleneck_that_was_trained_is_exported(codec: ModelPackage, asked: Request) -> None:
    state = checkpoint(codec)
    (before,) = token_unet.plan(state, asked).parts
    weight = torch.randn(state["model"]["bottleneck.convolution.weight"].shape)
    (after,) = token_unet.plan(
        {**state, "model": {**state["model"], "bottleneck.convolution.weight": weight}}, asked
    ).parts
    # What is beside the tokens starts at zero, whatever comes out of the middle: the features tell.
    inputs = tuple(before.inputs.values())
    features = [_features(part, inputs) for part in (before, after)]
    assert not torch.equal(features[0], features[1])


def _features(part: Part, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
    seen: list[torch.Tensor] = []
    handle = part.module.network.decoder[0].register_forward_hook(lambda _, given, made: seen.append(made))
    with torch.inference_mode():
        part.module(*inputs)
    handle.remove()
    return seen[0]


def test_the_network_of_another_codec_is_refused(codec: ModelPackage, asked: Request) -> None:
    with pytest.raises(ModelError, match="a package whose codec differs from the U-Net's: expected light@0123456789ab"):
        token_unet.plan(checkpoint(codec, codec_id="light@0123456789ab"), asked)


def test_a_network_without_its_codec_is_refused(codec: ModelPackage, asked: Request) -> None:
    with pytest.raises(UsageError, match=f"name the package of {codec_id_of(codec)} with --codec"):
        token_unet.plan(checkpoint(codec), replace(asked, codec=None))


def test_a_network_for_other_tokens_is_refused(codec: ModelPackage, asked: Request) -> None:
    shape = replace(SHAPE, window_tokens=32)
    with pytest.raises(CheckpointError, match=r"'window_tokens': 16.*found one for .*'window_tokens': 32"):
        token_unet.plan(checkpoint(codec, shape=asdict(shape)), asked)


def test_weights_of_another_network_are_told(codec: ModelPackage, asked: Request) -> None:
    other = checkpoint(codec, "unet-1d")["model"]
    with pytest.raises(CheckpointError, match="expected the weights of token-unet tiny, found others"):
        token_unet.plan(checkpoint(codec, model=other), asked)
    with pytest.raises(CheckpointError, match="token-unet enormous, found others"):
        token_unet.plan(checkpoint(codec, size="enormous"), asked)
