"""FLAC, OGG and MP3 files as libsndfile decodes them: what they are, and whether they are whole."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import soundfile

from rebounce.engine.chunks import file_bytes
from rebounce.engine.errors import UnreadableFile, UnsupportedAudio
from rebounce.engine.flac_blocks import MAGIC as FLAC_MAGIC
from rebounce.engine.flac_blocks import FlacFile, read_flac
from rebounce.engine.virtual_file import Window, signals_wait

ID3_HEADER_BYTES = 10
ID3_FOOTER_FLAG = 0x10
OGG_MAGIC = b"OggS"
OGG_LARGEST_PAGE = 65_307
OGG_HEADER_BYTES = 27
OGG_END_FLAG = 0x04
FLAC_BITS = (8, 16, 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One encoded file. `frames` is what the decoder is going to give."""

    kind: str
    subtype: str
    sample_rate_hz: int
    channels: int
    frames: int
    flac: FlacFile | None = None


def id3_bytes(file: BinaryIO) -> int:
    """How long the ID3v2 tag at the beginning is; 0 where there is none."""
    file.seek(0)
    header = file.read(ID3_HEADER_BYTES)
    if len(header) < ID3_HEADER_BYTES or header[:3] != b"ID3":
        return 0
    size = 0
    for byte in header[6:]:
        size = size << 7 | byte & 0x7F
    return size + ID3_HEADER_BYTES * (2 if header[5] & ID3_FOOTER_FLAG else 1)


def read_stream(path: Path, file: BinaryIO) -> Stream | None:
    """What kind of encoded file it is and what it holds; None for anything else."""
    start = id3_bytes(file)
    file.seek(start)
    magic = file.read(4)
    if magic == FLAC_MAGIC:
        return _read_flac_stream(path, file, start)
    if magic == OGG_MAGIC and start == 0:
        _check_ogg_end(path, file)
        return _opened(path, file, "OGG")
    if is_mpeg_header(magic):
        return _opened(path, file, "MP3")
    return None


def is_mpeg_header(header: bytes) -> bool:
    """True for the first four bytes of a frame of MPEG audio: a sync word, and no field with a forbidden value."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return False
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bit_rate, rate = header[2] >> 4, header[2] >> 2 & 3
    return version != 1 and layer != 0 and bit_rate != 15 and rate != 3


def _read_flac_stream(path: Path, file: BinaryIO, start: int) -> Stream:
    flac = read_flac(file, start)
    if flac is None:
        raise UnreadableFile(f"{path}: a FLAC file that ends within its header; copy or bounce it again")
    if flac.bits not in FLAC_BITS:
        raise UnsupportedAudio(
            f"{path}: a FLAC file of {flac.bits} bits; expected 8, 16 or 24 - bounce it as one of these"
        )
    if flac.frames == 0 and _has_frames(file, flac, start):
        raise UnreadableFile(
            f"{path}: the FLAC header does not say how long the audio is, so the file was never finished; "
            "bounce it again, or encode it again with the flac program"
        )
    return _opened(path, file, "FLAC", flac)


def _has_frames(file: BinaryIO, flac: FlacFile, start: int) -> bool:
    metadata = sum(len(block.data) + 4 for block in flac.blocks)
    return file_bytes(file) > start + len(FLAC_MAGIC) + metadata


def _opened(path: Path, file: BinaryIO, kind: str, flac: FlacFile | None = None) -> Stream:
    """What the decoder says. A FLAC file without frames looks to it as if its length were not known."""
    window, sound = open_stream(path, file)
    with sound:
        window.raise_problem()
        return Stream(
            kind=kind,
            subtype=sound.subtype,
            sample_rate_hz=sound.samplerate,
            channels=sound.channels,
            frames=flac.frames if flac else sound.frames,
            flac=flac,
        )


def open_stream(path: Path, file: BinaryIO) -> tuple[Window, soundfile.SoundFile]:
    """A decoder at the first frame; the window keeps the errors of reading."""
    window = Window(file, 0, file_bytes(file))
    try:
        with signals_wait():
            return window, soundfile.SoundFile(window)
    except soundfile.LibsndfileError as problem:
        window.raise_problem()
        raise UnreadableFile(
            f"{path}: the file begins like audio but cannot be decoded ({problem.error_string}); it is damaged or cut "
            "short - copy or bounce it again"
        ) from problem


def _check_ogg_end(path: Path, file: BinaryIO) -> None:
    """The last page of a whole stream says that it is the last."""
    end = file_bytes(file)
    file.seek(max(0, end - OGG_LARGEST_PAGE))
    data = file.read()
    place = data.rfind(OGG_MAGIC)
    header = data[place : place + OGG_HEADER_BYTES]
    is_whole = False
    if place >= 0 and len(header) == OGG_HEADER_BYTES:
        lengths = data[place + OGG_HEADER_BYTES : place + OGG_HEADER_BYTES + header[26]]
        is_whole = place + OGG_HEADER_BYTES + len(lengths) + sum(lengths) <= len(data) and len(lengths) == header[26]
    if not is_whole or not header[5] & OGG_END_FLAG:
        raise UnreadableFile(
            f"{path}: an OGG file without its last page; the encoder may still be writing, or a copy was interrupted - "
            "wait until it is done, or make or copy it again"
        )
