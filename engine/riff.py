"""Reads WAV (RIFF and RIFX), RF64 and BW64 files into a `Container`."""

import struct
from pathlib import Path
from typing import BinaryIO

from rebounce.engine.chunk_walk import judge_samples, walk_chunks
from rebounce.engine.chunks import RIFF, RIFX, Chunk, Container, first_named, payload
from rebounce.engine.errors import UnreadableFile
from rebounce.engine.wave_format import read_wave_format

HEAD_BYTES = 12
LARGE_MAGICS = (b"RF64", b"BW64")
MAGICS = (b"RIFF", b"RIFX", *LARGE_MAGICS)
# ds64: sizes of the file, of the samples, their count, and a table of other chunks that are too large for 32 bits.
DS64_FIXED = struct.Struct("<QQQI")
DS64_ROW = struct.Struct("<4sQ")


def read_riff(path: Path, file: BinaryIO) -> Container:
    """The file as a container; errors when it has no samples, no format, or fewer samples than it says."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    magic, form = head[:4], head[8:12]
    if form != b"WAVE":
        raise UnreadableFile(f"{path}: a RIFF file, but of kind {form!r} and not WAVE; expected audio - check the file")
    dialect = RIFX if magic == b"RIFX" else RIFF
    large_sizes = read_ds64(file) if magic in LARGE_MAGICS else {}
    walk = walk_chunks(file, dialect, HEAD_BYTES, large_sizes)
    format_chunk = first_named(walk.before, "fmt ")
    if format_chunk is None or walk.samples is None:
        missing = "fmt" if format_chunk is None else "data"
        raise UnreadableFile(
            f"{path}: a WAV header without a {missing} chunk; the file is cut short or damaged - bounce it again"
        )
    sample_format = read_wave_format(path, payload(file, format_chunk), dialect.order)
    messages = walk.messages + judge_samples(path, walk, sample_format.frame_bytes)
    return Container(
        name="RF64" if magic in LARGE_MAGICS else "WAV",
        dialect=dialect,
        magic=magic,
        form=form,
        format=sample_format,
        before=tuple(walk.before),
        samples=walk.samples,
        after=tuple(walk.after),
        tail=walk.tail,
        messages=tuple(messages),
        is_unfinished=walk.is_open,
    )


def read_ds64(file: BinaryIO) -> dict[bytes, int]:
    """The 64-bit sizes by chunk id, the file's own under the ids that it may have; empty where there are none."""
    file.seek(HEAD_BYTES)
    id, size = RIFF.read_header(file.read(RIFF.header.size).ljust(RIFF.header.size, b"\0"))
    data = file.read(min(size, 1 << 16))
    if id != b"ds64" or len(data) < DS64_FIXED.size:
        return {}
    outer_bytes, data_bytes, _, rows = DS64_FIXED.unpack_from(data)
    table = data[DS64_FIXED.size : DS64_FIXED.size + rows * DS64_ROW.size]
    whole = len(table) // DS64_ROW.size * DS64_ROW.size
    sizes: dict[bytes, int] = dict(DS64_ROW.iter_unpack(table[:whole]))
    return sizes | {b"data": data_bytes} | dict.fromkeys(LARGE_MAGICS, outer_bytes)


def make_ds64(old: Chunk | None, old_data: bytes, file_bytes: int, samples_bytes: int, frames: int) -> bytes:
    """A ds64 payload with new sizes; the table, and the room behind it, stay as they were."""
    rest = old_data[24:] if old is not None and len(old_data) >= DS64_FIXED.size else bytes(4)
    return struct.pack("<QQQ", file_bytes - RIFF.header.size, samples_bytes, frames) + rest
