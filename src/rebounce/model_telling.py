"""What `rebounce models list` and `show` say of packages, in plain words and as data."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from rebounce.engine.byte_sizes import spell_bytes
from rebounce.engine.checked_table import Scalar
from rebounce.engine.errors import ModelError
from rebounce.engine.model_manifest import MANIFEST_NAME, Manifest, ModelPort, manifest_table
from rebounce.engine.model_memory import memory_need
from rebounce.engine.model_package import ModelPackage, find_packages, read_manifest
from rebounce.engine.model_store import bundled_folder, bundled_models, models_folder

BUNDLED, OWN = "bundled", "own"
_LABEL = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One model that can be named; `error` where its manifest cannot be read."""

    name: str
    place: str
    folder: str
    id: str | None = None
    kind: str | None = None
    version: str | None = None
    licence: str | None = None
    bytes: int | None = None
    error: str | None = None

    def line(self) -> str:
        """For people."""
        facts = (self.kind, self.version, spell_bytes(self.bytes or 0), self.place, self.licence)
        return f"{self.name:16} " + ", ".join(plain(str(fact)) for fact in facts)


def entries() -> Iterator[Entry]:
    """All there are: the bundled packages, then the user's own; nothing but the manifests is read."""
    bundled = bundled_models()
    for folder in find_packages(bundled_folder()):
        yield _entry(folder, BUNDLED)
    for folder in find_packages(models_folder()):
        if folder.name in bundled:
            told = f"{folder}: is never used, as a model of this name comes with rebounce; rename the folder"
            yield Entry(name=folder.name, place=OWN, folder=str(folder), error=told)
        else:
            yield _entry(folder, OWN)


def as_data(package: ModelPackage) -> dict[str, Any]:
    """Everything there is to say of a package."""
    need = memory_need(chain(*package.weights().values()))
    sizes = {name: _size(package.folder / name) for name in package.manifest.files}
    return {
        "id": package.id,
        "folder": str(package.folder),
        "bytes": package_bytes(package.folder, package.manifest),
        "memory": asdict(need),
        "sizes": sizes,
        **manifest_table(package.manifest),
    }


def as_lines(package: ModelPackage) -> Iterator[str]:
    """The same for people."""
    manifest = package.manifest
    need = memory_need(chain(*package.weights().values()))
    yield f"{manifest.name} {plain(manifest.version)} ({package.id})"
    yield _line("folder", str(package.folder))
    yield _line("kind", manifest.kind)
    yield _line("audio", _audio(manifest))
    yield _line("windows", _windows(manifest))
    yield _line("size", f"{spell_bytes(package_bytes(package.folder, manifest))} in {len(manifest.files) + 1} files")
    yield _line("memory", f"{need.describe()} for its weights on a CPU")
    yield _line("licence", manifest.licence)
    if manifest.run_script is not None:
        yield _line(
            "without us", f"python {manifest.run_script} in the folder runs it with numpy and onnxruntime alone"
        )
    for model in manifest.models:
        yield f"\n{model}"
        yield from _ports("takes", model, manifest.inputs)
        yield from _ports("gives", model, manifest.outputs)
    for title in ("scaling", "settings", "scores"):
        yield from _table(title, getattr(manifest, title))
    yield "\ntraining data"
    yield from (f"  {plain(line)}" for line in manifest.training_data_card.strip().splitlines())
    yield "\nfiles, every hash checked"
    for name, digest in manifest.files.items():
        yield f"  {digest}  {spell_bytes(_size(package.folder / name)):>9}  {name}"


def plain(text: str) -> str:
    """A text of somebody else's in one line, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def package_bytes(folder: Path, manifest: Manifest) -> int:
    """What a package takes on disk."""
    return sum(_size(folder / name) for name in (MANIFEST_NAME, *manifest.files))


def _entry(folder: Path, place: str) -> Entry:
    try:
        manifest = read_manifest(folder)
    except ModelError as error:
        return Entry(name=folder.name, place=place, folder=str(folder), error=str(error))
    return Entry(
        name=folder.name,
        place=place,
        folder=str(folder),
        id=manifest.id,
        kind=manifest.kind,
        version=manifest.version,
        licence=manifest.licence,
        bytes=package_bytes(folder, manifest),
    )


def _audio(manifest: Manifest) -> str:
    channels = {1: "mono", 2: "stereo"}.get(manifest.channels, f"{manifest.channels} channels")
    return f"{manifest.sample_rate_hz / 1000:g} kHz, {channels}"


def _windows(manifest: Manifest) -> str:
    seconds = manifest.window_frames / manifest.sample_rate_hz
    return (
        f"{manifest.window_frames} frames ({seconds:.2f} s), one every {manifest.hop_frames}; "
        f"{manifest.context_frames} at either end are context"
    )


def _ports(word: str, model: str, ports: tuple[ModelPort, ...]) -> Iterator[str]:
    for item in ports:
        if item.model == model:
            yield f"  {word:6} {plain(item.port.name)}: {item.port.describe()}"


def _table(title: str, values: dict[str, Scalar]) -> Iterator[str]:
    if values:
        yield f"\n{title}"
    for key, value in values.items():
        yield f"  {plain(key)} = {f'{value:.6g}' if isinstance(value, float) else plain(str(value))}"


def _line(label: str, text: str) -> str:
    return f"{label:{_LABEL}} {plain(text)}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a file that the manifest lists and that is not there, which `show` tells
        return 0
