"""Paths as they are written in a watch file, or typed: made whole from where the file lies, and looked up.

Always true here: what is given back does not depend on the folder in which a service was started; a ValueError says
what was expected, what is there instead, and what to do.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rebounce.presets.checked_fields import text


def watched_folder(written: str, base: Path) -> Path:
    """A folder that is there."""
    path = _absolute(_path_text(written), base)
    if os.path.isdir(path):
        return path
    found = "a file" if os.path.exists(path) else "nothing, or nothing that may be looked at,"
    raise ValueError(f"expected path = a folder that is there, found {found} at {path}; create it or correct the path")


def preset(written: str, base: Path) -> str:
    """A name as it is; a chain file, told by its ending or by a separator, with its whole path."""
    if not _is_path(written) and not written.lower().endswith(".toml"):
        return written
    return _file("preset", "a preset's name or a chain file that is there", written, base)


def model(written: str, base: Path) -> str:
    """A name as it is; a folder, told by a separator, with its whole path."""
    if not _is_path(written):
        return written
    path = _absolute(written, base)
    if os.path.isdir(path):
        return str(path)
    raise ValueError(f"expected model = a model's name or its folder, found no folder {path}; correct the path")


def plugins(written: tuple[str, ...], base: Path) -> tuple[str, ...]:
    """VST3 bundles with their whole paths: a folder on most systems, and a file on some."""
    found = tuple(str(_absolute(plugin, base)) for plugin in written)
    for path in found:
        if not os.path.exists(path):
            raise ValueError(f"expected allow_plugins = VST3 bundles that are there, found none at {path}; correct it")
    return found


def command(written: tuple[str, ...], base: Path) -> tuple[str, ...]:
    """The program with its whole path where a path was written; a bare name is found as a shell finds it."""
    if not written or not _is_path(written[0]):
        return written
    return (_file("a program", "a program that is there", written[0], base), *written[1:])


RESOLVED: dict[str, Callable[[Any, Path], Any]] = {
    "preset": preset,
    "model": model,
    "allow_plugins": plugins,
    "on_done": command,
    "on_failed": command,
}
"""What makes the paths in a setting whole, by the name of the setting."""


def _path_text(found: Any) -> str:
    try:
        return text(found)
    except ValueError as problem:
        raise ValueError(f"expected path = {problem}, found {found!r}; write the folder to watch") from problem


def _absolute(written: str, base: Path) -> Path:
    return Path(os.path.abspath(base / os.path.expanduser(written)))


def _is_path(written: str) -> bool:
    signs = [sign for sign in ("/", os.sep, os.altsep) if sign]
    return any(sign in written for sign in signs)


def _file(what: str, expected: str, written: str, base: Path) -> str:
    path = _absolute(written, base)
    if os.path.isfile(path):
        return str(path)
    raise ValueError(f"expected {what} = {expected}, found no file {path}; create it or correct the path")
