"""A checkpoint's parts become a model package: written, compared with torch, given golden arrays, named by hashes.

Always true here: no package is there, not even in part, unless every file of it computes what torch computes.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rebounce.engine.checked_table import Scalar
from rebounce.engine.model_manifest import MANIFEST_NAME, Golden, Manifest, ModelPort
from rebounce.engine.model_package import ModelPackage, load_package, verify_package, write_manifest
from rebounce.engine.onnx_session import Session, open_session
from rebounce.engine.staged_folder import staged_folder
from rebounce.engine.staging import check_room
from rebounce.exporters.golden import write_golden
from rebounce.exporters.onnx_file import write_onnx
from rebounce.exporters.parity import Distance, check_parity
from rebounce.exporters.part import Part
from rebounce.exporters.precision import PRECISIONS, Precision, precision_named
from rebounce.exporters.weights import check_weights

RUNSCRIPT = "run.py"
SCRIPT = Path(__file__).with_name("run_package.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagePlan:
    """What a package will hold.

    `manifest` has everything but what only the files can tell: inputs, outputs, golden arrays and hashes. `settings` is
    called with the files' hashes by their names and gives the manifest's settings. The models of `carried` are taken
    over from another package as they are, with their golden arrays.
    """

    manifest: Manifest
    parts: tuple[Part, ...]
    settings: Callable[[Mapping[str, str]], dict[str, Scalar]]
    carried: ModelPackage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A package that was written, and how far its files are from torch."""

    package: ModelPackage
    distances: tuple[Distance, ...]


def write_package(
    plan: PackagePlan,
    folder: Path,
    precision: str = "fp32",
    *,
    replaces: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Exported:
    """Write the package to `folder`, whole or not at all; `replaces` allows an earlier package to be there.

    `tell` gets a line for each file that was written and compared.
    """
    chosen = precision_named(precision)
    with staged_folder(folder, is_package if replaces else None) as part_folder:
        check_room(folder, _bytes_needed(plan))
        manifest, distances = _fill(plan, part_folder, chosen, tell)
        write_manifest(part_folder, manifest)
        named = replace(manifest, settings=plan.settings(load_package(part_folder).manifest.files))
        verify_package(write_manifest(part_folder, named))
    return Exported(package=load_package(folder), distances=tuple(distances))


def is_package(folder: Path) -> bool:
    """True for what may be replaced: a package, or an empty folder."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return (folder / MANIFEST_NAME).is_file() or not any(folder.iterdir())


def _fill(
    plan: PackagePlan, folder: Path, precision: Precision, tell: Callable[[str], None]
) -> tuple[Manifest, list[Distance]]:
    """Everything but the manifest; returns that with inputs, outputs and golden arrays in it."""
    manifest = replace(plan.manifest, run_script=RUNSCRIPT)
    if plan.carried is not None:
        manifest = _carry(plan.carried, folder, manifest)
    distances: list[Distance] = []
    for part in plan.parts:
        own = PRECISIONS["fp32"] if part.is_exact else precision
        path = write_onnx(own.prepared(part), folder, own.convert)
        check_weights(part, path)
        found = check_parity(part, path, max(part.tolerance, own.tolerance))
        distances += found
        tell(f"{part.file}: {max(item.difference for item in found):.1e} of its level from torch at most")
        session = open_session(path, "cpu", threads=1)
        golden = write_golden(part, session, folder, max(part.tolerance, own.golden_tolerance))
        manifest = _listed(manifest, part.file, session, golden)
    shutil.copyfile(SCRIPT, folder / RUNSCRIPT)
    return manifest, distances


def _carry(package: ModelPackage, folder: Path, manifest: Manifest) -> Manifest:
    """Copy another package's files, its script apart; returns the manifest with its inputs, outputs and goldens."""
    for name in package.manifest.files:
        if name != package.manifest.run_script:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package.path(name), folder / name)
    other = package.manifest
    return replace(manifest, inputs=other.inputs, outputs=other.outputs, goldens=other.goldens)


def _listed(manifest: Manifest, file: str, session: Session, golden: Golden) -> Manifest:
    return replace(
        manifest,
        inputs=(*manifest.inputs, *(ModelPort(model=file, port=port) for port in session.inputs)),
        outputs=(*manifest.outputs, *(ModelPort(model=file, port=port) for port in session.outputs)),
        goldens=(*manifest.goldens, golden),
    )


def _bytes_needed(plan: PackagePlan) -> int:
    """About what the package takes: weights as they are, golden arrays of one example, and what is carried over."""
    tensors = [value for part in plan.parts for value in (*part.module.state_dict().values(), *part.shared.values())]
    tensors += [value[:1] for part in plan.parts for value in (*part.inputs.values(), *part.inputs.values())]
    carried = plan.carried
    copied = sum(carried.path(name).stat().st_size for name in carried.manifest.files) if carried else 0
    held: int = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return held + copied
