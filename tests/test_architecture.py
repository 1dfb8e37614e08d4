"""The rooms of the house and the arrows between them, read from the imports themselves."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("engine", "presets", "exporters", "training", "watchers")
MAY_IMPORT = {
    "presets": set[str](),
    "engine": {"presets"},
    "exporters": {"engine", "presets"},
    "training": {"exporters", "engine", "presets"},
    "watchers": {"engine", "presets"},
}
HEAVY = ("torch", "onnxruntime", "pedalboard", "scipy", "soundfile", "rich", "mutagen")


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported_modules(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def rooms_of(modules: set[str]) -> set[str]:
    return {parts[1] for module in modules if (parts := module.split("."))[0] == "rebounce" and len(parts) > 1}


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_between_rooms_run_one_way(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room, "__version__"}
    strays = {path.name: rooms_of(imported_modules(path)) - allowed for path in sources(room)}
    assert {name: rooms for name, rooms in strays.items() if rooms} == {}


@pytest.mark.parametrize("room", ["engine", "presets", "watchers"])
def test_restoring_never_names_torch(room: str) -> None:
    users = [path.name for path in sources(room) if any(m.split(".")[0] == "torch" for m in imported_modules(path))]
    assert users == []


def loaded_by(code: str) -> set[str]:
    """The heavy packages that are loaded once `code` has run in a fresh interpreter."""
    script = f"{code}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_rebounce_loads_nothing_heavy() -> None:
    assert loaded_by("import rebounce") == set()


def test_loading_a_preset_loads_neither_torch_nor_onnxruntime_nor_pedalboard() -> None:
    assert (
        loaded_by("import rebounce; rebounce.load_preset('five-stage')") & {"torch", "onnxruntime", "pedalboard"}
        == set()
    )


def test_restoring_never_loads_torch(tmp_path: Path) -> None:
    code = (
        "import numpy as np, soundfile, rebounce\n"
        f"soundfile.write({str(tmp_path / 'in.wav')!r}, np.random.default_rng(0).normal(0, 0.1, (48000, 2)), 48000)\n"
        f"rebounce.load_preset('five-stage').restore_file({str(tmp_path / 'in.wav')!r}, {str(tmp_path / 'out.wav')!r})"
    )
    assert "torch" not in loaded_by(code)
    assert (tmp_path / "out.wav").exists()


def test_every_public_name_is_there() -> None:
    import rebounce

    assert [name for name in rebounce.__all__ if not hasattr(rebounce, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'Bord'"):
        _ = rebounce.Bord
