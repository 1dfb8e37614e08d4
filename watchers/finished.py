"""How far a file's own container agrees with its length: whether a bounce can be finished by what it says of itself.

What always holds: a file of any length costs a few small reads; the content decides and not the name; and a file that
lacks a part of what its header promises is never called complete, the padding behind its last byte of audio aside. A
header that is brought up to date while the file grows promises too little: whether somebody still writes is asked
elsewhere.
"""

import os
import stat
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from rebounce.engine.aiff import FORMS as AIFF_FORMS
from rebounce.engine.flac_blocks import MAGIC as FLAC_MAGIC
from rebounce.engine.mp3_frames import read_frame_header
from rebounce.engine.riff import MAGICS as RIFF_MAGICS
from rebounce.engine.wave64 import RIFF_GUID, WAVE_GUID
from rebounce.watchers import flac_end, ogg_end
from rebounce.watchers.chunk_sizes import aiff_disagreement, riff_disagreement, wave64_disagreement
from rebounce.watchers.mp3_count import count_disagreement
from rebounce.watchers.open_writers import open_at_once

HEAD_BYTES = 40
SMALLEST_HEAD_BYTES = 12
ID3_HEADER_BYTES = 10
ID3_FOOTER_FLAG = 0x10
MOST_ID3_TAGS = 8


class Completeness(Enum):
    """What a file says about its own end."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    NO_OWN_SIZE = "no own size"
    NOT_AUDIO = "not audio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How complete a file is, and why it is not: one plain clause, empty where it is."""

    completeness: Completeness
    reason: str = ""


COMPLETE = Finding(completeness=Completeness.COMPLETE)
NOT_KNOWN = Finding(completeness=Completeness.NOT_AUDIO, reason="it does not begin as any audio file does")
NOTHING_YET = "its beginning has not been written yet"


def examine(path: Path) -> Finding:
    """Look at a file's headers and its end; what the system says about reading comes out as OSError."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        return Finding(completeness=Completeness.NOT_AUDIO, reason="it is no file but a folder, pipe or device")
    with open(path, "rb", buffering=0, opener=open_at_once) as file:
        return _examine(path, file)


def _examine(path: Path, file: BinaryIO) -> Finding:
    head = file.read(HEAD_BYTES)
    if not head:
        return _incomplete("it is empty")
    if len(head) < SMALLEST_HEAD_BYTES or not any(head[:SMALLEST_HEAD_BYTES]):
        return _incomplete(NOTHING_YET)
    if head[:4] in RIFF_MAGICS or head[:4] == b"FORM":
        return _chunked(path, file, head)
    if head[:16] == RIFF_GUID[: len(head)]:
        return _wave64(file, head)
    if head[:4] == ogg_end.MAGIC:
        return _judged(ogg_end.missing_end(file))
    return _encoded(file)


def _chunked(path: Path, file: BinaryIO, head: bytes) -> Finding:
    form = head[8:12]
    if not any(form):
        return _incomplete(NOTHING_YET)
    if head[:4] == b"FORM" and form in AIFF_FORMS:
        return _judged(aiff_disagreement(path, file))
    if head[:4] != b"FORM" and form == b"WAVE":
        return _judged(riff_disagreement(file))
    return NOT_KNOWN


def _wave64(file: BinaryIO, head: bytes) -> Finding:
    form = head[24:]
    if not any(form):
        return _incomplete(NOTHING_YET)
    return _judged(wave64_disagreement(file)) if form == WAVE_GUID[: len(form)] else NOT_KNOWN


def _encoded(file: BinaryIO) -> Finding:
    """FLAC and MP3, either of which may follow an ID3 tag."""
    start = _after_id3(file)
    file.seek(start)
    magic = file.read(4)
    if start and not any(magic):
        return _incomplete("nothing follows its tags yet")
    if magic == FLAC_MAGIC:
        return _judged(flac_end.missing_end(file, start))
    if start == 0 and read_frame_header(magic) is None:
        return NOT_KNOWN
    disagreement = count_disagreement(file, start)
    if disagreement is None:
        return Finding(completeness=Completeness.NO_OWN_SIZE, reason="it does not say how long it is")
    return _judged(disagreement)


def _after_id3(file: BinaryIO) -> int:
    """Where the audio begins: after the ID3v2 tags in front, of which programs have left more than one."""
    place = 0
    for _ in range(MOST_ID3_TAGS):
        file.seek(place)
        header = file.read(ID3_HEADER_BYTES)
        if len(header) < ID3_HEADER_BYTES or header[:3] != b"ID3":
            return place
        size = sum((byte & 0x7F) << 7 * turn for turn, byte in enumerate(reversed(header[6:])))
        place += size + ID3_HEADER_BYTES * (2 if header[5] & ID3_FOOTER_FLAG else 1)
    return place


def _judged(disagreement: str) -> Finding:
    return _incomplete(disagreement) if disagreement else COMPLETE


def _incomplete(reason: str) -> Finding:
    return Finding(completeness=Completeness.INCOMPLETE, reason=reason)
