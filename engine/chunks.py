"""Chunks: the pieces that WAV, RF64, Wave64 and AIFF files are made of, and the three ways they are framed.

What always holds: a chunk points into the file it was found in until somebody gives it new `data`, so that a chunk of
any size can be carried over without being held in memory.
"""

import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from rebounce.engine.errors import UnreadableFile
from rebounce.engine.reading import reading_errors
from rebounce.engine.sample_formats import SampleFormat

PRINTABLE = range(0x20, 0x7F)
# What follows the four letters in Sony's GUIDs; `riff` and `list` have their own.
GUID_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
GUID_LIST_TAIL = bytes.fromhex("2e91cf11a5d628db04c10000")
LIST_GUID = b"list" + GUID_LIST_TAIL
# All GUIDs by the format's makers end in these, those that stand for no letters included.
GUID_NODE = GUID_TAIL[-6:]
COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One chunk: `offset` and `size` of its payload in the input, or the payload itself in `data`."""

    name: str
    id: bytes
    offset: int = 0
    size: int
    data: bytes | None = None


def new_chunk(name: str, data: bytes, id: bytes | None = None) -> Chunk:
    """A chunk that is not in the input."""
    return Chunk(name=name, id=name.encode("latin-1") if id is None else id, size=len(data), data=data)


def payload(file: BinaryIO, chunk: Chunk) -> bytes:
    """All of a chunk's payload; for chunks that are small by nature."""
    if chunk.data is not None:
        return chunk.data
    file.seek(chunk.offset)
    return file.read(chunk.size)


def copy_payload(source: BinaryIO, chunk: Chunk, out: BinaryIO) -> None:
    """Write a chunk's payload, piece by piece."""
    if chunk.data is not None:
        out.write(chunk.data)
        return
    left = chunk.size
    while left:
        with reading_errors(source.name):
            source.seek(chunk.offset + chunk.size - left)
            piece = source.read(min(left, COPY_BYTES))
        if not piece:
            raise UnreadableFile(
                f"{source.name}: the file ended within its chunk {chunk.name!r}; it was changed meanwhile"
            )
        out.write(piece)
        left -= len(piece)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How chunks are framed: their headers, what their sizes count, and where the next one begins."""

    header: struct.Struct
    counts_header: bool
    alignment: int
    samples_id: bytes

    @property
    def size_limit(self) -> int:
        """The size that a header uses for "not known"."""
        return 0xFFFFFFFF if self.header.size == 8 else 0xFFFFFFFFFFFFFFFF

    @property
    def order(self) -> str:
        """The byte order, as `struct` names it."""
        return self.header.format[0]

    def read_header(self, data: bytes) -> tuple[bytes, int]:
        """Id and payload size."""
        id, size = self.header.unpack(data)
        return id, (max(0, size - self.header.size) if self.counts_header else size)

    def write_header(self, id: bytes, size: int) -> bytes:
        return self.header.pack(id, min(size + self.header.size if self.counts_header else size, self.size_limit))

    def padding(self, size: int) -> int:
        """How many bytes follow a payload until the next chunk may begin."""
        return -size % self.alignment

    def is_id(self, id: bytes) -> bool:
        """True for what can be the name of a chunk rather than something in the middle of data."""
        if id[-len(GUID_NODE) :] == GUID_NODE:
            return True
        return all(byte in PRINTABLE for byte in id[:4]) and (len(id) == 4 or id[4:] == GUID_LIST_TAIL)

    def name(self, id: bytes) -> str:
        """Four letters, or the digits of a GUID that stands for none."""
        if len(id) == 4 or id[4:] == GUID_TAIL:
            return id[:4].decode("latin-1")
        return "LIST" if id == LIST_GUID else id.hex()

    @property
    def is_wave(self) -> bool:
        """True for the dialects whose chunks are those of WAV."""
        return self.samples_id[:4] == b"data"


RIFF = Dialect(header=struct.Struct("<4sI"), counts_header=False, alignment=2, samples_id=b"data")
RIFX = Dialect(header=struct.Struct(">4sI"), counts_header=False, alignment=2, samples_id=b"data")
AIFF = Dialect(header=struct.Struct(">4sI"), counts_header=False, alignment=2, samples_id=b"SSND")
WAVE64 = Dialect(header=struct.Struct("<16sQ"), counts_header=True, alignment=8, samples_id=b"data" + GUID_TAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A parsed file: its samples, and every chunk before and after them in order.

    `magic` is what the file begins with, `form` the kind that its header names; `tail` is what follows the last chunk.
    `is_unfinished` where the header was never filled in, so that other programs may find nothing in the file.
    """

    name: str
    dialect: Dialect
    magic: bytes
    form: bytes
    format: SampleFormat
    before: tuple[Chunk, ...]
    samples: Chunk
    after: tuple[Chunk, ...]
    tail: Chunk | None = None
    messages: tuple[str, ...] = ()
    is_unfinished: bool = False

    @property
    def frames(self) -> int:
        return self.samples.size // self.format.frame_bytes

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """All but the samples."""
        return self.before + self.after


def first_named(chunks: Iterable[Chunk], name: str) -> Chunk | None:
    """The first chunk of that name."""
    return next((chunk for chunk in chunks if chunk.name == name), None)


def chain_reaches_end(file: BinaryIO, dialect: Dialect, position: int) -> bool:
    """True when chunk follows chunk from here exactly to the end of the file."""
    end = file_bytes(file)
    while position + dialect.header.size <= end:
        file.seek(position)
        id, size = dialect.read_header(file.read(dialect.header.size))
        if not dialect.is_id(id):
            return False
        position += dialect.header.size + size
        if position == end:
            return True
        position += dialect.padding(size)
    return position == end


def file_bytes(file: BinaryIO) -> int:
    """The length of an open file; its position is lost."""
    return file.seek(0, os.SEEK_END)


def framed_bytes(dialect: Dialect, chunks: Sequence[Chunk]) -> int:
    """How much room chunks take with headers and padding."""
    return sum(dialect.header.size + chunk.size + dialect.padding(chunk.size) for chunk in chunks)
