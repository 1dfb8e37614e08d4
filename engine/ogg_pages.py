"""The pages of an OGG file: their serial number, which the encoder draws at random, made the same in every run."""

import struct
import zlib
from typing import BinaryIO

HEADER_BYTES = 27
SERIAL_OFFSET = 14
CHECKSUM_OFFSET = 22
SERIAL = 1
# OGG takes bits in the opposite order from zlib, and neither inverts at the start nor at the end.
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
ALL_ONES = 0xFFFFFFFF


def page_checksum(page: bytes) -> int:
    """The checksum of a page whose own checksum field is zero."""
    mirrored = zlib.crc32(page.translate(REVERSED), ALL_ONES) ^ ALL_ONES
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(REVERSED), "big")


def set_serial(file: BinaryIO, serial: int = SERIAL) -> None:
    """Give every page of a file with one stream this serial number."""
    place = 0
    while True:
        file.seek(place)
        header = file.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            return
        lengths = file.read(header[-1])
        page = bytearray(header + lengths + file.read(sum(lengths)))
        struct.pack_into("<I", page, SERIAL_OFFSET, serial)
        struct.pack_into("<I", page, CHECKSUM_OFFSET, 0)
        struct.pack_into("<I", page, CHECKSUM_OFFSET, page_checksum(bytes(page)))
        file.seek(place)
        file.write(page)
        place += len(page)
