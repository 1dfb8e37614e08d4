"""What a package says of its codec is taken only where it fits together."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rebounce.engine.codec_settings import (
    CODEC_FILES,
    CODEC_MODELS,
    codec_id,
    codec_settings,
    weights_sha256,
)
from rebounce.engine.errors import ModelError
from rebounce.engine.model_manifest import Manifest, ModelPort
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.onnx_session import Port
from rebounce.engine.tokens import Framing
from rebounce.engine.window_scale import Scaling

FILES = {name: f"{index:064x}" for index, name in enumerate(CODEC_FILES)}
AUDIO = Port(name="audio", dtype="float32", shape=("batch", 2, 5_120))
LATENTS = Port(name="latents", dtype="float32", shape=("batch", 8, 16))
CODES = Port(name="codes", dtype="int64", shape=("batch", 4, 16))
GIVEN = dict(zip(CODEC_MODELS, (AUDIO, LATENTS, CODES, LATENTS), strict=True))
MADE = dict(zip(CODEC_MODELS, (LATENTS, CODES, LATENTS, AUDIO), strict=True))
ID = codec_id("small", weights_sha256(FILES))
SETTINGS: dict[str, Any] = {
    "codec_id": ID,
    "codebooks": 4,
    "codebook_size": 16,
    "latent_dimension": 8,
    "hop_frames_per_token": 320,
    "stride_frames": 4_096,
}


def ports(by_model: dict[str, Port]) -> tuple[ModelPort, ...]:
    return tuple(ModelPort(model=model, port=port) for model, port in by_model.items())


MANIFEST = Manifest(
    name="small",
    version="1.0.0",
    kind="codec",
    sample_rate_hz=48_000,
    channels=2,
    window_frames=5_120,
    hop_frames=4_096,
    context_frames=512,
    licence="GPL-3.0-or-later",
    training_data_card="None.",
    inputs=ports(GIVEN),
    outputs=ports(MADE),
    scaling={"kind": "both-rms", "floor": 1e-5},
    settings=SETTINGS,
    files=FILES,
)
RESTORER = replace(MANIFEST, kind="token-restorer", settings=SETTINGS | {"unet_codec_id": ID})


def package(manifest: Manifest) -> ModelPackage:
    return ModelPackage(folder=Path("packages/small"), manifest=manifest)


def test_the_settings_are_those_of_the_manifest() -> None:
    settings = codec_settings(package(MANIFEST))
    assert (settings.codec_id, settings.weights_sha256) == (ID, weights_sha256(FILES))
    assert (settings.codebooks, settings.codebook_size, settings.latent_dimension) == (4, 16, 8)
    assert (settings.sample_rate_hz, settings.channels) == (48_000, 2)
    assert settings.framing == Framing(segment_frames=5_120, stride_frames=4_096, hop_frames=320)
    assert (settings.window_frames, settings.window_tokens) == (5_120, 16)
    assert settings.scaling == Scaling(kind="both-rms", floor=1e-5)


def test_a_restorer_has_the_same_codec_as_the_codecs_own_package() -> None:
    more = replace(RESTORER, name="restorer", files=FILES | {"unet.onnx": "f" * 64})
    assert codec_settings(package(more)) == codec_settings(package(MANIFEST))


@pytest.mark.parametrize("name", CODEC_FILES)
def test_the_hash_of_the_weights_follows_each_of_the_five_files_and_no_other(name: str) -> None:
    changed = FILES | {name: "e" * 64}
    assert weights_sha256(changed) != weights_sha256(FILES)
    assert weights_sha256(FILES | {"unet.onnx": "e" * 64}) == weights_sha256(dict(reversed(FILES.items())))
    with pytest.raises(ModelError, match=r"codec_id = .*, expected 'small@.*' for the codec's files"):
        codec_settings(package(replace(MANIFEST, files=changed)))


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in SETTINGS.items() if name != key}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "gain"}, r"small/manifest\.toml: kind = 'gain', expected codec or token-restorer"),
        ({"files": {name: FILES[name] for name in CODEC_FILES[:4]}}, r"expected codebooks\.bin of the codec"),
        *(({"settings": without(key)}, f"settings: expected {key}, ") for key in SETTINGS),
        ({"settings": SETTINGS | {"codebooks": "4"}}, "codebooks = '4', expected a whole number"),
        ({"settings": SETTINGS | {"codebook_size": 40_000}}, "codebook_size = 40000, expected"),
        ({"settings": SETTINGS | {"latent_dimension": 0}}, "latent_dimension = 0, expected"),
        ({"settings": SETTINGS | {"hop_frames_per_token": 319}}, "window_frames = 5120, expected whole tokens of 319"),
        ({"settings": SETTINGS | {"stride_frames": 319}}, "stride_frames = 319, expected"),
        ({"settings": SETTINGS | {"stride_frames": 5_121}}, "stride_frames = 5121, expected"),
        ({"settings": SETTINGS | {"codec_id": "small"}}, "codec_id = 'small', expected 'NAME@"),
        ({"settings": SETTINGS | {"codec_id": "small@0123456789ab"}}, "codec_id = 'small@0123456789ab', expected"),
        ({"scaling": {}}, "scaling.kind = None, expected both-rms or mono-rms"),
        ({"inputs": ports(GIVEN | {"encoder.onnx": replace(AUDIO, name="sound")})}, "expected the input audio float32"),
        ({"inputs": ports(GIVEN | {"lookup.onnx": replace(CODES, dtype="int32")})}, "expected the input codes int64"),
        (
            {"outputs": ports(MADE | {"decoder.onnx": LATENTS})},
            r"decoder\.onnx: expected the output audio .* found lat",
        ),
        ({"outputs": ports(MADE)[:3]}, r"decoder\.onnx: expected the output audio float32 .*, found none"),
        (
            {"channels": 1},
            r"expected the input audio float32 \(batch, 1, 5120\), found audio float32 \(batch, 2, 5120\)",
        ),
        ({"window_frames": 5_440}, r"expected the input audio float32 \(batch, 2, 5440\)"),
    ],
)
def test_a_package_that_does_not_fit_together_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ModelError, match=told):
        codec_settings(package(replace(MANIFEST, **changes)))


def test_a_u_net_of_another_codec_is_refused() -> None:
    for found in ("light@0123456789ab", None):
        settings = SETTINGS | ({"unet_codec_id": found} if found else {})
        told = "a package whose codec differs from the U-Net's: the codec is small@" if found else "unet_codec_id"
        with pytest.raises(ModelError, match=told):
            codec_settings(package(replace(RESTORER, settings=settings)))
