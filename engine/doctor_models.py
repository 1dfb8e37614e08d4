"""The doctor's look at model packages: which there are, whether they are whole, and whether they fit into memory.

Always true here: a package counts as sound when every hash was checked; nothing is loaded into a runtime.
"""

from itertools import chain
from pathlib import Path

from rebounce.engine.byte_sizes import spell_bytes
from rebounce.engine.doctor_checks import OK, PROBLEM, WARNING, Check
from rebounce.engine.errors import ModelError
from rebounce.engine.free_memory import free_memory
from rebounce.engine.model_memory import memory_need
from rebounce.engine.model_package import ModelPackage, load_package
from rebounce.engine.model_store import bundled_folder, bundled_models, models_folder, own_models

_REINSTALL = "pip install --force-reinstall rebounce"
_PULL = "rebounce models pull brings it again with --force, or remove its folder"


def check_models() -> list[Check]:
    """One check for each package that can be named, those that come with rebounce first."""
    bundled = [_check(bundled_folder() / name, PROBLEM, _REINSTALL) for name in bundled_models()]
    own = [_check(models_folder() / name, WARNING, _PULL) for name in own_models()]
    return [*bundled, *own] or [
        Check(name="models", status=OK, found=f"none, neither bundled nor in {models_folder()}")
    ]


def _check(folder: Path, fault: str, advice: str) -> Check:
    name = f"model {folder.name}"
    try:
        package = load_package(folder)
        least = memory_need(chain(*package.weights().values())).least_bytes
    except ModelError as error:
        return Check(name=name, status=fault, found=str(error), advice=advice)
    free = free_memory()
    if free is not None and free < least:
        found = f"needs {spell_bytes(least)} of memory at least, {spell_bytes(free)} are free"
        return Check(name=name, status=WARNING, found=found, advice="close other programs, or use a smaller model")
    return Check(name=name, status=OK, found=f"{_described(package)}: every file is as it was made")


def _described(package: ModelPackage) -> str:
    size = sum((package.folder / name).stat().st_size for name in package.manifest.files)
    return f"{package.id}, {package.manifest.kind}, {spell_bytes(size)}"
