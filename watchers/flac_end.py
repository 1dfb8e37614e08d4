"""Whether the last frame of a FLAC file is there: the one that ends at the number of frames that STREAMINFO promises.

What always holds: of a file of any length only its metadata headers and as much of its end as one frame may take are
read.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from rebounce.engine.chunks import file_bytes
from rebounce.engine.flac_blocks import HEADER_BYTES, LAST_FLAG, MAGIC, STREAMINFO, STREAMINFO_BYTES
from rebounce.engine.mp3_frames import ID3V1_BYTES

# What may follow the last frame: padding with zeros, and a tag for old players.
PADDING_BYTES = 4096
# By the code in a frame's header, in samples; 6 and 7 say that the number follows in 8 or 16 bits.
BLOCK_SAMPLES = (0, 192, 576, 1152, 2304, 4608, 0, 0, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
BLOCK_EXTRA_BYTES = {6: 1, 7: 2}
RATE_EXTRA_BYTES = {12: 1, 13: 2, 14: 2}
SYNCS = (b"\xff\xf8", b"\xff\xf9")
VARIABLE_FLAG = 1
HEADER_MOST_BYTES = 16
# A frame that could not be compressed: its own header and end, and a header for each channel.
FRAME_OVERHEAD_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo:
    """What STREAMINFO says, and where the first frame begins."""

    block_samples: int
    most_frame_bytes: int
    samples: int
    audio_offset: int


def missing_end(file: BinaryIO, start: int) -> str:
    """What is wrong with the FLAC file that begins at `start`, in one clause; empty where nothing is."""
    info = _read_info(file, start)
    if info is None:
        return "the header is not whole"
    if info.samples == 0:
        return "the header says 0 frames of audio"
    data, sync = _read_end(file, info)
    place = data.rfind(sync) if sync in SYNCS else -1
    while place >= 0:
        end = frame_end(data[place : place + HEADER_MOST_BYTES], info.block_samples)
        # The checksum of a frame with its own checksum is 0, and stays so whatever zeros follow.
        if end == info.samples and crc_16(data[place:]) == 0:
            return ""
        place = data.rfind(sync, 0, place + 1)
    return f"the header says {info.samples:,} frames of audio and the last of them is not there"


def _read_info(file: BinaryIO, start: int) -> StreamInfo | None:
    """From the metadata; None where it is cut short, or filled with zeros yet."""
    length = file_bytes(file)
    file.seek(start + len(MAGIC))
    header, data = file.read(HEADER_BYTES), file.read(STREAMINFO_BYTES)
    if len(header) < HEADER_BYTES or header[0] & ~LAST_FLAG != STREAMINFO or len(data) < STREAMINFO_BYTES:
        return None
    _, block_samples = struct.unpack_from(">HH", data)
    # After the sizes of blocks and frames: 20 bits rate, 3 channels - 1, 5 bits a sample - 1, 36 frames.
    packed = int.from_bytes(data[10:18], "big")
    channels, bits = (packed >> 41 & 7) + 1, (packed >> 36 & 0x1F) + 1
    place = start + len(MAGIC) + HEADER_BYTES + int.from_bytes(header[1:], "big")
    while not header[0] & LAST_FLAG:
        file.seek(place)
        header = file.read(HEADER_BYTES)
        # There is one STREAMINFO: where its number, 0, comes again nothing was written yet.
        if len(header) < HEADER_BYTES or header[0] & ~LAST_FLAG == STREAMINFO:
            return None
        place += HEADER_BYTES + int.from_bytes(header[1:], "big")
    uncompressed = block_samples * channels * (bits + 1) // 8 + FRAME_OVERHEAD_BYTES
    return (
        StreamInfo(
            block_samples=block_samples,
            most_frame_bytes=max(uncompressed, int.from_bytes(data[7:10], "big")),
            samples=packed & (1 << 36) - 1,
            audio_offset=place,
        )
        if place < length
        else None
    )


def _read_end(file: BinaryIO, info: StreamInfo) -> tuple[bytes, bytes]:
    """The end of the file, with room for one frame, and the two bytes that every frame of this file begins with."""
    file.seek(info.audio_offset)
    sync = file.read(2)
    window = info.most_frame_bytes + PADDING_BYTES + ID3V1_BYTES
    file.seek(max(info.audio_offset, file_bytes(file) - window))
    data = file.read(window)
    return (data[:-ID3V1_BYTES] if data[-ID3V1_BYTES:].startswith(b"TAG") else data), sync


def frame_end(header: bytes, block_samples: int) -> int | None:
    """Where in the stream the frame with this header ends, in samples; None for what is no header."""
    if len(header) < 6 or header[2] >> 4 == 0 or header[2] & 15 == 15 or header[3] & 1:
        return None
    number, place = _read_number(header)
    block_code, rate_code = header[2] >> 4, header[2] & 15
    extra = BLOCK_EXTRA_BYTES.get(block_code, 0)
    samples = int.from_bytes(header[place : place + extra], "big") + 1 if extra else BLOCK_SAMPLES[block_code]
    end = place + extra + RATE_EXTRA_BYTES.get(rate_code, 0)
    if number is None or end >= len(header) or crc_8(header[: end + 1]):
        return None
    return (number if header[1] & VARIABLE_FLAG else number * block_samples) + samples


def _read_number(header: bytes) -> tuple[int | None, int]:
    """The number of the frame or its first sample, coded as UTF-8 codes characters, and what follows it."""
    first = header[4]
    ones = 8 - (~first & 0xFF).bit_length()
    if ones in (1, 8):
        return None, 5
    number = first & 0x7F >> ones
    place = 4 + max(1, ones)
    for byte in header[5:place]:
        if byte >> 6 != 2:
            return None, place
        number = number << 6 | byte & 0x3F
    return number, place


def crc_8(data: bytes) -> int:
    """The checksum of a frame's header."""
    crc = 0
    for byte in data:
        crc = _CRC_8[crc ^ byte]
    return crc


def crc_16(data: bytes) -> int:
    """The checksum of a whole frame."""
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _CRC_16[crc >> 8 ^ byte]
    return crc


def _crc_table(polynomial: int, bits: int) -> tuple[int, ...]:
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    table = []
    for byte in range(256):
        crc = byte << (bits - 8)
        for _ in range(8):
            crc = (crc << 1 ^ (polynomial if crc & top else 0)) & mask
        table.append(crc)
    return tuple(table)


_CRC_8 = _crc_table(0x07, 8)
_CRC_16 = _crc_table(0x8005, 16)
