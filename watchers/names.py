"""Which names in a watched folder are looked at, and which are passed over with or without a word.

What always holds: it goes by the path below the watched folder alone and touches no disk; and a folder that is passed
over takes everything in it along.
"""

from dataclasses import dataclass
from pathlib import PurePath

from rebounce.engine.batch_plan import AUDIO_SUFFIXES, RESOURCE_FORK_PREFIX
from rebounce.engine.staging import SUFFIX as PART_SUFFIX

# What programs call a file until it is whole: browsers, file transfer, synchronisation, editors.
TEMPORARY_SUFFIXES = (
    PART_SUFFIX,
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".crdownload",
    ".download",
    ".opdownload",
    ".filepart",
    ".aria2",
    ".!ut",
    ".bak",
    ".swp",
    "~",
)
TEMPORARY_PREFIXES = ("~$", "~syncthing~")
# What DAWs and editors lay beside a file to draw it the faster.
WAVEFORM_SUFFIXES = (".reapeaks", ".asd", ".sfk", ".pkf", ".gpk")
SYSTEM_NAMES = ("thumbs.db", "desktop.ini", "icon\r")
# Bins, resource forks and indexes of systems and file servers; hidden ones are known by their dot.
SYSTEM_FOLDERS = ("__macosx", "$recycle.bin", "#recycle", "@eadir", "system volume information", "lost+found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Why a name is passed over, in one clause. Junk is never worth a word; anything else is logged once."""

    reason: str
    is_junk: bool


def why_ignored(relative: PurePath | str) -> Ignored | None:
    """Why the file at this path below the watched folder is not looked at; None for what may be a bounce."""
    parts = PurePath(relative).parts
    for folder in parts[:-1]:
        if reason := _folder_junk(folder):
            return Ignored(reason=reason, is_junk=True)
    name = parts[-1]
    if reason := _junk(name):
        return Ignored(reason=reason, is_junk=True)
    if not name.lower().endswith(AUDIO_SUFFIXES):
        return Ignored(reason="not a kind of audio file that rebounce restores", is_junk=False)
    return None


def is_ignored_folder(relative: PurePath | str) -> bool:
    """True for a folder in which nothing is looked at, so that it need not be walked or watched."""
    return any(_folder_junk(part) for part in PurePath(relative).parts)


def _folder_junk(name: str) -> str:
    if name.startswith("."):
        return "in a hidden folder"
    return "in a folder that the system keeps for itself" if name.lower() in SYSTEM_FOLDERS else ""


def _junk(name: str) -> str:
    lowered = name.lower()
    if name.startswith(RESOURCE_FORK_PREFIX):
        return "a resource fork that macOS wrote beside a file"
    if lowered.endswith(TEMPORARY_SUFFIXES) or lowered.startswith(TEMPORARY_PREFIXES):
        return "a temporary name; it will be renamed when it is whole"
    if name.startswith("."):
        return "hidden"
    if lowered in SYSTEM_NAMES:
        return "kept by the system"
    return "drawn waveforms" if lowered.endswith(WAVEFORM_SUFFIXES) else ""
