"""Parses the audio files that are made of chunks; which kind a file is its content says, never its name."""

from pathlib import Path
from typing import BinaryIO

from rebounce.engine.aiff import FORMS as AIFF_FORMS
from rebounce.engine.aiff import read_aiff
from rebounce.engine.chunks import Container
from rebounce.engine.riff import MAGICS as RIFF_MAGICS
from rebounce.engine.riff import read_riff
from rebounce.engine.wave64 import RIFF_GUID, read_wave64

MAGIC_BYTES = 16


def read_container(path: Path, file: BinaryIO) -> Container | None:
    """The parsed file where it is made of chunks, else None."""
    file.seek(0)
    start = file.read(MAGIC_BYTES)
    if start[:4] in RIFF_MAGICS:
        return read_riff(path, file)
    if start == RIFF_GUID:
        return read_wave64(path, file)
    if start[:4] == b"FORM" and start[8:12] in AIFF_FORMS:
        return read_aiff(path, file)
    return None
