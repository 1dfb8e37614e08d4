"""The token that is made up for the page, kept so that links and open pages outlive a restart.

What always holds: the file is read and written by its user alone; one that others may have read or written is replaced.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from rebounce.watchers.setting_checks import token

NAME = "web-token"
TOKEN_BYTES = 24
OWN_MODE = 0o600


def made_token() -> str:
    """A token that nobody can guess, and that needs no quoting."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def kept_token(folder: Path) -> str:
    """The token that is kept in a folder; where none can be kept, one for this time."""
    path = folder / NAME
    with contextlib.suppress(OSError, ValueError):
        return _read(path)
    made = made_token()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, made)
    return made


def _read(path: Path) -> str:
    """What stands there; ValueError for what cannot be trusted."""
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), encoding="ascii") as file:
        status = os.fstat(file.fileno())
        if os.name == "posix" and (stat.S_IMODE(status.st_mode) & ~OWN_MODE or status.st_uid != os.geteuid()):
            raise ValueError(f"{path}: others may have read it")
        return token(file.read().strip())


def _write(path: Path, made: str) -> None:
    """Beside its place at first, so that it is never there in half, nor with another mode."""
    aside = path.with_name(f".{NAME}.{secrets.token_hex(4)}.part")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWN_MODE), "w", encoding="ascii") as file:
            file.write(f"{made}\n")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
