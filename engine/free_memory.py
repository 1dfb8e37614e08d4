"""How much memory this process may still take: the machine's, or what a container was given.

Always true here: asking changes nothing and raises nothing; where nobody can say, the answer is None. What the system
would give back when asked (files it keeps in memory) counts as free, and so does swap.

The ways for macOS and Windows are written after their documentation and have not been run there.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_ROOT = Path("/")
_UNLIMITED = 1 << 60  # version 1 of control groups says "no limit" with a number near 2^63


def free_memory(root: Path = _ROOT) -> int | None:
    """Bytes this process may still take, None where that is not known; `root` is where `proc` and `sys` are."""
    if sys.platform == "win32":
        return _windows()
    if sys.platform == "darwin":
        return _total()
    known = [free for free in (_machine(root), *_groups(root)) if free is not None]
    return max(0, min(known)) if known else None


def _machine(root: Path) -> int | None:
    """What Linux says is there to be had."""
    values = _table(root / "proc/meminfo")
    if "MemAvailable" not in values:
        return None
    return 1024 * (values["MemAvailable"] + values.get("SwapFree", 0))


def _groups(root: Path) -> Iterator[int]:
    """What is left of each limit that this process's control group and those around it have."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            base, limit, used, prefix = root / "sys/fs/cgroup", "memory.max", "memory.current", ""
        elif "memory" in controllers.split(","):
            base, limit, used = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            prefix = "total_"
        else:
            continue
        # In a container the path may be the host's, of which nothing is seen here: then the root is its own group.
        for folder in (PurePosixPath(path), *PurePosixPath(path).parents):
            place = base / str(folder).lstrip("/")
            most, taken = _number(place / limit), _number(place / used)
            if most is not None and taken is not None and most < _UNLIMITED:
                kept = _table(place / "memory.stat")
                yield most - taken + sum(kept.get(f"{prefix}{files}", 0) for files in ("active_file", "inactive_file"))


def _table(path: Path) -> dict[str, int]:
    """Lines of a name and a number, with or without a colon and a unit."""
    pairs = [line.replace(":", " ").split() for line in _text(path).splitlines()]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) > 1 and pair[1].isdecimal()}


def _number(path: Path) -> int | None:
    """The number in a file; None where it says "max", or is not there."""
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _total() -> int | None:
    """All the memory of the machine: what macOS would give back of it is in no file and no call of Python's."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _windows() -> int | None:
    """What may still be promised to processes: memory and page file together."""

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("physical", "free_physical", "promised", "free_promised")),
            *((name, ctypes.c_ulonglong) for name in ("virtual", "free_virtual", "extended")),
        )

    status = Status(length=ctypes.sizeof(Status))
    windll = getattr(ctypes, "windll", None)
    if windll is None or not windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return int(status.free_promised)
