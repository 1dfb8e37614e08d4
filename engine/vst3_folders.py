"""Where each system keeps its VST3 bundles: a chain file may load plugins from there, and from nowhere else unasked."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from rebounce.engine.errors import ChainError


def system_vst3_folders(platform: str = sys.platform) -> list[Path]:
    """The folders the VST3 standard names for a platform."""
    if platform == "darwin":
        return [Path("/Library/Audio/Plug-Ins/VST3"), Path.home() / "Library/Audio/Plug-Ins/VST3"]
    if platform == "win32":
        return [Path("C:/Program Files/Common Files/VST3"), Path.home() / "AppData/Local/Programs/Common/VST3"]
    return [Path("/usr/lib/vst3"), Path("/usr/local/lib/vst3"), Path.home() / ".vst3"]


def refuse_unless_allowed(bundle: str, allowed: Iterable[Path]) -> None:
    """A ChainError for a bundle that lies outside the system's folders and was not allowed by name."""
    path = Path(os.path.realpath(Path(bundle).expanduser()))
    permitted = [*system_vst3_folders(), *allowed]
    if any(path.is_relative_to(os.path.realpath(place.expanduser())) for place in permitted):
        return
    folders = ", ".join(str(folder) for folder in system_vst3_folders())
    raise ChainError(
        f"{bundle}: a chain file may load plugins from the system's VST3 folders ({folders}), "
        "and this one lies elsewhere; a plugin is native code, so allow it by name if you trust it: "
        f"--allow-plugin {bundle}"
    )
