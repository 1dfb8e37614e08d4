"""Chunks of another container inside a FLAC file, as the flac program keeps them with `--keep-foreign-metadata`.

Every chunk is an APPLICATION block `riff`, `w64 ` or `aiff`, in the order of the file it came from: its head, the
chunks, and of the samples the header alone. What always holds: what is written here can be read here, and by flac.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from rebounce.engine.aiff import read_common
from rebounce.engine.chunk_layout import Layout
from rebounce.engine.chunks import AIFF, RIFF, WAVE64, Chunk, Container, Dialect, first_named, payload
from rebounce.engine.flac_blocks import APPLICATION, FlacBlock, application
from rebounce.engine.wave_format import read_wave_format

ID_BYTES = 4
FOREIGN = {b"riff": (RIFF, "WAV"), b"w64 ": (WAVE64, "W64"), b"aiff": (AIFF, "AIFF")}


def foreign_id(block: FlacBlock) -> bytes | None:
    """Which kind of foreign chunk a block holds; None for any other block."""
    id = block.data[:ID_BYTES]
    return id if block.kind == APPLICATION and id in FOREIGN else None


def read_foreign(path: Path, blocks: Iterable[FlacBlock]) -> Container | None:
    """The chunks as a container without samples; None where there are none, or not all that it takes."""
    ours = [(id, block.data[ID_BYTES:]) for block in blocks if (id := foreign_id(block)) is not None]
    if not ours or any(id != ours[0][0] for id, _ in ours):
        return None
    dialect, name = FOREIGN[ours[0][0]]
    head, *rest = [data for _, data in ours]
    chunks = [_chunk(dialect, data) for data in rest if len(data) >= dialect.header.size]
    place = next((number for number, chunk in enumerate(chunks) if chunk.id == dialect.samples_id), None)
    format_chunk = first_named(chunks, "COMM" if dialect is AIFF else "fmt ")
    if place is None or format_chunk is None or not format_chunk.data:
        return None
    form = head[dialect.header.size :]
    if dialect is AIFF:
        sample_format = read_common(path, format_chunk.data, form).format
    else:
        sample_format = read_wave_format(path, format_chunk.data, dialect.order)
    return Container(
        name=name,
        dialect=dialect,
        magic=head[: len(dialect.samples_id)],
        form=form,
        format=sample_format,
        before=tuple(chunks[:place]),
        samples=replace(chunks[place], size=0, data=b""),
        after=tuple(chunks[place + 1 :]),
    )


def _chunk(dialect: Dialect, data: bytes) -> Chunk:
    id, size = dialect.read_header(data[: dialect.header.size])
    content = data[dialect.header.size : dialect.header.size + size]
    return Chunk(name=dialect.name(id), id=id, size=len(content), data=content)


def write_foreign(file: BinaryIO, layout: Layout) -> tuple[list[FlacBlock], list[str]]:
    """The blocks for everything in a layout but its samples, and what is to be said about chunks that do not fit."""
    id = next((id for id, (dialect, _) in FOREIGN.items() if dialect is layout.dialect), None)
    if id is None:
        return [], ["the chunks of a big-endian WAV (RIFX) have no place in FLAC and were left out"]
    blocks = [application(id, layout.head())]
    messages = []
    for chunk in [*layout.before, None, *layout.after]:
        if chunk is None:
            blocks.append(application(id, layout.samples_head()))
            continue
        block = application(id, layout.chunk_head(chunk) + payload(file, chunk) + layout.chunk_padding(chunk))
        if block is None:
            messages.append(f"the chunk {chunk.name!r} is larger than the 16 MB that FLAC can hold, and was left out")
        blocks.append(block)
    if layout.tail is not None:
        messages.append(f"{layout.tail.size} bytes after the last chunk have no place in FLAC and were left out")
    return [block for block in blocks if block is not None], messages
