"""Whether the sizes that WAV, RF64, Wave64 and AIFF files state agree with one another and with the file's length.

What always holds: headers are read and samples are not; the answer is one plain clause, empty where all agrees; and a
byte of padding that is there or not, counted or not, is no disagreement.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from rebounce.engine.aiff import COMM_BYTES, SSND_PREFIX, read_common
from rebounce.engine.aiff import HEAD_BYTES as AIFF_HEAD_BYTES
from rebounce.engine.chunk_walk import Walk, walk_chunks
from rebounce.engine.chunks import AIFF, RIFF, RIFX, WAVE64, Dialect, file_bytes, first_named, payload
from rebounce.engine.errors import UnreadableFile, UnsupportedAudio
from rebounce.engine.riff import HEAD_BYTES, LARGE_MAGICS, read_ds64
from rebounce.engine.wave64 import HEAD_BYTES as WAVE64_HEAD_BYTES

NO_SAMPLES = "there is no audio in it yet"


def riff_disagreement(file: BinaryIO) -> str:
    """What is wrong with the sizes of a WAV (RIFF or RIFX), RF64 or BW64 file."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    dialect = RIFX if head[:4] == b"RIFX" else RIFF
    stated = int.from_bytes(head[4:8], "big" if dialect is RIFX else "little")
    large_sizes: Mapping[bytes, int] = {}
    if head[:4] in LARGE_MAGICS:
        large_sizes = read_ds64(file)
        if stated in (0, dialect.size_limit):
            stated = large_sizes.get(head[:4], 0)
    return _outer_disagreement(file, dialect, stated, 8) or _inner_disagreement(
        walk_chunks(file, dialect, HEAD_BYTES, large_sizes), dialect, stated + 8
    )


def wave64_disagreement(file: BinaryIO) -> str:
    """What is wrong with the sizes of a Sony Wave64 file."""
    file.seek(16)
    stated = int.from_bytes(file.read(8), "little")
    return _outer_disagreement(file, WAVE64, stated, 0) or _inner_disagreement(
        walk_chunks(file, WAVE64, WAVE64_HEAD_BYTES, {}), WAVE64, stated
    )


def aiff_disagreement(path: Path, file: BinaryIO) -> str:
    """What is wrong with the sizes of an AIFF or AIFC file, its count of frames included."""
    file.seek(0)
    head = file.read(AIFF_HEAD_BYTES)
    stated = int.from_bytes(head[4:8], "big")
    if found := _outer_disagreement(file, AIFF, stated, 8):
        return found
    walk = walk_chunks(file, AIFF, AIFF_HEAD_BYTES, {})
    if walk.samples is not None and walk.stated_bytes <= SSND_PREFIX.size:
        return "the header says 0 bytes of audio"
    return _inner_disagreement(walk, AIFF, stated + 8) or _frames_disagreement(path, file, walk, head[8:])


def _outer_disagreement(file: BinaryIO, dialect: Dialect, stated: int, uncounted: int) -> str:
    """What the size of the whole says, compared with the length as far as padding allows.

    It comes first because it is cheap: a file that is still growing fails here, and its chunks are not walked.
    """
    length = file_bytes(file)
    slack = dialect.alignment - 1
    if stated == 0:
        return "the header says 0 bytes"
    if stated in (dialect.size_limit, 0xFFFFFFFFFFFFFFFF):
        return "the header leaves open how long the file is"
    if stated + uncounted > length + slack:
        return f"the header says {stated + uncounted:,} bytes and the file has only {length:,}"
    if stated + uncounted + slack < length:
        return f"the header says {stated + uncounted:,} bytes and the file already has {length:,}"
    return ""


def _inner_disagreement(walk: Walk, dialect: Dialect, outer_end: int) -> str:
    """What the chunks say: whole samples, chunk after chunk, and the last one ending where the file does."""
    samples = walk.samples
    if samples is None:
        return NO_SAMPLES
    if walk.stated_bytes == 0:
        return "the header says 0 bytes of audio"
    if walk.is_open or walk.stated_bytes != samples.size:
        return f"the header says {walk.stated_bytes:,} bytes of audio and the file has only {samples.size:,}"
    last = (walk.after or [samples])[-1]
    end = last.offset + last.size
    if walk.messages or walk.tail or not end <= outer_end <= end + dialect.padding(last.size):
        return "what follows the audio is not whole"
    return ""


def _frames_disagreement(path: Path, file: BinaryIO, walk: Walk, form: bytes) -> str:
    """What the count of frames in COMM says against the bytes in SSND."""
    assert walk.samples is not None
    common_chunk = first_named([*walk.before, *walk.after], "COMM")
    if common_chunk is None or common_chunk.size < COMM_BYTES:
        return "the header does not say how many frames there are"
    try:
        common = read_common(path, payload(file, common_chunk), form)
    except UnsupportedAudio:
        return ""  # compressed: no frame has a fixed size, and the chunks agreed
    except UnreadableFile:
        return "the header does not say what the audio is"
    file.seek(walk.samples.offset)
    offset, _ = SSND_PREFIX.unpack(file.read(SSND_PREFIX.size))
    held = walk.samples.size - SSND_PREFIX.size - offset
    expected = common.frames * common.format.frame_bytes
    # libsndfile counts the padding into the size of SSND.
    if held - expected not in (0, expected % 2):
        return f"the header says {common.frames:,} frames and there are {max(0, held) // common.format.frame_bytes:,}"
    return ""
