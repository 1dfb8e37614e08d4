"""Where everything stands in a chunked file that is to be written, and the writing of all but the samples.

What always holds: the number of frames is known before the first byte is written, so every size is right from the
start and nothing is gone back to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from rebounce.engine.chunks import WAVE64, Chunk, Dialect, copy_payload, framed_bytes


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
    def _samples_padding(self) -> int:
        # libsndfile takes the padding at the end of a Wave64 file for one more frame, and writes none itself.
        is_bare = self.dialect is WAVE64 and not self.after and self.tail is None
        return 0 if is_bare else self.dialect.padding(self._samples_chunk_bytes)

    @property
    def total_bytes(self) -> int:
        """The length of the file, the tail aside."""
        samples = self.dialect.header.size + self._samples_chunk_bytes + self._samples_padding
        head = self.dialect.header.size + len(self.form)
        return head + framed_bytes(self.dialect, [*self.before, *self.after]) + samples

    def offset_of(self, chunk: Chunk) -> int:
        """Where the payload of a chunk before the samples begins."""
        place = self.dialect.header.size + len(self.form) + self.dialect.header.size
        index = next(number for number, other in enumerate(self.before) if other is chunk)
        return place + framed_bytes(self.dialect, self.before[:index])

    def head(self) -> bytes:
        """What the file begins with."""
        return self._sized_head(self.magic, self.total_bytes - self.dialect.header.size) + self.form

    def samples_head(self) -> bytes:
        """What stands directly before the first sample."""
        return self._sized_head(self.dialect.samples_id, self._samples_chunk_bytes) + self.prefix

    def chunk_head(self, chunk: Chunk) -> bytes:
        return self.dialect.write_header(chunk.id, chunk.size)

    def chunk_padding(self, chunk: Chunk) -> bytes:
        return bytes(self.dialect.padding(chunk.size))

    def write_before(self, source: BinaryIO, out: BinaryIO) -> None:
        """Everything up to the first sample."""
        out.write(self.head())
        for chunk in self.before:
            self._write_chunk(source, chunk, out)
        out.write(self.samples_head())

    def write_after(self, source: BinaryIO, out: BinaryIO) -> None:
        """Everything behind the last sample."""
        out.write(bytes(self._samples_padding))
        for chunk in self.after:
            self._write_chunk(source, chunk, out)
        if self.tail is not None:
            copy_payload(source, self.tail, out)

    def _sized_head(self, id: bytes, size: int) -> bytes:
        """A header; in RF64 the sizes of the file and of the samples are in ds64 and not here."""
        return self.dialect.write_header(id, self.dialect.size_limit if self.hides_sizes else size)

    def _write_chunk(self, source: BinaryIO, chunk: Chunk, out: BinaryIO) -> None:
        out.write(self.chunk_head(chunk))
        copy_payload(source, chunk, out)
        out.write(self.chunk_padding(chunk))
