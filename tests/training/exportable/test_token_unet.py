"""Every token network becomes the U-Net of a restorer's package, beside the codec that it was trained with."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from shift_making import Heard, short, tiny_config, write_shifts
from tiny_packages import music, request, tiny_codec_package, tiny_restorer_package, tiny_unet, wide_codec_package
from torch_threads import threads

from rebounce.engine.audio import Audio
from rebounce.engine.codec_models import codec_id_of, open_codec_models
from rebounce.engine.errors import CheckpointError, ModelError, UsageError
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.token_gate import Gate
from rebounce.engine.token_models import open_token_models, restorer_settings
from rebounce.engine.token_repair import RepairPlan, TokenRepair
from rebounce.engine.token_windows import Window
from rebounce.exporters.onnx_file import write_onnx
from rebounce.exporters.package import write_package
from rebounce.exporters.parity import check_parity, run_module
from rebounce.exporters.part import Part
from rebounce.training.checkpoint import read_checkpoint
from rebounce.training.exportable import token_unet
from rebounce.training.exportable.request import Request
from rebounce.training.exportable.token_unet import OUTPUTS, Restorer
from rebounce.training.light_codec_weights import codec_of_package
from rebounce.training.networks.light_codec import LightCodec
from rebounce.training.networks.registry import NETWORKS, make_network
from rebounce.training.trainer.codec_side import CodecSide
from rebounce.training.trainer.loop import train
from rebounce.training.trainer.opening import Wish, open_training

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
    return {**own, "config": saw("codes"), **changes}


def saw(latents: object) -> dict[str, Any]:
    """What a training's config says of the latents that its network saw."""
    return {"data": {"latents": latents}}


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


@pytest.mark.parametrize("latents", ["codes", "encoded"])
def test_the_example_is_music_as_the_codecs_own_files_make_it(
    codec: ModelPackage, asked: Request, latents: str
) -> None:
    plan = token_unet.plan(checkpoint(codec, config=saw(latents)), asked)
    assert plan.settings({})["latents"] == latents
    (part,) = plan.parts
    models = open_codec_models(codec, device="cpu", threads=1)
    window = music()[:, :5_120]
    encoded = models.encode((window / np.float32(models.settings.scaling.of(window)))[np.newaxis])
    codes = models.quantise(encoded)
    np.testing.assert_array_equal(part.inputs["codes"][:1], codes)
    np.testing.assert_array_equal(part.inputs["latents"][:1], encoded if latents == "encoded" else models.lookup(codes))


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


def test_what_was_trained_on_encoded_latents_repairs_windows_as_it_does_in_torch(tmp_path: Path) -> None:
    package = wide_codec_package(tmp_path / "codec")
    codec, codec_id = codec_of_package(package).eval(), codec_id_of(package)
    bundles = write_shifts(tmp_path / "bundles", 4, ("1",), codec_id, codec)
    config = short(tiny_config(bundles, tmp_path / "run"), "1", losses=("latent",))
    with threads(1):
        training = open_training(
            replace(config, data=replace(config.data, latents="encoded")),
            lambda codebooks: CodecSide(codec_id=codec_id, codec=codec),
            Wish(device="cpu"),
            Heard(),
        )
        train(training, 0)
    asked = request(name="tiny-restorer", codec=package)
    exported = write_package(token_unet.plan(read_checkpoint(training.folder.best), asked), tmp_path / "restorer")
    models = open_token_models(exported.package, "cpu")
    assert models.sees_encoded
    plan = RepairPlan(
        mode="residual",
        source="latents",
        weight="none",
        gate=Gate(least_mask=0.0, least_confidence=0.0, least_change=0.0),
    )
    windows = [Window(audio=music(seed)[:, :5_120], first=0, end=5_120) for seed in range(3)]
    made = TokenRepair(models, plan)(windows)
    for index, window in enumerate(windows):
        expected = _repaired(training.network.eval(), codec, window)
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(made.audio[index], expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@torch.inference_mode()
def _repaired(network: Any, codec: LightCodec, window: Window) -> Audio:
    """What the network and the codec, both in torch, add to a window."""
    scale = float(np.sqrt(np.mean(window.own.astype(np.float64) ** 2)))
    latents = codec.encoder(torch.from_numpy(window.audio / np.float32(scale))[None])
    change = network(codec.quantiser.encode(latents).transpose(0, 1), latents).latent_change
    before, after = codec.decoder(torch.cat([latents, latents + change])).numpy()
    repaired: Audio = scale * (after - before)
    return repaired


@pytest.mark.parametrize("config", [{}, {"data": {}}, {"data": 3}, saw("quantised"), saw(["codes"])])
def test_a_checkpoint_that_does_not_say_what_its_network_saw_is_refused(
    codec: ModelPackage, asked: Request, config: dict[str, Any]
) -> None:
    with pytest.raises(CheckpointError, match=r"expected data\.latents = 'codes' or 'encoded' in its config, found "):
        token_unet.plan(checkpoint(codec, "copy", config=config), asked)


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
