"""Whether an OGG file ends with its last page: whole, and marked as the end of the stream."""

from typing import BinaryIO

from rebounce.engine.chunks import file_bytes
from rebounce.engine.ogg_pages import CHECKSUM_OFFSET, HEADER_BYTES, page_checksum

MAGIC = b"OggS"
END_FLAG = 0x04
FLAGS_OFFSET = 5
LARGEST_PAGE_BYTES = 65_307


def missing_end(file: BinaryIO) -> str:
    """What is wrong, in one clause; empty where the page at the very end says that the stream ends there."""
    file.seek(max(0, file_bytes(file) - LARGEST_PAGE_BYTES))
    data = file.read(LARGEST_PAGE_BYTES)
    place = data.rfind(MAGIC)
    while place >= 0:
        if _is_whole(data[place:]):
            is_end = data[place + FLAGS_OFFSET] & END_FLAG
            return "" if is_end else "the stream has not been ended"
        place = data.rfind(MAGIC, 0, place)
    return "its last page is not whole"


def _is_whole(page: bytes) -> bool:
    """True when a page takes exactly these bytes, and its checksum says that none of them is wrong."""
    lengths = page[HEADER_BYTES : HEADER_BYTES + page[HEADER_BYTES - 1]] if len(page) >= HEADER_BYTES else b""
    if len(page) < HEADER_BYTES or len(page) != HEADER_BYTES + page[HEADER_BYTES - 1] + sum(lengths):
        return False
    after = CHECKSUM_OFFSET + 4
    stated = int.from_bytes(page[CHECKSUM_OFFSET:after], "little")
    return page_checksum(page[:CHECKSUM_OFFSET] + bytes(4) + page[after:]) == stated
