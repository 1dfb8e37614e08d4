"""Reads AIFF and AIFC files into a `Container`, and makes the COMM chunk of those that are written."""

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from rebounce.engine.chunk_walk import Walk, judge_samples, truncation, walk_chunks
from rebounce.engine.chunks import AIFF, Chunk, Container, file_bytes, first_named, payload
from rebounce.engine.errors import UnreadableFile, UnsupportedAudio
from rebounce.engine.sample_formats import DEPTHS, SampleFormat

FORMS = (b"AIFF", b"AIFC")
HEAD_BYTES = 12
COMM_BYTES = 18
# Before the first sample SSND holds an offset to it and a block size.
SSND_PREFIX = struct.Struct(">II")
INTEGERS = {1: "PCM_S8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
CODECS = {b"fl32": "FLOAT", b"FL32": "FLOAT", b"fl64": "DOUBLE", b"FL64": "DOUBLE", b"raw ": "PCM_U8"}
PLAIN_CODECS = (b"NONE", b"none", b"twos", b"sowt", b"in24", b"in32")
LITTLE_ENDIAN_CODEC = b"sowt"
FLOAT_CODECS = {"FLOAT": (b"fl32", b"32-bit floating point"), "DOUBLE": (b"fl64", b"64-bit floating point")}
PLAIN_CODEC = (b"NONE", b"not compressed")
VERSION_DATA = struct.pack(">I", 0xA2805140)
EXTENDED_BIAS = 16383


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What the COMM chunk says."""

    format: SampleFormat
    frames: int


def read_aiff(path: Path, file: BinaryIO) -> Container:
    """The file as a container; errors when it has no format or fewer samples than it says."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    walk = walk_chunks(file, AIFF, HEAD_BYTES, {})
    common_chunk = first_named([*walk.before, *walk.after], "COMM")
    if common_chunk is None:
        raise UnreadableFile(f"{path}: an AIFF file without a COMM chunk; it is cut short or damaged - bounce it again")
    common = read_common(path, payload(file, common_chunk), head[8:12])
    samples, messages = _find_samples(path, file, walk, common)
    return Container(
        name="AIFF",
        dialect=AIFF,
        magic=head[:4],
        form=head[8:12],
        format=common.format,
        before=tuple(walk.before),
        samples=samples,
        after=tuple(walk.after),
        tail=walk.tail,
        messages=tuple(walk.messages + messages),
        is_unfinished=walk.is_open or (common.frames == 0 and samples.size > 0),
    )


def read_common(path: Path, data: bytes, form: bytes) -> Common:
    """The COMM payload of a file of this form."""
    if len(data) < COMM_BYTES:
        raise UnreadableFile(f"{path}: the COMM chunk holds {len(data)} bytes, expected {COMM_BYTES}; bounce it again")
    channels, frames, bits = struct.unpack(">HIH", data[:8])
    codec = data[18:22] if form == b"AIFC" and len(data) >= COMM_BYTES + 4 else b"NONE"
    rate = from_extended(data[8:18])
    subtype = CODECS.get(codec) or (INTEGERS.get(-(-bits // 8)) if codec in PLAIN_CODECS else None)
    if subtype is None:
        raise UnsupportedAudio(
            f"{path}: an AIFF with {codec!r} samples of {bits} bits; expected PCM of 8, 16, 24 or 32 bits, or float of "
            "32 or 64 - bounce it as one of these"
        )
    if channels == 0 or not rate:
        raise UnreadableFile(f"{path}: the header says {channels} channels at {rate} Hz; the file is damaged")
    depth = DEPTHS[subtype]
    sample_format = SampleFormat(
        subtype=subtype,
        bits=bits if codec in PLAIN_CODECS else depth.bits,
        endian="LITTLE" if codec == LITTLE_ENDIAN_CODEC else "BIG",
        sample_rate_hz=rate,
        channels=channels,
    )
    return Common(format=sample_format, frames=frames)


def _find_samples(path: Path, file: BinaryIO, walk: Walk, common: Common) -> tuple[Chunk, list[str]]:
    """The samples in SSND, as many as COMM says, and what is to be said when the two do not agree."""
    frame_bytes = common.format.frame_bytes
    if walk.samples is None:
        if common.frames:
            raise UnreadableFile(truncation(path, common.frames, 0))
        return Chunk(name="SSND", id=b"SSND", offset=file_bytes(file), size=0), []
    file.seek(walk.samples.offset)
    offset, _ = SSND_PREFIX.unpack(file.read(SSND_PREFIX.size).ljust(SSND_PREFIX.size, b"\0"))
    start = min(SSND_PREFIX.size + offset, walk.samples.size)
    walk.samples = replace(walk.samples, offset=walk.samples.offset + start, size=walk.samples.size - start)
    walk.stated_bytes = max(0, walk.stated_bytes - start)
    messages = judge_samples(path, walk, frame_bytes)
    held = walk.samples.size // frame_bytes
    if walk.is_open:
        return walk.samples, messages
    if held == common.frames:
        # Some writers count the padding into the size of SSND; which bytes are frames COMM says.
        return replace(walk.samples, size=held * frame_bytes), []
    if common.frames == 0:
        return walk.samples, [f"the header did not say how many frames there are; repaired: all {held} were read"]
    if held < common.frames:
        raise UnreadableFile(truncation(path, common.frames, held))
    messages = [f"the file holds {held - common.frames} frames more than its header says; they were left out"]
    return replace(walk.samples, size=common.frames * frame_bytes), messages


def make_common(data: bytes, old: SampleFormat, new: SampleFormat, frames: int) -> bytes:
    """The COMM payload for an output, as close to the input's as can be."""
    rate = data[8:18] if new.sample_rate_hz == old.sample_rate_hz else to_extended(new.sample_rate_hz)
    counts = struct.pack(">HI", new.channels, frames)
    if (old.subtype, old.endian) == (new.subtype, new.endian):
        return counts + data[6:8] + rate + data[18:]
    depth = DEPTHS[new.subtype]
    fixed = counts + struct.pack(">H", depth.bits) + rate
    if len(data) < COMM_BYTES + 4 and not depth.is_float:
        return fixed
    codec, name = FLOAT_CODECS.get(new.subtype, PLAIN_CODEC)
    text = bytes([len(name)]) + name
    return fixed + codec + text + bytes(len(text) % 2)


def from_extended(data: bytes) -> int:
    """An 80-bit extended number, to the nearest integer; 0 for what is no rate."""
    exponent, mantissa = struct.unpack(">HQ", data)
    shift = (exponent & 0x7FFF) - EXTENDED_BIAS - 63
    if exponent & 0x8000 or not -63 <= shift <= 0:
        return 0
    return int((mantissa + (1 << -shift >> 1)) >> -shift)


def to_extended(value: int) -> bytes:
    """A positive integer as an 80-bit extended number."""
    shift = 64 - value.bit_length()
    return struct.pack(">HQ", EXTENDED_BIAS + 63 - shift, value << shift)
