"""What `manifest.toml` in a model package says, read and checked value by value.

Always true here: every key has one type; an unknown key is an error that names the nearest known one; file names stay
inside the package and are told apart on every system; what is read can be written again and reads the same.

Frames are audio frames at `sample_rate_hz`. A window of `window_frames` goes in, `context_frames` on either side are
computed and thrown away, and the next window starts `hop_frames` later.
"""

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

from rebounce.engine.checked_table import CheckedTable, Scalar
from rebounce.engine.errors import ModelError
from rebounce.engine.onnx_session import DTYPES, Port
from rebounce.engine.package_names import Names, is_inside, same_name

MANIFEST_NAME = "manifest.toml"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MODEL_SUFFIX = ".onnx"
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 8_000, 192_000
_MOST_CHANNELS = 64
_LONGEST_FRAMES = 1 << 27  # twelve minutes at 192 kHz
_ID_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPort:
    """An input or output of one of the package's models."""

    model: str
    port: Port


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """Inputs and the outputs that belong to them, as two .npz files keyed by the model's own names."""

    model: str
    inputs: str
    outputs: str
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A whole manifest; `scaling` and `settings` belong to the `kind`, which knows what they mean."""

    name: str
    version: str
    kind: str
    sample_rate_hz: int
    channels: int
    window_frames: int
    hop_frames: int
    context_frames: int
    licence: str
    training_data_card: str
    inputs: tuple[ModelPort, ...]
    outputs: tuple[ModelPort, ...]
    run_script: str | None = None
    goldens: tuple[Golden, ...] = ()
    scaling: dict[str, Scalar] = field(default_factory=dict)
    settings: dict[str, Scalar] = field(default_factory=dict)
    scores: dict[str, Scalar] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """`name@hash`: the hash is over every value, file hashes included, and not over how the TOML is laid out."""
        text = json.dumps(manifest_table(self), sort_keys=True, ensure_ascii=True)
        return f"{self.name}@{hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]}"

    @property
    def models(self) -> tuple[str, ...]:
        """The .onnx files, in the order of the inputs."""
        return tuple(dict.fromkeys(item.model for item in self.inputs))


def parse_manifest(text: str, where: str) -> Manifest:
    """The manifest in `text`; `where` names it in errors."""
    try:
        table = CheckedTable(tomllib.loads(text), where)
    except (ValueError, RecursionError) as error:  # beside faults of TOML, numbers too long and tables too deep
        raise ModelError(f"{where}: expected TOML, found that {error}; fetch or export the package again") from error
    manifest = Manifest(
        name=table.text("name"),
        version=table.text("version"),
        kind=table.text("kind"),
        sample_rate_hz=table.whole("sample_rate_hz", _LOWEST_RATE_HZ, _HIGHEST_RATE_HZ),
        channels=table.whole("channels", 1, _MOST_CHANNELS),
        window_frames=table.whole("window_frames", 1, _LONGEST_FRAMES),
        hop_frames=table.whole("hop_frames", 1, _LONGEST_FRAMES),
        context_frames=table.whole("context_frames", 0, _LONGEST_FRAMES),
        licence=table.text("licence"),
        training_data_card=table.text("training_data_card"),
        inputs=tuple(_port(item) for item in table.tables("input", required=True)),
        outputs=tuple(_port(item) for item in table.tables("output", required=True)),
        run_script=table.text("run_script") if "run_script" in table else None,
        goldens=tuple(_golden(item) for item in table.tables("golden", required=False)),
        scaling=table.scalars("scaling"),
        settings=table.scalars("settings"),
        scores=table.scalars("scores"),
        files=_files(table),
    )
    table.finish()
    return check_manifest(manifest, where)


def check_manifest(manifest: Manifest, where: str) -> Manifest:
    """The manifest, or a ModelError where its values do not fit together."""
    if not is_model_name(manifest.name):
        raise ModelError(
            f"{where}: name = {manifest.name!r}, expected small letters, digits, '.', '_' and '-', at most 64"
        )
    reach = manifest.window_frames - 2 * manifest.context_frames
    if manifest.hop_frames > reach:
        raise ModelError(
            f"{where}: hop_frames = {manifest.hop_frames} leaves gaps, expected at most "
            f"window_frames - 2 x context_frames = {reach}; export the package again"
        )
    for model in [item.model for item in manifest.outputs] + [golden.model for golden in manifest.goldens]:
        if model not in manifest.models:
            raise ModelError(
                f"{where}: found outputs or golden arrays of {model!r}, expected an [[input]] of it as well"
            )
    for model in manifest.models:
        if not model.endswith(_MODEL_SUFFIX):  # onnxruntime would take another suffix for another format
            raise ModelError(f"{where}: expected models whose names end in {_MODEL_SUFFIX}, found {model!r}")
    for file in _files_named(manifest):
        if file not in manifest.files:
            raise ModelError(
                f"{where}: expected {file!r} under [files] with its SHA-256, as the manifest uses it, found none; "
                "export the package again"
            )
    return manifest


def manifest_table(manifest: Manifest) -> dict[str, Any]:
    """The manifest as the table that `parse_manifest` reads; what is empty is left out."""
    plain = (
        "name version kind sample_rate_hz channels window_frames hop_frames context_frames licence training_data_card"
    )
    table: dict[str, Any] = {key: getattr(manifest, key) for key in plain.split()}
    if manifest.run_script is not None:
        table["run_script"] = manifest.run_script
    for key in ("scaling", "settings", "scores"):
        table |= {key: dict(getattr(manifest, key))} if getattr(manifest, key) else {}
    table["input"] = [_port_table(item) for item in manifest.inputs]
    table["output"] = [_port_table(item) for item in manifest.outputs]
    if manifest.goldens:
        table["golden"] = [{key: getattr(item, key) for key in item.__slots__} for item in manifest.goldens]
    table["files"] = dict(sorted(manifest.files.items()))
    return table


def is_model_name(name: str) -> bool:
    """True for what a model may be called, which is also the name of its folder."""
    return _NAME.fullmatch(name) is not None and is_inside(name)


def check_file_name(name: str, where: str) -> str:
    """A file name that stays inside the package on every system, or a ModelError."""
    if not is_inside(name) or same_name(name, MANIFEST_NAME):
        raise ModelError(
            f"{where}: expected names of files inside the package (a/b.onnx), found {name!r}; "
            "do not use this package unless you know where it comes from"
        )
    return name


def _files_named(manifest: Manifest) -> list[str]:
    named = [item.model for item in (*manifest.inputs, *manifest.outputs)]
    named += [file for golden in manifest.goldens for file in (golden.model, golden.inputs, golden.outputs)]
    return named + ([manifest.run_script] if manifest.run_script is not None else [])


def _port(table: CheckedTable) -> ModelPort:
    dtype = table.text("dtype")
    if dtype not in DTYPES:
        raise ModelError(f"{table.where}: dtype = {dtype!r}, expected one of {', '.join(DTYPES)}")
    item = ModelPort(
        model=table.text("model"), port=Port(name=table.text("name"), dtype=dtype, shape=table.shape("shape"))
    )
    table.finish()
    return item


def _port_table(item: ModelPort) -> dict[str, Any]:
    return {"model": item.model, "name": item.port.name, "dtype": item.port.dtype, "shape": list(item.port.shape)}


def _golden(table: CheckedTable) -> Golden:
    golden = Golden(
        model=table.text("model"),
        inputs=table.text("inputs"),
        outputs=table.text("outputs"),
        tolerance=table.number("tolerance", 0.0),
    )
    table.finish()
    return golden


def _files(table: CheckedTable) -> dict[str, str]:
    files, names = table.scalars("files"), Names()
    for name, digest in files.items():
        other = names.add(check_file_name(name, table.where))
        if other is not None:
            raise ModelError(
                f"{table.where}: expected names that no system takes for one, found {other!r} and {name!r}; "
                "export the package again"
            )
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise ModelError(f"{table.where}: files.{name} = {digest!r}, expected a SHA-256 of 64 small hex digits")
    return {name: str(digest) for name, digest in files.items()}
