"""The encodec package's model becomes the plan of a codec package with the package's own codes."""

import numpy as np
import pytest
import torch
from tiny_packages import request
from torch import nn
from torch_threads import threads

from rebounce.engine.codec_settings import CODEC_FILES
from rebounce.exporters.package import PackagePlan
from rebounce.exporters.parity import run_module
from rebounce.training.encodec_codec import EncodecCodec
from rebounce.training.encodec_weights import State, random_weights
from rebounce.training.exportable import encodec
from rebounce.training.exportable.encodec import WholeNorm, with_whole_norms


@pytest.fixture(scope="module")
def state() -> State:
    return random_weights(0)


@pytest.fixture(scope="module")
def plan(state: State) -> PackagePlan:
    with threads(1):
        return encodec.plan(state, request())


def test_a_norm_of_all_channels_is_the_one_that_it_replaces() -> None:
    generator = torch.Generator().manual_seed(0)
    norm = nn.GroupNorm(1, 6).requires_grad_(False)
    for parameter in norm.parameters():
        parameter.normal_(generator=generator)
    features = 3 + torch.randn(2, 6, 999, generator=generator)
    torch.testing.assert_close(WholeNorm(norm)(features), norm(features), rtol=1e-5, atol=1e-5)
    assert WholeNorm(norm).half()(300 * features.half()).isfinite().all()


def test_norms_are_replaced_under_their_names_however_deep() -> None:
    module = nn.Sequential(nn.Conv1d(2, 4, 1), nn.Sequential(nn.GroupNorm(1, 4), nn.ELU()))
    names = list(module.state_dict())
    assert list(with_whole_norms(module).state_dict()) == names
    assert isinstance(module.get_submodule("1.0"), WholeNorm)


def test_codes_are_the_codecs_own_but_for_near_ties(state: State, plan: PackagePlan) -> None:
    encoder, quantiser = plan.parts[0], plan.parts[1]
    own = EncodecCodec(state)
    audio = np.tile(request().music, (1, 4))[:, :48_000]
    with threads(1):
        latents = run_module(encoder, {"audio": encoder.inputs["audio"][:1]})["latents"]
        codes = run_module(quantiser, {"latents": latents})["codes"]
    expected = torch.from_numpy(own.encode(audio).codes[:1].astype(np.int64))
    # The codebooks were rounded: what is chosen otherwise at one stage is so at those after it.
    assert float((codes == expected)[:, 0].float().mean()) > 0.99
    assert float((codes == expected)[:, :4].float().mean()) > 0.9


def test_every_part_is_shown_whole_windows_of_150_tokens(plan: PackagePlan) -> None:
    latents = [part.inputs["latents"].shape[-1] for part in plan.parts if "latents" in part.inputs]
    codes = [part.inputs["codes"].shape[-1] for part in plan.parts if "codes" in part.inputs]
    assert set(latents) == set(codes) == {150}


def test_the_manifest_says_what_a_codec_package_must_say(plan: PackagePlan) -> None:
    manifest = plan.manifest
    assert (manifest.window_frames, manifest.hop_frames, manifest.context_frames) == (48_000, 38_400, 4_800)
    assert manifest.scaling == {"kind": "mono-rms", "floor": 1e-8}
    settings = plan.settings(dict.fromkeys(CODEC_FILES, "0" * 64))
    assert (settings["codebooks"], settings["codebook_size"], settings["latent_dimension"]) == (16, 1024, 128)
    assert (settings["hop_frames_per_token"], settings["stride_frames"]) == (320, 47_520)
