"""Who works on something: a process on a machine, told apart from a later one that was given the same number.

What always holds: a process that cannot be looked at counts as alive, so that nothing is taken from its hands.
"""

import os
import socket
import sys
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

START_FIELD = 21  # of /proc/PID/stat, counted from 0; those before it end with the name in brackets


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A process. `boot` tells one run of a machine from the next, `started` when in that run, and `space` the container
    within which its number counts; each empty where unknown."""

    host: str
    boot: str
    pid: int
    started: str
    space: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def owner_from(table: dict[str, Any]) -> Owner:
    """The owner that `to_dict` told."""
    texts = {name: str(table[name]) for name in ("host", "boot", "started")}
    return Owner(**texts, pid=int(table["pid"]), space=str(table.get("space", "")))


def this_process() -> Owner:
    """The process that asks."""
    return process_of(os.getpid())


def process_of(pid: int) -> Owner:
    """A process of this machine."""
    return Owner(host=socket.gethostname(), boot=_boot(), pid=pid, started=_started(pid), space=_space())


def is_here(owner: Owner) -> bool:
    """True when the process is, or was, one that can be asked for: of this run of this machine, in this container.

    Its name alone does not tell: machines may be copies of one another, and containers may share a name.
    """
    return (owner.host, owner.boot, owner.space) == (socket.gethostname(), _boot(), _space())


def was_here(owner: Owner) -> bool:
    """True when the process was one of an earlier run of this machine, as far as its name tells."""
    return bool(owner.boot) and owner.boot != _boot() and owner.host == socket.gethostname()


def is_alive(owner: Owner) -> bool:
    """True unless this machine knows that the process is gone."""
    if not is_here(owner):
        return not was_here(owner)
    return _exists(owner.pid) and owner.started in ("", _started(owner.pid))


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


@cache
def _space() -> str:
    """The space of process numbers, of which each container has its own."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except (OSError, AttributeError):
        return ""


def _started(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return ""
    fields = text[text.rindex(")") + 2 :].split()
    return "" if fields[0] == "Z" else fields[START_FIELD - 2]


def _exists(pid: int) -> bool:
    if sys.platform == "win32":  # where os.kill would end the process; never run there yet
        import ctypes

        synchronize, timeout = 0x00100000, 0x102
        handle = ctypes.windll.kernel32.OpenProcess(synchronize, False, pid)
        if not handle:
            return False
        is_running = ctypes.windll.kernel32.WaitForSingleObject(handle, 0) == timeout
        ctypes.windll.kernel32.CloseHandle(handle)
        return bool(is_running)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
