"""What is on disk is what gets installed: every package, and every file of data beside the code."""

import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from rebounce.engine.model_package import load_package
from rebounce.engine.model_store import bundled_folder, bundled_models

ROOT = Path(__file__).parent.parent
CODE_SUFFIXES = (".py", ".pyc")

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="reads the source tree")


def settings() -> dict[str, dict[str, list[str]]]:
    table: dict[str, dict[str, list[str]]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"][
        "setuptools"
    ]
    return table


def folders() -> dict[str, Path]:
    return {name: ROOT / str(folder) for name, folder in settings()["package-dir"].items()}


def test_every_folder_with_code_is_a_package() -> None:
    aside = ("benchmarks", "tests")  # run from the source tree, never installed
    rooms = [path for path in ROOT.iterdir() if (path / "__init__.py").exists() and path.name not in aside]
    on_disk = {init.parent for room in rooms for init in room.rglob("__init__.py")} | {ROOT / "src/rebounce"}
    assert on_disk == set(folders().values())
    assert sorted(folders()) == sorted(settings()["packages"])


def test_every_file_beside_the_code_is_package_data() -> None:
    data = settings()["package-data"]
    for name, folder in folders().items():
        patterns = data.get(name, [])
        loose = [path.name for path in folder.iterdir() if path.is_file() and path.suffix not in CODE_SUFFIXES]
        assert [file for file in loose if not any(Path(file).match(pattern) for pattern in patterns)] == []


@pytest.mark.parametrize("name", sorted(folders() if (ROOT / "pyproject.toml").exists() else []))
def test_every_package_can_be_imported_with_its_data(name: str) -> None:
    installed = {entry.name for entry in files(name).iterdir()}
    folder = folders()[name]
    expected = {path.name for path in folder.iterdir() if path.is_file() and path.suffix != ".pyc"}
    assert expected <= installed


def test_every_bundled_model_came_whole() -> None:
    for name in bundled_models():
        assert load_package(bundled_folder() / name).manifest.name == name


def test_the_version_is_one() -> None:
    import rebounce

    assert tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"] == rebounce.__version__


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_the_links_for_type_checkers_lead_to_the_rooms() -> None:
    for room in ("engine", "exporters", "presets", "training", "watchers"):
        assert (ROOT / "src/rebounce" / room).resolve() == ROOT / room
