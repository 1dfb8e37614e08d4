"""MP3 files that do not say how long they are: their frames are counted, and the count put in front of them.

libsndfile guesses such a length from the first bit rate, reads no further than its guess, and so crops what is longer.
What always holds: the file itself is not touched; the header made here is seen by the decoder alone.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from rebounce.engine.chunks import file_bytes

HEADER_BYTES = 4
# The tag that old players look for at the very end, of MP3 and of other files.
ID3V1_BYTES = 128
SCAN_BYTES = 1 << 20
MPEG_1 = 3
LAYER_3 = 1
MONO = 3
# kbit/s by the header's index, for MPEG-1 and for MPEG-2 and 2.5; 0 stands for "free", which is not supported.
BIT_RATES = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES_HZ = (44_100, 48_000, 32_000)
# MPEG-2 halves the rates, and MPEG-2.5 quarters them.
RATE_SHIFTS = {MPEG_1: 0, 2: 1, 0: 2}
# An index at which the header made here fits into its frame.
ROOMY_BIT_RATE_INDEX = 9
COUNT_FLAG = 1
XING_TAGS = (b"Xing", b"Info")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameHeader:
    """The four bytes that each frame of MPEG audio begins with."""

    version: int
    layer: int
    bit_rate_index: int
    rate_index: int
    is_padded: bool
    is_mono: bool

    @property
    def frame_bytes(self) -> int:
        """The length of a frame of layer III; 0 where the header does not say."""
        is_first = self.version == MPEG_1
        rate_hz = RATES_HZ[self.rate_index] >> RATE_SHIFTS[self.version]
        bits = BIT_RATES[is_first][self.bit_rate_index] * 1000
        return (144 if is_first else 72) * bits // rate_hz + self.is_padded if bits else 0

    @property
    def tag_offset(self) -> int:
        """Where a Xing tag stands in a frame: behind the header and the side information."""
        if self.version == MPEG_1:
            return HEADER_BYTES + (17 if self.is_mono else 32)
        return HEADER_BYTES + (9 if self.is_mono else 17)


def read_frame_header(data: bytes) -> FrameHeader | None:
    """The header at the beginning of `data`; None where there is none."""
    if len(data) < HEADER_BYTES or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    header = FrameHeader(
        version=data[1] >> 3 & 3,
        layer=data[1] >> 1 & 3,
        bit_rate_index=data[2] >> 4,
        rate_index=data[2] >> 2 & 3,
        is_padded=bool(data[2] >> 1 & 1),
        is_mono=data[3] >> 6 == MONO,
    )
    is_valid = header.version != 1 and header.layer != 0 and header.bit_rate_index != 15 and header.rate_index != 3
    return header if is_valid else None


def missing_header(file: BinaryIO, start: int) -> bytes:
    """The frame that says how many follow, for a file of layer III that has none; empty where there is one."""
    file.seek(start)
    first = file.read(HEADER_BYTES + 64)
    header = read_frame_header(first)
    if header is None or header.layer != LAYER_3 or not header.frame_bytes:
        return b""
    tag = first[header.tag_offset :]
    if len(tag) >= 8 and tag[:4] in XING_TAGS and tag[7] & COUNT_FLAG:
        return b""
    return _made_header(first[:HEADER_BYTES], header, count_frames(file, start))


def _made_header(first: bytes, header: FrameHeader, frames: int) -> bytes:
    has_no_checksum = bytes([first[1] | 1])
    kept = first[2] & 0x0C
    made = b"\xff" + has_no_checksum + bytes([ROOMY_BIT_RATE_INDEX << 4 | kept]) + first[3:4]
    changed = read_frame_header(made)
    assert changed is not None
    tag = bytes(header.tag_offset - HEADER_BYTES) + b"Info" + struct.pack(">II", COUNT_FLAG, frames)
    return (made + tag).ljust(changed.frame_bytes, b"\0")


def count_frames(file: BinaryIO, start: int) -> int:
    """How many whole frames of layer III follow; what lies between them, and tags at the end, is passed over."""
    end = file_bytes(file)
    frames, position = 0, start
    data, data_start = b"", start
    while position + HEADER_BYTES <= end:
        if position + HEADER_BYTES > data_start + len(data):
            file.seek(position)
            data, data_start = file.read(SCAN_BYTES), position
        place = position - data_start
        header = read_frame_header(data[place : place + HEADER_BYTES])
        length = header.frame_bytes if header and header.layer == LAYER_3 else 0
        if length and position + length <= end:
            frames += 1
            position += length
        else:
            sync = data.find(b"\xff", place + 1)
            position = data_start + (sync if sync >= 0 else len(data))
    return frames
