"""How many bytes an MP3 file says that it has: in the frame that encoders put first, when they put one.

What always holds: only the beginning and the end of the file are read, so a file that says nothing has no size of its
own here; to count its frames would be to read all of it.
"""

from typing import BinaryIO

from rebounce.engine.chunks import file_bytes
from rebounce.engine.mp3_frames import HEADER_BYTES, ID3V1_BYTES, LAYER_3, XING_TAGS, FrameHeader, read_frame_header

FIRST_FRAME_BYTES = 64
FRAMES_FLAG, BYTES_FLAG = 1, 2
# Behind the header and 32 bytes, whatever the channels.
VBRI_OFFSET = HEADER_BYTES + 32
VBRI_COUNT_OFFSET = 10
APE_FOOTER_BYTES = 32
APE_HAS_HEADER = 1 << 31


def count_disagreement(file: BinaryIO, start: int) -> str | None:
    """What is wrong with the MP3 file whose frames begin at `start`; empty for nothing, None where it does not say."""
    file.seek(start)
    first = file.read(FIRST_FRAME_BYTES)
    header = read_frame_header(first)
    counted = _counted_bytes(first, header) if header is not None else None
    if header is None or counted is None:
        return None
    if counted == 0:
        return "the header says 0 bytes of audio"
    held = audio_end(file) - start
    # Some encoders do not count the frame that the count itself stands in.
    if not counted <= held <= counted + header.frame_bytes:
        return f"the header says {counted:,} bytes of audio and there are {max(0, held):,}"
    return ""


def _counted_bytes(first: bytes, header: FrameHeader) -> int | None:
    if header.layer != LAYER_3:
        return None
    tag = first[header.tag_offset :]
    if tag[:4] in XING_TAGS and len(tag) >= 16 and tag[7] & BYTES_FLAG:
        place = 12 if tag[7] & FRAMES_FLAG else 8
        return int.from_bytes(tag[place : place + 4], "big")
    vbri = first[VBRI_OFFSET:]
    if vbri[:4] == b"VBRI" and len(vbri) >= VBRI_COUNT_OFFSET + 4:
        return int.from_bytes(vbri[VBRI_COUNT_OFFSET : VBRI_COUNT_OFFSET + 4], "big")
    return None


def audio_end(file: BinaryIO) -> int:
    """Where the frames end: before the tags of ID3v1 and APE."""
    end = file_bytes(file)
    file.seek(max(0, end - ID3V1_BYTES))
    if file.read(3) == b"TAG" and end >= ID3V1_BYTES:
        end -= ID3V1_BYTES
    file.seek(max(0, end - APE_FOOTER_BYTES))
    footer = file.read(APE_FOOTER_BYTES)
    if footer[:8] == b"APETAGEX":
        header_bytes = APE_FOOTER_BYTES if int.from_bytes(footer[20:24], "little") & APE_HAS_HEADER else 0
        end -= int.from_bytes(footer[12:16], "little") + header_bytes
    return end
