"""The doctor's single checks that need no device: packages, file formats, plugins, disk space, the training stack.

Always true here: a package counts as working when it was imported, a format when audio went out and came back.
"""

import importlib
import importlib.metadata
import importlib.util
import io
import os
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rebounce.engine.vst3_folders import system_vst3_folders

OK, WARNING, PROBLEM, NOT_RUN = "ok", "warning", "problem", "not run"

_FORMATS = (
    ("WAV", "PCM_24"),
    ("RF64", "PCM_24"),
    ("W64", "PCM_24"),
    ("AIFF", "PCM_24"),
    ("FLAC", "PCM_24"),
    ("OGG", "VORBIS"),
    ("MP3", "MPEG_LAYER_III"),
)
_RATE_HZ, _FRAMES = 44_100, 8_192
# An hour of stereo at 48 kHz in float32 is 1.4 GB, and what needs a second pass keeps that beside the output.
_ENOUGH_BYTES = 2 * 1024**3
_GIB = 1024**3
# What a package that does not fit its neighbours raises while it is imported.
_IMPORT_FAULTS = (ImportError, OSError, RuntimeError, AttributeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at: `status` is "ok", "warning", "problem" or "not run"."""

    name: str
    status: str
    found: str
    advice: str | None = None


def not_run(name: str) -> Check:
    """The check for something nobody has tried yet."""
    return Check(name=name, status=NOT_RUN, found="has never been run; it may work, nothing here proves it")


def check_package(name: str) -> Check:
    """Whether a package can be imported, and its version."""
    try:
        module = importlib.import_module(name)
        version = importlib.metadata.version(name)
    except _IMPORT_FAULTS as error:
        found = f"cannot be imported: {error}"
        return Check(name=name, status=PROBLEM, found=found, advice=f"pip install --force-reinstall {name}")
    native = getattr(module, "__libsndfile_version__", None)
    return Check(name=name, status=OK, found=version + (f" with libsndfile {native}" if native else ""))


def check_formats() -> Check:
    """Whether every file format goes out and comes back."""
    broken = [f"{name} ({fault})" for name, subtype in _FORMATS if (fault := _round_trip(name, subtype)) is not None]
    if not broken:
        return Check(name="file formats", status=OK, found=", ".join(name for name, _ in _FORMATS))
    return Check(
        name="file formats",
        status=PROBLEM if any(item.startswith("WAV") for item in broken) else WARNING,
        found=f"does not work: {', '.join(broken)}",
        advice="pip install --upgrade soundfile brings a libsndfile that has them; a system's own may be older",
    )


def _round_trip(name: str, subtype: str) -> str | None:
    try:
        soundfile: Any = importlib.import_module("soundfile")
    except _IMPORT_FAULTS as error:
        return str(error)
    tone = 0.5 * np.sin(2 * np.pi * 1000 / _RATE_HZ * np.arange(_FRAMES))
    held = io.BytesIO()
    try:
        soundfile.write(held, tone, _RATE_HZ, subtype=subtype, format=name)
        held.seek(0)
        back, _ = soundfile.read(held)
    except (RuntimeError, ValueError, TypeError) as error:
        return str(error)
    level = float(np.sqrt(np.mean(np.square(back)))) if back.size else 0.0
    return None if 0.25 < level < 0.5 else f"a tone of 0.354 came back as {level:.3f}"


def check_vst3(folders: list[Path] | None = None) -> Check:
    """Which VST3 folders there are and how many bundles they hold; a bundle may be a folder or a file."""
    places = system_vst3_folders() if folders is None else folders
    counts = [f"{_bundles(folder)} in {folder}" for folder in places if folder.is_dir()]
    return Check(name="VST3", status=OK, found=", ".join(counts) or "no VST3 folder; plugins are not needed")


def _bundles(folder: Path) -> int:
    found = (path.relative_to(folder) for path in folder.rglob("*.[vV][sS][tT]3"))
    return sum(not any(parent.suffix.lower() == ".vst3" for parent in path.parents) for path in found)


def check_space(output_folder: Path) -> list[Check]:
    """Room for temporary files and for results."""
    return [
        _space("temporary files", Path(tempfile.gettempdir())),
        _space("output folder", output_folder.resolve()),
    ]


def _space(name: str, folder: Path) -> Check:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    found = f"{free / _GIB:.1f} GiB free in {folder}"
    if not os.access(there, os.W_OK):
        return Check(name=name, status=WARNING, found=f"{there} may not be written to", advice="choose another folder")
    if free < _ENOUGH_BYTES:
        return Check(name=name, status=WARNING, found=found, advice="an hour of stereo may need 2 GiB for a while")
    return Check(name=name, status=OK, found=found)


def check_training() -> Check:
    """Whether the training stack is installed; it is looked for and never imported."""
    if importlib.util.find_spec("torch") is None:
        found = 'torch is not installed: restoring never needs it, training does (pip install "rebounce[train]")'
        return Check(name="training", status=OK, found=found)
    versions = {name: _version(name) for name in ("torch", "torchaudio", "encodec")}
    found = ", ".join(f"{name} {version or 'not installed'}" for name, version in versions.items())
    audio = versions["torchaudio"]
    if versions["encodec"] is not None and audio is not None and _release(audio) != _release(versions["torch"] or ""):
        found += "; torchaudio was made for another torch, which rebounce does not mind: it needs nothing of it"
    return Check(name="training", status=OK, found=found)


def check_watching(system: str = platform.system()) -> Check:
    """What `rebounce watch` can use: the observer of this system, and the parts of its page."""
    parts = {name: _version(name) for name in ("watchdog", "starlette", "uvicorn")}
    found = ", ".join(f"{name} {version}" for name, version in parts.items() if version is not None)
    if not (parts["starlette"] and parts["uvicorn"]):
        found += '; no page without starlette and uvicorn (pip install "rebounce[web]")'
    if system != "Linux":
        found += f"; never run on {system} so far: its file events, and whether a file is still open for writing"
    return Check(name="watch folder", status=OK if parts["watchdog"] else PROBLEM, found=found)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _release(version: str) -> tuple[str, ...]:
    return tuple(version.partition("+")[0].split(".")[:2])
