"""Reads Sony Wave64 files: WAV with GUIDs for names, 64-bit sizes and chunks that begin at multiples of 8."""

from pathlib import Path
from typing import BinaryIO

from rebounce.engine.chunk_walk import judge_samples, walk_chunks
from rebounce.engine.chunks import GUID_LIST_TAIL, GUID_TAIL, WAVE64, Container, first_named, payload
from rebounce.engine.errors import UnreadableFile
from rebounce.engine.wave_format import read_wave_format

RIFF_GUID = b"riff" + GUID_LIST_TAIL
WAVE_GUID = b"wave" + GUID_TAIL
HEAD_BYTES = 40


def read_wave64(path: Path, file: BinaryIO) -> Container:
    """The file as a container; errors when it has no samples, no format, or fewer samples than it says."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if head[24:] != WAVE_GUID:
        raise UnreadableFile(f"{path}: a Wave64 header that is damaged or of another kind; bounce or copy it again")
    walk = walk_chunks(file, WAVE64, HEAD_BYTES, {})
    format_chunk = first_named(walk.before, "fmt ")
    if format_chunk is None or walk.samples is None:
        missing = "fmt" if format_chunk is None else "data"
        raise UnreadableFile(f"{path}: a Wave64 file without a {missing} chunk; it is cut short - bounce it again")
    sample_format = read_wave_format(path, payload(file, format_chunk), "<")
    messages = walk.messages + judge_samples(path, walk, sample_format.frame_bytes)
    return Container(
        name="W64",
        dialect=WAVE64,
        magic=RIFF_GUID,
        form=WAVE_GUID,
        format=sample_format,
        before=tuple(walk.before),
        samples=walk.samples,
        after=tuple(walk.after),
        tail=walk.tail,
        messages=tuple(messages),
        is_unfinished=walk.is_open,
    )
