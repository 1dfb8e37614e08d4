"""A model package on disk: a folder with `manifest.toml`, ONNX files, golden arrays and a script that runs them.

Always true here: a package that was loaded holds exactly the files its manifest lists, each with its hash, and nothing
that lies outside its folder; its models take their weights from listed files only; what a model takes and gives is what
the manifest says.

package = load_package(Path("models/token-unet-light"))
package.id                                 "token-unet-light@1f0c22ab", the record's `model`
opened = package.open(device="auto")       sessions by file name
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile

import numpy as np

from rebounce.engine.devices import AUTO, Device
from rebounce.engine.errors import ModelError
from rebounce.engine.model_manifest import (
    MANIFEST_NAME,
    Golden,
    Manifest,
    ModelPort,
    check_file_name,
    check_manifest,
    manifest_table,
    parse_manifest,
)
from rebounce.engine.onnx_session import Array, Port, Session, SessionSet, open_sessions
from rebounce.engine.onnx_weights import Weights, read_weights

_AGAIN = "fetch or export the package again"
_LEFT_BY_OTHERS = frozenset({"__pycache__", "Thumbs.db", "desktop.ini"})  # not part of a package, and harmless in it


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPackage:
    """A package whose files were all there with the right hashes when it was loaded."""

    folder: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        """`name@hash`, for the record."""
        return self.manifest.id

    def path(self, name: str) -> Path:
        """Where a file of the package lies."""
        if name not in self.manifest.files:
            raise ModelError(
                f"{self.folder.name}: asked for the file {name!r}, expected one of {', '.join(self.manifest.files)}"
            )
        return self.folder / name

    def weights(self) -> dict[str, list[Weights]]:
        """The tensors of each model, as the files tell of them; nothing is loaded."""
        return {name: read_weights(self.path(name), f"{self.folder.name}: {name}") for name in self.manifest.models}

    def open(
        self, device: str | Device = AUTO, threads: int | None = None, sizes: Mapping[str, int] | None = None
    ) -> SessionSet:
        """Every model of the package, by file name, all on one device and each taking what the manifest says."""
        opened = open_sessions({name: self.path(name) for name in self.manifest.models}, device, threads, sizes)
        for name, session in opened.sessions.items():
            self._compare("input", name, session.inputs, self.manifest.inputs)
            self._compare("output", name, session.outputs, self.manifest.outputs)
        return opened

    def _compare(self, what: str, model: str, found: tuple[Port, ...], listed: tuple[ModelPort, ...]) -> None:
        expected = {item.port.name: item.port for item in listed if item.model == model}
        real = {port.name: port for port in found}
        if set(expected) != set(real) or not all(_agree(expected[name], real[name]) for name in real):
            raise ModelError(
                f"{self.folder.name}: {model}: expected the {what}s that {MANIFEST_NAME} lists, {_in_words(expected)}; "
                f"found {_in_words(real)}; export the package again"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenResult:
    """How far one output was from its golden array, at most."""

    model: str
    output: str
    difference: float
    tolerance: float


def load_package(folder: Path) -> ModelPackage:
    """Read the manifest and check every file against it; a ModelError names the package, the file and what to do."""
    manifest = read_manifest(folder)
    present = _files_in(folder)
    for name, expected in manifest.files.items():
        if name not in present:
            raise ModelError(f"{folder.name}: expected the file {name} listed in {MANIFEST_NAME}, found none; {_AGAIN}")
        found = _sha256(folder / name)
        if found != expected:
            raise ModelError(
                f"{folder.name}: {name}: expected SHA-256 {expected}, found {found}; "
                f"the file was changed or damaged on its way: {_AGAIN}"
            )
    unlisted = [name for name in present if name not in manifest.files]
    if unlisted:
        raise ModelError(
            f"{folder.name}: expected only files that {MANIFEST_NAME} lists, found {', '.join(unlisted)} as well; "
            f"move it out of the folder, or {_AGAIN}"
        )
    package = ModelPackage(folder=folder, manifest=manifest)
    _check_places(package)
    return package


def find_packages(root: Path) -> list[Path]:
    """The package folders directly below `root`, sorted by name, hidden ones aside; none when `root` does not exist."""
    found = (path.parent for path in root.glob(f"*/{MANIFEST_NAME}"))
    return sorted(folder for folder in found if not folder.name.startswith("."))


def write_manifest(folder: Path, manifest: Manifest) -> ModelPackage:
    """Hash every file that lies in `folder`, write `manifest.toml`, and load the package as a user would."""
    import tomli_w

    files = {name: _sha256(folder / name) for name in _files_in(folder)}
    whole = check_manifest(replace(manifest, files=files), folder.name)
    text = tomli_w.dumps(manifest_table(whole), multiline_strings=True)
    if tomllib.loads(text) != manifest_table(whole):  # a carriage return in a text would not survive
        raise ModelError(
            f"{folder.name}: expected texts that TOML can hold, found one that it changes: use \\n line ends"
        )
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8", newline="\n")
    return load_package(folder)


def verify_package(package: ModelPackage, device: str | Device = "cpu") -> list[GoldenResult]:
    """Hash every file again and run the golden inputs; a ModelError where an output is out of its tolerance."""
    load_package(package.folder)
    opened = package.open(device)
    results: list[GoldenResult] = []
    for golden in package.manifest.goldens:
        results += _verify(package, golden, opened.sessions[golden.model])
    return results


def _verify(package: ModelPackage, golden: Golden, session: Session) -> list[GoldenResult]:
    expected = _arrays(package, golden.outputs)
    found = session.run(_arrays(package, golden.inputs))
    where = f"{package.folder.name}: {golden.model}"
    results = []
    for name, array in expected.items():
        if name not in found or found[name].shape != array.shape:
            shape = found[name].shape if name in found else "no such output"
            raise ModelError(
                f"{where}: expected {name} of {array.shape} as in {golden.outputs}, found {shape}; {_AGAIN}"
            )
        difference = _largest_difference(found[name], array)
        if not difference <= golden.tolerance:  # a NaN is no match either
            raise ModelError(
                f"{where} on {session.device}: expected {name} within {golden.tolerance:g} of {golden.outputs}, "
                f"found {difference:g} away; update onnxruntime, try --device cpu, or {_AGAIN}"
            )
        results.append(GoldenResult(model=golden.model, output=name, difference=difference, tolerance=golden.tolerance))
    return results


def _largest_difference(found: Array, expected: Array) -> float:
    gaps = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    return float(gaps.max()) if gaps.size else 0.0


def _arrays(package: ModelPackage, name: str) -> dict[str, Array]:
    try:
        with package.path(name).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, EOFError, ValueError, BadZipFile, TypeError) as error:  # TypeError: one bare array, not an archive
        raise ModelError(
            f"{package.folder.name}: {name}: expected arrays in .npz form, found {error}; {_AGAIN}"
        ) from error


def read_manifest(folder: Path) -> Manifest:
    """What the manifest says, without a look at the other files."""
    path = folder / MANIFEST_NAME
    try:
        if path.exists() and not path.is_file():
            raise OSError(None, "something that is no file")  # reading a pipe would wait for ever
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelError(
            f"{folder}: expected a model package with a {MANIFEST_NAME} in UTF-8, found: {reason}; check the path"
        ) from error
    return parse_manifest(text, f"{folder.name}/{MANIFEST_NAME}")


def _files_in(folder: Path) -> list[str]:
    """The files of a package by their names with slashes; a link that leads out of the folder is an error."""
    home = folder.resolve()
    names = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_dir() or any(part.startswith(".") or part in _LEFT_BY_OTHERS for part in parts):
            continue
        name = "/".join(parts)
        if name == MANIFEST_NAME:
            continue
        if not path.resolve().is_relative_to(home):
            raise ModelError(
                f"{folder.name}: expected files inside the package, found {name} that leads to {path.resolve()}; "
                "do not use this package unless you know where it comes from"
            )
        if not path.is_file():
            raise ModelError(
                f"{folder.name}: expected files, found {name}, which is a pipe, a device or a link to nothing; {_AGAIN}"
            )
        names.append(check_file_name(name, folder.name))
    return names


def _check_places(package: ModelPackage) -> None:
    """A file that is not listed has no hash, so weights may not come from it."""
    for model, weights in package.weights().items():
        for name, place in ((item.name, place) for item in weights for place in item.places):
            if str(PurePosixPath(model).parent / place) not in package.manifest.files:
                raise ModelError(
                    f"{package.folder.name}: {model}: expected weights from files that {MANIFEST_NAME} lists, found "
                    f"{name!r} in {place!r}; do not use this package unless you know where it comes from"
                )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"{path}: expected a file of a model package, found that {error.strerror}; {_AGAIN}"
        ) from error


def _agree(listed: Port, real: Port) -> bool:
    """True when the sizes agree; an open size on either side agrees with any, as opening may have fixed it."""
    same_rank = len(listed.shape) == len(real.shape)
    return (
        same_rank
        and listed.dtype == real.dtype
        and all(
            a == b or isinstance(a, str) or isinstance(b, str) for a, b in zip(listed.shape, real.shape, strict=True)
        )
    )


def _in_words(ports: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {port.describe()}" for name, port in ports.items()) or "none"
