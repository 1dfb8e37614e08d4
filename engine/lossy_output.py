"""Writes MP3 and OGG Vorbis, where `--format` asks for them: soundfile encodes, mutagen writes the tags."""

import base64
import os
from typing import BinaryIO

import soundfile

from rebounce.engine.bext import BextLoudness
from rebounce.engine.deferred_signals import signals_wait
from rebounce.engine.encoder import Encoder
from rebounce.engine.id3_tags import make_id3
from rebounce.engine.ogg_pages import set_serial
from rebounce.engine.pcm import Samples
from rebounce.engine.sample_formats import SampleFormat
from rebounce.engine.tags import PICTURE_KEY, Tags
from rebounce.engine.virtual_file import Guarded

# libsndfile's scale from 0 (best) to 1: 320 kbit/s of MP3, and Vorbis quality 8.
MP3_COMPRESSION = 0.0
OGG_COMPRESSION = 0.2
# libvorbis puts a whole write on the stack: a minute of audio at once is a segmentation fault (libsndfile 1.2.2).
PIECE_FRAMES = 4096


class ShiftedFile(Guarded):
    """An open file as if it began at `start`, for an encoder that comes back to its own beginning."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        super().__init__()
        self._file = file
        self._start = start
        file.seek(start)

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except BaseException as problem:  # raised again by raise_problem
            self.keep_problem(problem)
            return 0

    def read(self, count: int = -1) -> bytes:
        return self._file.read(count)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset + (self._start if whence == os.SEEK_SET else 0), whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start


class LossyOutput:
    """One MP3 or OGG file on its way."""

    def __init__(self, kind: str, stored: SampleFormat, tags: Tags, out: BinaryIO) -> None:
        self._kind = kind
        self._tags = tags
        self._out = out
        id3 = make_id3(tags) if kind == "MP3" else b""
        out.write(id3)
        file = ShiftedFile(out, len(id3))
        with signals_wait():
            sound = soundfile.SoundFile(
                file,
                "w",
                samplerate=stored.sample_rate_hz,
                channels=stored.channels,
                subtype=stored.subtype,
                format=kind,
                compression_level=MP3_COMPRESSION if kind == "MP3" else OGG_COMPRESSION,
                bitrate_mode="CONSTANT" if kind == "MP3" else None,
            )
        self._encoder = Encoder(file, sound)

    def write(self, samples: Samples) -> None:
        """The next samples `(frames, channels)`, float32."""
        for start in range(0, len(samples), PIECE_FRAMES):
            self._encoder.write(samples[start : start + PIECE_FRAMES])

    def finish(self, loudness: BextLoudness | None) -> None:
        """Let the encoder finish; the comments of an OGG file are written into it then."""
        self._encoder.close()
        if self._kind == "OGG" and not self._tags.is_empty:
            self._write_comments()
        if self._kind == "OGG":
            set_serial(self._out)
        self._out.seek(0, os.SEEK_END)

    def _write_comments(self) -> None:
        from mutagen.oggvorbis import OggVorbis

        self._out.flush()
        self._out.seek(0)
        ogg = OggVorbis(self._out)
        for key in dict.fromkeys(key for key, _ in self._tags.comments):
            ogg[key] = [text for other, text in self._tags.comments if other == key]
        if self._tags.pictures:
            ogg[PICTURE_KEY] = [base64.b64encode(picture).decode() for picture in self._tags.pictures]
        self._out.seek(0)
        ogg.save(self._out)

    def discard(self) -> None:
        """Let go of libsndfile."""
        self._encoder.discard()
