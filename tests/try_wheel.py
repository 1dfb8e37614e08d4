"""Build the wheel, install it in an empty environment, and see that it holds everything: `make wheel`."""

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESTORE = """
import numpy as np, rebounce, soundfile
assert "site-packages" in rebounce.__file__, rebounce.__file__
soundfile.write("in.wav", np.random.default_rng(0).normal(0, 0.1, (48000, 2)), 48000)
record = rebounce.load_preset("five-stage").restore_file("in.wav", "out.wav")
assert record.status == "restored", record
assert soundfile.info("out.wav").frames == 48000
"""


def run(*command: str | Path, cwd: Path) -> None:
    print("+", *(str(part) for part in command), flush=True)
    subprocess.run([str(part) for part in command], cwd=cwd, check=True)


def build(folder: Path) -> Path:
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("rebounce-*.whl")
    return wheel


def missing_from(wheel: Path) -> list[str]:
    """Files of the packages on disk that the wheel does not hold."""
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        f"{name.replace('.', '/')}/{path.name}"
        for name, folder in settings["package-dir"].items()
        for path in (ROOT / folder).iterdir()
        if path.is_file() and path.suffix != ".pyc"
    }
    return sorted(wanted - held)


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        wheel = build(folder)
        missing = missing_from(wheel)
        if missing:
            raise SystemExit(f"the wheel lacks: {', '.join(missing)}; see package-data and packages in pyproject.toml")
        venv.create(folder / "env", with_pip=True)
        programs = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        run(programs / "python", "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel, cwd=folder)
        run(programs / "python", "-c", RESTORE, cwd=folder)
        run(programs / "rebounce", "restore", "in.wav", "-o", "restored", "--preset", "bypass", cwd=folder)
        run(programs / "rebounce", "presets", "list", cwd=folder)
        (ROOT / "dist").mkdir(exist_ok=True)
        kept = ROOT / "dist" / wheel.name
        kept.write_bytes(wheel.read_bytes())
        print(f"the wheel holds everything and restores a file: {kept}")


if __name__ == "__main__":
    main()
