"""The metadata blocks of a FLAC file: reading them, moving their positions, and putting them together again.

What always holds: a block that says nothing of what was changed keeps its bytes and its place among the others.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import md5
from typing import BinaryIO

from rebounce.engine.chunk_positions import Rescale

MAGIC = b"fLaC"
STREAMINFO, PADDING, APPLICATION, SEEKTABLE, VORBIS_COMMENT, CUESHEET, PICTURE = range(7)
LAST_FLAG = 0x80
HEADER_BYTES = 4
BLOCK_FRAMES = 4096
STREAMINFO_BYTES = 34
MOST_BLOCK_BYTES = (1 << 24) - 1
CUESHEET_FIXED_BYTES = 396
CUESHEET_LEAD_IN_OFFSET = 128
CUESHEET_IS_CD_OFFSET = 136
TRACK_BYTES = 36
INDEX_BYTES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class FlacBlock:
    """One metadata block without its header."""

    kind: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FlacFile:
    """The metadata of a FLAC file; `prefix` stands before its magic (an ID3 tag, where some program put one)."""

    prefix: bytes
    blocks: tuple[FlacBlock, ...]
    bits: int
    frames: int

    def of_kind(self, kind: int) -> list[bytes]:
        return [block.data for block in self.blocks if block.kind == kind]


def read_flac(file: BinaryIO, start: int) -> FlacFile | None:
    """The blocks of the FLAC file that begins at `start`; None where they are cut short."""
    file.seek(0)
    prefix = file.read(start)
    file.seek(start + len(MAGIC))
    blocks: list[FlacBlock] = []
    is_last = False
    while not is_last:
        header = file.read(HEADER_BYTES)
        size = int.from_bytes(header[1:], "big")
        data = file.read(size)
        if len(header) < HEADER_BYTES or len(data) < size:
            return None
        if blocks and header[0] & ~LAST_FLAG == STREAMINFO:
            return None  # there is one only; room allocated for blocks that were never written reads like more of them
        is_last = bool(header[0] & LAST_FLAG)
        blocks.append(FlacBlock(kind=header[0] & ~LAST_FLAG, data=data))
    if blocks[0].kind != STREAMINFO or len(blocks[0].data) < STREAMINFO_BYTES:
        return None
    # After the block and frame sizes: 20 bits rate, 3 channels - 1, 5 bits a sample - 1, 36 frames.
    packed = int.from_bytes(blocks[0].data[10:18], "big")
    bits = (packed >> 36 & 0x1F) + 1
    return FlacFile(prefix=prefix, blocks=tuple(blocks), bits=bits, frames=packed & (1 << 36) - 1)


def pack_blocks(streaminfo: bytes, blocks: Iterable[FlacBlock]) -> bytes:
    """The beginning of a FLAC file, up to its first frame of audio."""
    every = [FlacBlock(kind=STREAMINFO, data=streaminfo), *blocks]
    packed = [MAGIC]
    for number, block in enumerate(every):
        flag = LAST_FLAG if number == len(every) - 1 else 0
        packed.append(bytes([block.kind | flag]) + len(block.data).to_bytes(3, "big") + block.data)
    return b"".join(packed)


def empty_streaminfo(sample_rate_hz: int, channels: int, bits: int) -> bytes:
    """The STREAMINFO block of a file without frames."""
    packed = sample_rate_hz << 44 | (channels - 1) << 41 | (bits - 1) << 36
    return struct.pack(">HH6xQ", BLOCK_FRAMES, BLOCK_FRAMES, packed) + md5(usedforsecurity=False).digest()


def application(id: bytes, data: bytes) -> FlacBlock | None:
    """An APPLICATION block; None where it would be too large."""
    assert len(id) == 4, id
    whole = id + data
    return FlacBlock(kind=APPLICATION, data=whole) if len(whole) <= MOST_BLOCK_BYTES else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CueTrack:
    """One track of a cue sheet, and where its offsets stand in the block."""

    number: int
    offset: int
    index_offsets: tuple[int, ...]
    place: int


def cue_tracks(data: bytes) -> list[CueTrack]:
    """The tracks of a CUESHEET block, the lead-out last; fewer where the block is cut short."""
    tracks = []
    place = CUESHEET_FIXED_BYTES
    while place + TRACK_BYTES <= len(data):
        offset, number = struct.unpack_from(">QB", data, place)
        first_index = place + TRACK_BYTES
        end = first_index + data[place + TRACK_BYTES - 1] * INDEX_BYTES
        if end > len(data):
            break
        indexes = tuple(struct.unpack_from(">Q", data, at)[0] for at in range(first_index, end, INDEX_BYTES))
        tracks.append(CueTrack(number=number, offset=offset, index_offsets=indexes, place=place))
        place = end
    return tracks


def rescale_cuesheet(data: bytes, rescale: Rescale) -> bytes:
    """A CUESHEET block at another rate, where it is no compact disc's any more."""
    if not rescale.changes:
        return data
    out = bytearray(data)
    (lead_in,) = struct.unpack_from(">Q", data, CUESHEET_LEAD_IN_OFFSET)
    struct.pack_into(">Q", out, CUESHEET_LEAD_IN_OFFSET, rescale.frames(lead_in))
    out[CUESHEET_IS_CD_OFFSET] &= 0x7F
    for track in cue_tracks(data):
        struct.pack_into(">Q", out, track.place, rescale.frames(track.offset))
        for number, offset in enumerate(track.index_offsets):
            place = track.place + TRACK_BYTES + number * INDEX_BYTES
            struct.pack_into(">Q", out, place, rescale.frames(offset))
    return bytes(out)
