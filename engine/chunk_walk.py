"""Walks a chunked file from its first chunk to its end, and finds out where its samples really are.

What always holds: every byte after the head belongs to a chunk, to the samples, to padding or to the tail; and a size
that is not what it should be is either certain to be repaired, with a message that says so, or an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from rebounce.engine.chunks import Chunk, Dialect, chain_reaches_end, file_bytes
from rebounce.engine.errors import UnreadableFile

# Programs that write to a pipe put the largest size there is, some less the bytes before it.
NOT_KNOWN_MARGIN = 0x100
# Chunks that are found behind the samples; looked for where a header does not say how long the samples are.
TRAILING_IDS = (b"LIST", b"bext", b"iXML", b"id3 ", b"ID3 ", b"cue ", b"smpl", b"_PMX", b"MARK", b"PEAK", b"COMT")
TRAILING_BYTES = 1 << 20
WRAP_BYTES = 1 << 32
# Where the sizes of RF64 stand they have 64 bits.
LARGE_LIMIT = (1 << 64) - 1


@dataclass(slots=True, kw_only=True)
class Walk:
    """What was found: chunks before and after the samples, and the samples as far as the file holds them."""

    before: list[Chunk] = field(default_factory=list)
    samples: Chunk | None = None
    stated_bytes: int = 0
    is_open: bool = False
    after: list[Chunk] = field(default_factory=list)
    tail: Chunk | None = None
    messages: list[str] = field(default_factory=list)


def walk_chunks(file: BinaryIO, dialect: Dialect, position: int, large_sizes: Mapping[bytes, int]) -> Walk:
    """Every chunk from `position` on; `large_sizes` holds sizes that were written elsewhere (RF64's ds64)."""
    walk = Walk()
    end = file_bytes(file)
    while position < end:
        file.seek(position)
        header = file.read(dialect.header.size)
        if len(header) < dialect.header.size or not dialect.is_id(header[: len(dialect.samples_id)]):
            break
        id, size = dialect.read_header(header)
        limit = dialect.size_limit
        if id in large_sizes and size in (0, dialect.size_limit):
            size, limit = large_sizes[id], LARGE_LIMIT
        chunk = Chunk(name=dialect.name(id), id=id, offset=position + dialect.header.size, size=size)
        if id == dialect.samples_id and walk.samples is None:
            chunk = _find_samples(file, dialect, chunk, walk, limit)
        elif chunk.offset + chunk.size > end:
            walk.messages.append(f"the chunk {chunk.name!r} at the end is cut short; its rest was kept as it is")
            break
        else:
            (walk.before if walk.samples is None else walk.after).append(chunk)
        position = _next_position(file, dialect, chunk, end)
    if position < end:
        walk.tail = Chunk(name="tail", id=b"", offset=position, size=end - position)
    return walk


def _next_position(file: BinaryIO, dialect: Dialect, chunk: Chunk, end: int) -> int:
    """Where the next chunk begins: after the padding, or before it where a writer forgot to pad."""
    bare = chunk.offset + chunk.size
    padded = min(end, bare + dialect.padding(chunk.size))
    if bare < padded < end:
        file.seek(bare)
        here = file.read(len(dialect.samples_id))
        file.seek(padded)
        if here[:1] != b"\0" and dialect.is_id(here) and not dialect.is_id(file.read(len(dialect.samples_id))):
            return bare
    return padded


def _find_samples(file: BinaryIO, dialect: Dialect, stated: Chunk, walk: Walk, limit: int) -> Chunk:
    """The samples as far as they really go, whatever the header says; `limit` stands for "not known" in it."""
    available = file_bytes(file) - stated.offset
    walk.stated_bytes = stated.size
    size = min(stated.size, available)
    if _is_not_known(file, dialect, stated, limit):
        walk.is_open = True
        size = _first_trailing_chunk(file, dialect, stated.offset) - stated.offset
    elif dialect.header.size == 8 and stated.size < available and (available - stated.size) % WRAP_BYTES == 0:
        walk.stated_bytes = size = available
        walk.messages.append("the audio is longer than a WAV header can say (4 GB); all of it was read")
    walk.samples = Chunk(name=stated.name, id=stated.id, offset=stated.offset, size=size)
    return walk.samples


def _is_not_known(file: BinaryIO, dialect: Dialect, stated: Chunk, limit: int) -> bool:
    available = file_bytes(file) - stated.offset
    if stated.size == 0:
        return available > 0 and not chain_reaches_end(file, dialect, stated.offset)
    return stated.size > available and stated.size >= limit - NOT_KNOWN_MARGIN


def _first_trailing_chunk(file: BinaryIO, dialect: Dialect, start: int) -> int:
    """Where samples of unknown length end: at chunks that lead exactly to the end of the file, or at that end."""
    end = file_bytes(file)
    searched = max(start, end - TRAILING_BYTES)
    file.seek(searched)
    data = file.read()
    found = sorted(searched + place for id in TRAILING_IDS for place in _places(data, id))
    for position in found:
        if (position - start) % dialect.alignment == 0 and chain_reaches_end(file, dialect, position):
            return position
    return end


def _places(data: bytes, id: bytes) -> list[int]:
    places = []
    place = data.find(id)
    while place >= 0:
        places.append(place)
        place = data.find(id, place + 1)
    return places


def judge_samples(path: Path, walk: Walk, frame_bytes: int) -> list[str]:
    """What is to be said about the samples' size; raises when some of them are missing."""
    assert walk.samples is not None
    frames, left_over = divmod(walk.samples.size, frame_bytes)
    if walk.is_open:
        return [_open_message(walk, frames, left_over)]
    if walk.stated_bytes > walk.samples.size:
        raise UnreadableFile(truncation(path, walk.stated_bytes // frame_bytes, frames))
    if left_over:
        return [f"{left_over} bytes at the end of the samples are less than a frame and were left out"]
    return []


def truncation(path: Path, expected: int, found: int) -> str:
    """The sentence for a file that ends too early."""
    return (
        f"{path}: the header promises {expected} frames, the file holds {found}; the bounce may still be being "
        "written, or a copy was interrupted - wait until it is done, or bounce or copy it again"
    )


def _open_message(walk: Walk, frames: int, left_over: int) -> str:
    message = (
        f"the header did not say how long the audio is (size {walk.stated_bytes:#x}, left by an unfinished bounce); "
        f"repaired: everything up to {'the chunks at the end' if walk.after else 'the end of the file'} is audio, "
        f"{frames} frames"
    )
    return message + (f"; {left_over} bytes of a last frame that is not whole were left out" if left_over > 1 else "")
