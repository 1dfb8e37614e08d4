"""Where everything stands in a chunked file that is to be written, and the writing of all but the samples.

What always holds: the number of frames is known before the first byte is written, so every size is right from the
start and nothing is gone back to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from rebounce.engine.chunks import Chunk, Dialect, copy_payload, framed_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One file to be written. `prefix` stands between the header of the sample chunk and the first sample.

    `hides_sizes` says that the sizes of the file and of its samples stand in a chunk of their own, as in RF64.
    """

    dialect: Dialect
    magic: bytes
    form: bytes
    before: Sequence[Chunk]
    prefix: bytes = b""
    samples_bytes: int
    after: Sequence[Chunk]
    tail: Chunk | None = None
    hides_sizes: bool = False

    @property
    def _samples_chunk_bytes(self) -> int:
        return len(self.prefix) + self.samples_bytes

    @property
    def total_bytes(self) -> int:
        """The length of the file, the tail aside."""
        size = self._samples_chunk_bytes
        samples = self.dialect.header.size + size + self.dialect.padding(size)
        head = self.dialect.header.size + len(self.form)
        return head + framed_bytes(self.dialect, [*self.before, *self.after]) + samples

    def offset_of(self, chunk: Chunk) -> int:
        """Where the payload of a chunk before the samples begins."""
        place = self.dialect.header.size + len(self.form) + self.dialect.header.size
        index = next(number for number, other in enumerate(self.before) if other is chunk)
        return place + framed_bytes(self.dialect, self.before[:index])

    def write_before(self, source: BinaryIO, out: BinaryIO) -> None:
        """Everything up to the first sample."""
        body = self.total_bytes - self.dialect.header.size
        out.write(self._header(self.magic, body) + self.form)
        for chunk in self.before:
            self._write_chunk(source, chunk, out)
        out.write(self._header(self.dialect.samples_id, self._samples_chunk_bytes) + self.prefix)

    def write_after(self, source: BinaryIO, out: BinaryIO) -> None:
        """Everything behind the last sample."""
        out.write(bytes(self.dialect.padding(self._samples_chunk_bytes)))
        for chunk in self.after:
            self._write_chunk(source, chunk, out)
        if self.tail is not None:
            copy_payload(source, self.tail, out)

    def _header(self, id: bytes, size: int) -> bytes:
        """A header; in RF64 the sizes of the file and of the samples are in ds64 and not here."""
        return self.dialect.write_header(id, self.dialect.size_limit if self.hides_sizes else size)

    def _write_chunk(self, source: BinaryIO, chunk: Chunk, out: BinaryIO) -> None:
        out.write(self.dialect.write_header(chunk.id, chunk.size))
        copy_payload(source, chunk, out)
        out.write(bytes(self.dialect.padding(chunk.size)))
