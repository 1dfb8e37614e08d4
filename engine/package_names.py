"""Names of files inside a model package: the same file, and inside the package, on every system.

Always true here: a name that passes has slashes between its parts, leads neither up nor elsewhere, and can be made on
Linux, macOS and Windows; `Names` tells of two that would be one file on any of them.
"""

import re
import unicodedata
from pathlib import PurePosixPath

_NOT_IN_NAMES = re.compile(r'[\\:*?"<>|\x00-\x1f\x7f]')
# Windows takes these for devices, whatever suffix follows.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
_LONGEST_PART_BYTES = 200
_LONGEST_BYTES = 1_000


def is_inside(name: str) -> bool:
    """True for a name that means the same file inside the package on every system."""
    path = PurePosixPath(name)
    if name != str(path) or path.is_absolute() or name in ("", ".") or _NOT_IN_NAMES.search(name):
        return False
    try:
        lengths = [len(part.encode()) for part in path.parts]
    except UnicodeEncodeError:  # bytes that are no text, which no manifest can name
        return False
    is_short = sum(lengths) <= _LONGEST_BYTES and max(lengths) <= _LONGEST_PART_BYTES
    return is_short and all(_is_plain(part) for part in path.parts)


class Names:
    """Names as they come, held against each other."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, bool]] = {}

    def add(self, name: str) -> str | None:
        """Take a name; the one it cannot lie beside where case or accents do not count, None if there is none."""
        path = PurePosixPath(name)
        for folder in map(str, list(path.parents)[:-1]):
            other = self._seen.setdefault(_folded(folder), (folder, True))
            if other != (folder, True):
                return other[0]
        if _folded(name) in self._seen:
            return self._seen[_folded(name)][0]
        self._seen[_folded(name)] = (name, False)
        return None


def same_name(left: str, right: str) -> bool:
    """True when macOS or Windows would take both for one."""
    return _folded(left) == _folded(right)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _is_plain(part: str) -> bool:
    return part != ".." and not part.endswith((".", " ")) and not _DEVICES.match(part)
