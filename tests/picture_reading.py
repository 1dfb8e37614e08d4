"""Reading pictures back: a PNG reader written from the format's definition, and overviews of audio in memory."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from signals import cut

from rebounce.engine.audio import Audio
from rebounce.engine.overview import Overview

Pixels = NDArray[np.uint8]


def chunks_of(data: bytes) -> dict[bytes, bytes]:
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = {}, 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        found[kind] = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + found[kind])
        at += 12 + length
    return found


def read_png(data: bytes) -> Pixels:
    """The bytes of each line, `(rows, columns x bytes per pixel)`."""
    chunks = chunks_of(data)
    columns, rows, depth, colour_type = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert depth == 8
    size = {2: 3, 3: 1}[colour_type]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), dtype=np.uint8).reshape(rows, 1 + columns * size).copy()
    for line in lines:
        assert line[0] in (0, 1)
        if line[0] == 1:
            for at in range(1 + size, len(line)):
                line[at] = (int(line[at]) + int(line[at - size])) % 256
    return lines[:, 1:]


def seen(audio: Audio, sample_rate_hz: float = 44_100.0, sizes: list[int] | None = None) -> Overview:
    """The overview of audio that streams by in blocks of these sizes."""
    overview = Overview(frames=audio.shape[1], channels=audio.shape[0], sample_rate_hz=sample_rate_hz)
    for block in cut(audio, sizes or [65_536]):
        overview.add(block)
    return overview
