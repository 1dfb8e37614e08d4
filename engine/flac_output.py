"""Writes FLAC: soundfile encodes the audio, and the metadata in front of it is ours.

libFLAC begins with metadata of its own and comes back at the end to fill in lengths and checksum. What always holds:
those bytes go to memory and not to the file, where the frames of audio stand right behind our own blocks.
"""

import os
from collections.abc import Sequence
from typing import BinaryIO

import soundfile

from rebounce.engine.bext import BextLoudness
from rebounce.engine.deferred_signals import signals_wait
from rebounce.engine.encoder import Encoder
from rebounce.engine.flac_blocks import (
    HEADER_BYTES,
    LAST_FLAG,
    MAGIC,
    STREAMINFO_BYTES,
    FlacBlock,
    empty_streaminfo,
    pack_blocks,
)
from rebounce.engine.pcm import Samples
from rebounce.engine.sample_formats import SampleFormat
from rebounce.engine.virtual_file import Guarded

# libFLAC's own scale from 0 (fast) to 1 (small); its default is 5 of 8.
COMPRESSION = 0.625


class FlacOutlet(Guarded):
    """What libFLAC takes for its file: metadata is kept in `head`, audio goes on to the real file behind `start`."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        super().__init__()
        self.head = bytearray()
        self._file = file
        self._start = start
        self._head_bytes: int | None = None
        self._position = 0
        self._end = 0

    def write(self, data: bytes) -> int:
        try:
            self._write(data)
        except BaseException as problem:  # raised again by raise_problem
            self.keep_problem(problem)
            return 0
        self._position += len(data)
        self._end = max(self._end, self._position)
        return len(data)

    def _write(self, data: bytes) -> None:
        if self._head_bytes is not None and self._position >= self._head_bytes:
            self._file.seek(self._start + self._position - self._head_bytes)
            self._file.write(data)
            return
        self.head[self._position : self._position + len(data)] = data
        self._head_bytes = _metadata_bytes(self.head)
        if self._head_bytes is not None and len(self.head) > self._head_bytes:
            self._file.seek(self._start)
            self._file.write(self.head[self._head_bytes :])
            del self.head[self._head_bytes :]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, count: int = -1) -> bytes:
        return b""


def _metadata_bytes(head: bytearray) -> int | None:
    """Where libFLAC's metadata ends; None while it is not all there."""
    place = len(MAGIC)
    while place + HEADER_BYTES <= len(head):
        is_last = head[place] & LAST_FLAG
        place += HEADER_BYTES + int.from_bytes(head[place + 1 : place + HEADER_BYTES], "big")
        if is_last:
            return place if place <= len(head) else None
    return None


class FlacOutput:
    """One FLAC file on its way."""

    def __init__(self, prefix: bytes, blocks: Sequence[FlacBlock], stored: SampleFormat, out: BinaryIO) -> None:
        self._prefix = prefix
        self._stored = stored
        self._blocks = blocks
        self._out = out
        self._outlet = FlacOutlet(out, len(prefix) + len(pack_blocks(bytes(STREAMINFO_BYTES), blocks)))
        with signals_wait():
            sound = soundfile.SoundFile(
                self._outlet,
                "w",
                samplerate=stored.sample_rate_hz,
                channels=stored.channels,
                subtype=stored.subtype,
                format="FLAC",
                compression_level=COMPRESSION,
            )
        self._encoder = Encoder(self._outlet, sound)

    def write(self, samples: Samples) -> None:
        """The next samples `(frames, channels)`."""
        self._encoder.write(samples)

    def finish(self, loudness: BextLoudness | None) -> None:
        """Let libFLAC finish, and write the metadata in front of the audio."""
        self._encoder.close()
        start = len(MAGIC) + HEADER_BYTES
        # Without a single frame libFLAC writes nothing at all.
        streaminfo = bytes(self._outlet.head[start : start + STREAMINFO_BYTES]) or self._empty()
        self._out.seek(0)
        self._out.write(self._prefix + pack_blocks(streaminfo, self._blocks))
        self._out.seek(0, os.SEEK_END)

    def _empty(self) -> bytes:
        stored = self._stored
        return empty_streaminfo(stored.sample_rate_hz, stored.channels, stored.bits)

    def discard(self) -> None:
        """Let go of libsndfile."""
        self._encoder.discard()
