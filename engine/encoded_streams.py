"""FLAC, OGG and MP3 files as libsndfile decodes them: what they are, and whether they are whole."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import soundfile

from rebounce.engine.chunks import file_bytes
from rebounce.engine.deferred_signals import signals_wait
from rebounce.engine.errors import UnreadableFile, UnsupportedAudio
from rebounce.engine.flac_blocks import MAGIC as FLAC_MAGIC
from rebounce.engine.flac_blocks import FlacFile, read_flac
from rebounce.engine.mp3_frames import LAYER_3, missing_header, read_frame_header
from rebounce.engine.virtual_file import Window

ID3_HEADER_BYTES = 10
ID3_FOOTER_FLAG = 0x10
OGG_MAGIC = b"OggS"
OGG_LARGEST_PAGE = 65_307
OGG_HEADER_BYTES = 27
OGG_END_FLAG = 0x04
FLAC_BITS = (8, 16, 24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One encoded file. `frames` is what the decoder is going to give; it needs `prefix` in front of the file."""

    kind: str
    subtype: str
    sample_rate_hz: int
    channels: int
    frames: int
    flac: FlacFile | None = None
    prefix: bytes = b""


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
    header = read_frame_header(magic)
    if header is None:
        return None
    if header.layer != LAYER_3:
        raise UnsupportedAudio(f"{path}: MPEG audio, but not MP3 (layer III); convert it to WAV or FLAC first")
    return _opened(path, file, "MP3", prefix=missing_header(file, start))


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


def _opened(path: Path, file: BinaryIO, kind: str, flac: FlacFile | None = None, prefix: bytes = b"") -> Stream:
    """What the decoder says. A FLAC file without frames looks to it as if its length were not known."""
    window, sound = open_stream(path, file, prefix)
    with sound:
        window.raise_problem()
        return Stream(
            kind=kind,
            subtype=sound.subtype,
            sample_rate_hz=sound.samplerate,
            channels=sound.channels,
            frames=flac.frames if flac else sound.frames,
            flac=flac,
            prefix=prefix,
        )


def open_stream(path: Path, file: BinaryIO, prefix: bytes) -> tuple[Window, soundfile.SoundFile]:
    """A decoder at the first frame; the window keeps the errors of reading."""
    # In front of audio alone: libsndfile looks for an ID3 tag at the very beginning, and passes over no more than one.
    start = id3_bytes(file) if prefix else 0
    window = Window(file, start, file_bytes(file) - start, prefix)
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
