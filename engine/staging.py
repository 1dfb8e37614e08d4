"""Puts a file in its place whole or not at all: written beside it under another name, made safe on disk, renamed.

What always holds: until `publish` nothing is seen under the final name; a part is removed on any failure, Ctrl-C
included; a file that appeared meanwhile is not replaced unless that was asked for; and while one process writes a
part no other touches it.
"""

import contextlib
import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from rebounce.engine.deferred_signals import signals_wait
from rebounce.engine.errors import DiskFull, OutputError, StillWritten
from rebounce.engine.part_lock import NOT_SUPPORTED, claim
from rebounce.engine.reading import reading_errors, still_written

PREFIX, SUFFIX = ".", ".rebounce.part"
LONGEST_NAME_BYTES = 255
COPY_BYTES = 1 << 20
# Room left for what a file system keeps of its own.
SPARE_BYTES = 1 << 20
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
NO_LINKS = (*NOT_SUPPORTED, errno.EMLINK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What a staged file takes over from the input: mode and group always, the modification time on request."""

    source: Path
    keeps_mtime: bool = False


def part_path(target: Path) -> Path:
    """Where `target` is staged; a name too long for the file system is shortened, and told apart by a hash."""
    name = f"{PREFIX}{target.name}{SUFFIX}"
    if len(os.fsencode(name)) > LONGEST_NAME_BYTES:
        digest = blake2b(os.fsencode(target.name), digest_size=8).hexdigest()
        room = LONGEST_NAME_BYTES - len(os.fsencode(f"{PREFIX}~{digest}{SUFFIX}"))
        start = os.fsencode(target.name)[:room].decode(errors="ignore")
        name = f"{PREFIX}{start}~{digest}{SUFFIX}"
    return target.with_name(name)


class Staged:
    """One file on its way to `target`: write to `file`, then `publish`; leaving `with` without that discards it."""

    def __init__(self, target: Path, *, replaces: bool = False, keeping: Keeping | None = None) -> None:
        self._is_open = False
        self.target = target
        self.path = part_path(target)
        self._replaces = replaces
        self._keeping = keeping
        if not replaces and os.path.lexists(target):
            raise _exists(target)
        with output_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with signals_wait():
                # The input may be private: nobody else reads the part before it has the input's own mode.
                self.file: BinaryIO = claim(self.path, mode=0o600 if keeping else 0o666)
                self._is_open = True

    def __del__(self) -> None:
        # An interrupt may come after the part was made and before the `with` block that would remove it.
        self.discard()

    def __enter__(self) -> "Staged":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def publish(self) -> list[str]:
        """Make the content safe and give it its name; returns what could not be taken over from the input."""
        keeping = self._keeping
        try:
            with output_errors(self.target):
                self.file.flush()
                messages = _take_over(self.file, keeping) if keeping else []
                os.fsync(self.file.fileno())
                if keeping and keeping.keeps_mtime:
                    _take_over_mtime(self.path, keeping)
                with signals_wait():
                    if sys.platform == "win32":
                        self.file.close()  # Windows renames no open file
                    self._rename()
                    self._is_open = False
                    self.file.close()
                sync_folder(self.target.parent)
        finally:
            self.discard()
        return messages

    def discard(self) -> None:
        """Remove the part; after `publish` there is none."""
        if self._is_open:
            with signals_wait():
                self._remove()

    def _remove(self) -> None:
        self._is_open = False
        # Removed before it is closed: closing lets go of the lock, and the next writer's part must not be hit.
        if sys.platform != "win32":
            self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # a full disk may refuse the last flush: the content is thrown away anyway
            self.file.close()
        if sys.platform == "win32":
            self.path.unlink(missing_ok=True)

    def _rename(self) -> None:
        if self._replaces:
            self.path.replace(self.target)
        elif sys.platform == "win32":
            self._refuse_if_there(os.rename)  # which replaces nothing on Windows
        else:
            try:
                self._refuse_if_there(os.link)
            except OSError as problem:
                if problem.errno not in NO_LINKS:
                    raise
                self._claim_and_replace()
            else:
                self.path.unlink()

    def _refuse_if_there(self, give_name: Callable[[Path, Path], None]) -> None:
        try:
            give_name(self.path, self.target)
        except FileExistsError as problem:
            raise _exists(self.target) from problem

    def _claim_and_replace(self) -> None:
        """For file systems without links (exFAT, some shares): the name is taken first, by an empty file."""
        try:
            os.close(os.open(self.target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError as problem:
            raise _exists(self.target) from problem
        try:
            self.path.replace(self.target)
        except OSError:
            self.target.unlink()
            raise


def copy_unchanged(source: Path, target: Path, *, replaces: bool = False, keeps_mtime: bool = False) -> list[str]:
    """The input itself, byte for byte, under its new name; returns what could not be taken over."""
    with reading_errors(source):
        status = source.stat()
    check_room(target, status.st_size)
    keeping = Keeping(source=source, keeps_mtime=keeps_mtime)
    with Staged(target, replaces=replaces, keeping=keeping) as staged:
        for data in _pieces(source):
            with output_errors(target, status.st_size):
                staged.file.write(data)
        if staged.file.tell() != status.st_size or source.stat().st_mtime_ns != status.st_mtime_ns:
            raise StillWritten(still_written(source))
        return staged.publish()


def _pieces(source: Path) -> Iterator[bytes]:
    with reading_errors(source), open(source, "rb") as file:
        while data := file.read(COPY_BYTES):
            yield data


def check_room(target: Path, bytes_needed: int) -> None:
    """Refuse early what the disk of `target` cannot hold."""
    with output_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    free = _free_bytes(target)
    if free < bytes_needed + SPARE_BYTES:
        raise _full(target, bytes_needed, free)


@contextlib.contextmanager
def output_errors(target: Path, bytes_needed: int | None = None) -> Iterator[None]:
    """Turn what the system says about writing into one sentence about the output folder."""
    try:
        yield
    except OSError as problem:
        if problem.errno in FULL_DISK:
            raise _full(target, bytes_needed, _free_bytes(target)) from problem
        raise OutputError(
            f"{target}: the result cannot be written ({problem.strerror or problem}); check that the folder "
            f"{target.parent} may be written to, or choose another with -o"
        ) from problem


def _free_bytes(target: Path) -> int:
    """The room on the disk of `target`, whose folder may not be there yet."""
    folder = next(folder for folder in target.absolute().parents if os.path.exists(folder))
    return shutil.disk_usage(folder).free


def _full(target: Path, bytes_needed: int | None, free: int) -> DiskFull:
    needed = "" if bytes_needed is None else f"{_megabytes(bytes_needed)} needed, "
    return DiskFull(
        f"{target.parent}: the disk is full ({needed}{_megabytes(free)} free) and {target.name} was not written; "
        "free some space or choose a folder on another disk"
    )


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _exists(target: Path) -> OutputError:
    return OutputError(
        f"{target}: there is a file of that name already; add --force to replace it, or choose another -o"
    )


def _take_over(file: BinaryIO, keeping: Keeping) -> list[str]:
    """Mode and group; what the system does not allow is said."""
    wanted = keeping.source.stat()
    if not hasattr(os, "fchmod"):
        return []
    messages = []
    if os.fstat(file.fileno()).st_gid != wanted.st_gid:
        try:
            os.fchown(file.fileno(), -1, wanted.st_gid)
        except OSError as problem:
            messages.append(f"the input's group ({wanted.st_gid}) could not be kept: {problem.strerror}")
    try:
        os.fchmod(file.fileno(), stat.S_IMODE(wanted.st_mode) & 0o777)
    except OSError as problem:
        messages.append(f"the input's permissions could not be kept: {problem.strerror}")
    return messages


def _take_over_mtime(path: Path, keeping: Keeping) -> None:
    wanted = keeping.source.stat()
    os.utime(path, ns=(wanted.st_atime_ns, wanted.st_mtime_ns))


def sync_folder(folder: Path) -> None:
    """A rename is safe from a power cut only when its folder is; Windows has no such thing."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise  # some network file systems cannot sync a folder
    finally:
        os.close(descriptor)
