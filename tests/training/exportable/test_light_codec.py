"""A checkpoint of the codec's training becomes the plan of a codec package."""

from dataclasses import asdict
from typing import Any

import pytest
import torch
from tiny_packages import WINDOW_TOKENS, request, tiny_codec

from rebounce.engine.codec_settings import CODEC_FILES
from rebounce.engine.errors import CheckpointError
from rebounce.training.exportable import light_codec


def checkpoint(**changes: Any) -> dict[str, Any]:
    model = tiny_codec()
    size = {**asdict(model.size), "ratios": list(model.size.ratios)}
    return {
        "kind": "light-codec",
        "stage": "quantised",
        "step": 700,
        "size": size,
        "shape": {"window_tokens": WINDOW_TOKENS},
        "model": model.state_dict(),
        **changes,
    }


def test_a_checkpoint_gives_the_codec_that_was_trained() -> None:
    plan = light_codec.plan(checkpoint(), request())
    own = light_codec.plan_of(tiny_codec(), WINDOW_TOKENS, request())
    assert [part.file for part in plan.parts] == list(CODEC_FILES[:4])
    for part, expected in zip(plan.parts, own.parts, strict=True):
        for name, value in expected.module.state_dict().items():
            torch.testing.assert_close(part.module.state_dict()[name], value, rtol=0, atol=0)


def test_the_manifest_says_what_a_codec_package_must_say() -> None:
    plan = light_codec.plan(checkpoint(), request())
    manifest = plan.manifest
    assert (manifest.name, manifest.kind, manifest.sample_rate_hz, manifest.channels) == (
        "tiny-codec",
        "codec",
        48_000,
        2,
    )
    assert (manifest.window_frames, manifest.hop_frames, manifest.context_frames) == (5_120, 4_096, 512)
    assert manifest.scaling == {"kind": "both-rms", "floor": 1e-5}
    settings = plan.settings(dict.fromkeys(CODEC_FILES, "0" * 64))
    assert str(settings.pop("codec_id")).startswith("tiny-codec@")
    assert settings == {
        "codebooks": 4,
        "codebook_size": 16,
        "latent_dimension": 8,
        "hop_frames_per_token": 320,
        "stride_frames": 4_096,
    }


@pytest.mark.parametrize("stage", ["mono", "plain"])
def test_a_codec_without_codebooks_is_refused(stage: str) -> None:
    with pytest.raises(CheckpointError, match="at step 700, before the quantiser had its turn; train on"):
        light_codec.plan(checkpoint(stage=stage), request())


@pytest.mark.parametrize(
    "changes",
    [
        {"size": {"filters": 16, "dimension": 8, "ratios": [8, 5, 4, 2], "codebooks": 4, "codebook_size": 16}},
        {"size": {"filters": 2, "rations": [8]}},
        {"model": {}},
        {"shape": {}},
    ],
)
def test_a_checkpoint_whose_entries_do_not_fit_is_told(changes: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="checkpoint: expected the weights of a light codec") as caught:
        light_codec.plan(checkpoint(**changes), request())
    assert len(str(caught.value).splitlines()) == 1
