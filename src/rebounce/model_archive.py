"""Unpacks the archive of a model package: zip, tar or tar.gz, told by its content and not by its name.

Always true here: nothing is written outside the folder; only plain files are made, each under a name that means the
same on every system and no two under one; nothing is executed; what unpacks to far more than it is, or is more than
any model package, is refused before it fills the disk.
"""

import gzip
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from rebounce.engine.byte_sizes import spell_bytes
from rebounce.engine.errors import ModelError
from rebounce.engine.package_names import Names, is_inside
from rebounce.engine.staging import COPY_BYTES, output_errors

MOST_BYTES = 16 * 1024**3
MOST_FILES = 1_000
# Weights hardly shrink: real packages unpack to at most twice their size. Small ones may hold anything.
MOST_TIMES, SMALL_BYTES = 100, 64 * 1024**2

_HEAD_BYTES = 512
_LONGEST_HEADER_BYTES = 1 << 20
_JUNK = frozenset({"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini"})
_OTHERS = {b"\x28\xb5\x2f\xfd": "Zstandard", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7-Zip", b"Rar!": "RAR"}
_DAMAGE = (
    *(EOFError, LookupError, NotImplementedError, RuntimeError, ValueError),
    *(gzip.BadGzipFile, struct.error, tarfile.TarError, zipfile.BadZipFile, zlib.error),
)
_DANGER = "do not use this package unless you know where it comes from"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One plain file of an archive, with the size that the archive claims."""

    name: str
    size: int
    content: IO[bytes]


_Entries = Generator[_Entry, None, None]


def unpack(archive: Path, where: str, folder: Path) -> None:
    """Put an archive's files into an empty folder, without what systems leave behind; `where` names it in errors."""
    names, count = Names(), 0
    most = min(MOST_BYTES, max(SMALL_BYTES, MOST_TIMES * archive.stat().st_size))
    room = most
    with _damage_told(where), archive.open("rb") as file, closing(_entries(where, file, most)) as entries:
        for count, entry in enumerate(entries, 1):
            name = _checked_name(where, entry.name, names)
            if count > MOST_FILES:
                raise ModelError(f"{where}: expected at most {MOST_FILES} files, found more; {_DANGER}")
            if entry.size > room:
                raise ModelError(_too_much(where, most))
            if not any(part.startswith(".") or part in _JUNK for part in name.split("/")):
                room -= _write(entry.content, folder / name, room)
            if room < 0:  # whatever size was claimed
                raise ModelError(_too_much(where, most))
    if not count:
        raise ModelError(f"{where}: expected the files of a model package, found an empty archive")


def _entries(where: str, file: BinaryIO, most_bytes: int) -> _Entries:
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_entries(where, file)
    if head.startswith(b"\x1f\x8b"):
        return _tar_entries(where, _Forward(where, gzip.GzipFile(fileobj=file), most_bytes))
    if head[257:262] == b"ustar":
        return _tar_entries(where, _Forward(where, file, most_bytes))
    raise ModelError(f"{where}: expected a .zip, .tar or .tar.gz, found {_told(head)}")


def _told(head: bytes) -> str:
    for start, kind in _OTHERS.items():
        if head.startswith(start):
            return f"{kind}; unpack it and pull the folder"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page; give the address of the file itself, which a page may only link to"
    return "something else; check that it is the archive of a model package" if head else "an empty file"


def _zip_entries(where: str, file: BinaryIO) -> _Entries:
    with zipfile.ZipFile(file) as members:
        for member in members.infolist():
            if member.is_dir():
                continue
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
                raise ModelError(_no_plain_file(where, member.filename))
            with members.open(member) as content:
                yield _Entry(name=member.filename, size=member.file_size, content=content)


def _tar_entries(where: str, stream: "_Forward") -> _Entries:
    with tarfile.open(fileobj=stream, mode="r:") as members:  # type: ignore[call-overload]
        for member in members:
            if member.isdir():
                continue
            content = members.extractfile(member) if member.isreg() and not member.issparse() else None
            if content is None:
                raise ModelError(_no_plain_file(where, member.name))
            yield _Entry(name=member.name, size=member.size, content=content)


class _Forward:
    """A stream as tarfile reads it, which goes forward only, in small pieces, and no further than the limit.

    A header that claims gigabytes, or one that leads back to an earlier one, would otherwise be followed.
    """

    def __init__(self, where: str, stream: BinaryIO | gzip.GzipFile, most_bytes: int) -> None:
        self._where = where
        self._stream = stream
        self._most_bytes = most_bytes + MOST_FILES * 4 * _HEAD_BYTES
        self._at = 0

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        data = self._stream.read(size)
        self._at += len(data)
        if self._at > self._most_bytes:
            raise ModelError(_too_much(self._where, self._most_bytes))
        return data

    def seek(self, offset: int) -> int:
        if offset < self._at:
            raise tarfile.ReadError("a header that leads back")
        while self._at < offset and self.read(min(offset - self._at, _LONGEST_HEADER_BYTES)):
            pass
        return self._at

    def tell(self) -> int:
        return self._at


def _checked_name(where: str, name: str, names: Names) -> str:
    plain = name.removeprefix("./")
    if not is_inside(plain):
        raise ModelError(f"{where}: expected names of files inside the package, found {name!r}; {_DANGER}")
    other = names.add(plain)
    if other is not None:
        raise ModelError(
            f"{where}: expected names that no system takes for one, found {other!r} and {plain!r}; {_DANGER}"
        )
    return plain


def _write(content: IO[bytes], path: Path, room: int) -> int:
    """Write one file, or the start of one that is larger than the room; returns how much was written."""
    written = 0
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("xb")
    with file:
        while written <= room and (data := content.read(COPY_BYTES)):
            with output_errors(path):
                file.write(data)
            written += len(data)
    return written


@contextmanager
def _damage_told(where: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise ModelError(
            f"{where}: expected the archive of a model package, found that it cannot be read: "
            f"{' '.join(str(error).split()) or 'it ends too early'}; the file is damaged: fetch it again"
        ) from error


def _no_plain_file(where: str, name: str) -> str:
    return f"{where}: expected plain files, found {name!r}, a link or a device; {_DANGER}"


def _too_much(where: str, most_bytes: int) -> str:
    most = spell_bytes(most_bytes)
    return f"{where}: expected at most {most} unpacked, found more; it is damaged, or made to fill disks"
