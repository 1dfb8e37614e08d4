"""What a model package says of the codec in it, checked value by value.

Always true here: settings that were read fit each other, the files of the package and what its models take and give.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from rebounce.engine.checked_table import CheckedTable
from rebounce.engine.errors import ModelError
from rebounce.engine.model_manifest import MANIFEST_NAME, Manifest, ModelPort
from rebounce.engine.model_package import ModelPackage
from rebounce.engine.onnx_session import Port
from rebounce.engine.tokens import Framing
from rebounce.engine.window_scale import Scaling, read_scaling

CODEC = "codec"
TOKEN_RESTORER = "token-restorer"
KINDS = (CODEC, TOKEN_RESTORER)
"""The kinds of package that hold a codec."""

ENCODER, QUANTISER, LOOKUP, DECODER = "encoder.onnx", "quantiser.onnx", "lookup.onnx", "decoder.onnx"
CODEBOOKS = "codebooks.bin"
CODEC_MODELS = (ENCODER, QUANTISER, LOOKUP, DECODER)
CODEC_FILES = (*CODEC_MODELS, CODEBOOKS)

MOST_CODES = 2**15
"""Tokens are kept as int16."""

_ID_DIGITS = 12
_AGAIN = "export the package again"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecSettings:
    """What there is to know of a codec before it runs."""

    codec_id: str
    weights_sha256: str
    sample_rate_hz: int
    channels: int
    codebooks: int
    codebook_size: int
    latent_dimension: int
    framing: Framing
    scaling: Scaling

    @property
    def window_frames(self) -> int:
        return self.framing.segment_frames

    @property
    def window_tokens(self) -> int:
        return self.framing.segment_frames // self.framing.hop_frames


def codec_settings(package: ModelPackage) -> CodecSettings:
    """The settings of the codec in a package, or a ModelError that says why there is none to use."""
    manifest, where = package.manifest, f"{package.folder.name}/{MANIFEST_NAME}"
    if manifest.kind not in KINDS:
        raise ModelError(
            f"{where}: kind = {manifest.kind!r}, expected {' or '.join(KINDS)}, which hold a codec; "
            "name another package"
        )
    for name in CODEC_FILES:
        if name not in manifest.files:
            raise ModelError(f"{where}: expected {name} of the codec under [files], found none; {_AGAIN}")
    settings = _read(manifest, CheckedTable(dict(manifest.settings), f"{where}: settings"), where)
    _check_id(settings, where)
    if manifest.kind == TOKEN_RESTORER:
        _check_same_codec(settings, CheckedTable(dict(manifest.settings), f"{where}: settings"), where)
    _check_ports(manifest, settings, where)
    return settings


def weights_sha256(files: Mapping[str, str]) -> str:
    """A hash over the names and hashes of a codec's five files; `files` has the SHA-256 of each, and may have more."""
    lines = [f"{name} {files[name]}\n" for name in CODEC_FILES]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def codec_id(name: str, weights: str) -> str:
    """What a codec of that name with weights of that hash is called."""
    return f"{name}@{weights[:_ID_DIGITS]}"


def _read(manifest: Manifest, table: CheckedTable, where: str) -> CodecSettings:
    hop_frames = table.whole("hop_frames_per_token", 1, manifest.window_frames)
    if manifest.window_frames % hop_frames:
        raise ModelError(
            f"{where}: window_frames = {manifest.window_frames}, expected whole tokens of {hop_frames} frames; {_AGAIN}"
        )
    return CodecSettings(
        codec_id=table.text("codec_id"),
        weights_sha256=weights_sha256(manifest.files),
        sample_rate_hz=manifest.sample_rate_hz,
        channels=manifest.channels,
        codebooks=table.whole("codebooks", 1),
        codebook_size=table.whole("codebook_size", 1, MOST_CODES),
        latent_dimension=table.whole("latent_dimension", 1),
        framing=Framing(
            segment_frames=manifest.window_frames,
            stride_frames=table.whole("stride_frames", hop_frames, manifest.window_frames),
            hop_frames=hop_frames,
        ),
        scaling=read_scaling(manifest.scaling, where),
    )


def _check_id(settings: CodecSettings, where: str) -> None:
    """Tokens of other weights must never pass for this codec's."""
    name = settings.codec_id.rpartition("@")[0]
    expected = codec_id(name or "NAME", settings.weights_sha256)
    if settings.codec_id != expected:
        raise ModelError(
            f"{where}: settings: codec_id = {settings.codec_id!r}, expected {expected!r} for the codec's files that "
            f"are there; {_AGAIN}"
        )


def _check_same_codec(settings: CodecSettings, table: CheckedTable, where: str) -> None:
    found = table.text("unet_codec_id")
    if found != settings.codec_id:
        raise ModelError(
            f"{where}: a package whose codec differs from the U-Net's: the codec is {settings.codec_id}, "
            f"unet_codec_id = {found!r}; export the U-Net again with the codec it was trained on"
        )


def _check_ports(manifest: Manifest, settings: CodecSettings, where: str) -> None:
    for model in CODEC_MODELS:
        expected = _expected_ports(settings)[model]
        for port, what, listed in zip(expected, ("input", "output"), (manifest.inputs, manifest.outputs), strict=True):
            found = _ports_of(model, listed)
            if found != [port]:
                told = ", ".join(f"{item.name} {item.describe()}" for item in found) or "none"
                raise ModelError(
                    f"{where}: {model}: expected the {what} {port.name} {port.describe()}, found {told}; {_AGAIN}"
                )


def _ports_of(model: str, listed: tuple[ModelPort, ...]) -> list[Port]:
    return [item.port for item in listed if item.model == model]


def _expected_ports(settings: CodecSettings) -> dict[str, tuple[Port, Port]]:
    """What each model takes and gives."""
    audio = Port(name="audio", dtype="float32", shape=("batch", settings.channels, settings.window_frames))
    latents = Port(name="latents", dtype="float32", shape=("batch", settings.latent_dimension, settings.window_tokens))
    codes = Port(name="codes", dtype="int64", shape=("batch", settings.codebooks, settings.window_tokens))
    return {ENCODER: (audio, latents), QUANTISER: (latents, codes), LOOKUP: (codes, latents), DECODER: (latents, audio)}
