"""Reads audio files, block by block, with every sample as it is stored.

What always holds: the input is only read; each walk over the blocks begins at frame 0 and gives the same blocks; as
many frames come as `info` says, all of them numbers, or an error says what is wrong; and a file that changes while it
is read is an error too.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import soundfile

from rebounce.engine.audio import MOST_CHANNELS, Audio
from rebounce.engine.chunk_walk import truncation
from rebounce.engine.chunks import Container
from rebounce.engine.container import read_container
from rebounce.engine.deferred_signals import signals_wait
from rebounce.engine.encoded_streams import Stream, open_stream, read_stream
from rebounce.engine.errors import StillWritten, UnreadableFile, UnsupportedAudio
from rebounce.engine.pcm import GRID_FRAMES, Samples, as_float32
from rebounce.engine.reading import reading_errors, still_written
from rebounce.engine.sample_formats import SampleFormat, depth_of
from rebounce.engine.virtual_file import Window

KNOWN = "WAV, RF64, Wave64, AIFF, FLAC, OGG or MP3"
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 192_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioInfo:
    """What a file holds. `subtype` is soundfile's name; `messages` say what was repaired at opening, and
    `is_unfinished` that its header was never filled in."""

    path: Path
    container: str
    subtype: str
    sample_rate_hz: int
    channels: int
    frames: int
    messages: tuple[str, ...] = ()
    is_unfinished: bool = False


class Block:
    """Some frames as they were read: `original` `(frames, channels)` in the file's own dtype; `audio` as float32."""

    __slots__ = ("_audio", "original")

    def __init__(self, original: Samples) -> None:
        self.original = original
        self._audio: Audio | None = None

    @property
    def frames(self) -> int:
        return len(self.original)

    @property
    def audio(self) -> Audio:
        """Float32 `(channels, frames)`; always the same array, and made only when it is asked for."""
        if self._audio is None:
            self._audio = as_float32(self.original)
        return self._audio

    def is_untouched(self, audio: Audio) -> bool:
        """True when this is the very array that `audio` gave."""
        return audio is self._audio


class Source:
    """One audio file, open for reading. Use it in a `with` statement.

    It is either a `container` that we read ourselves, or a `stream` that libsndfile decodes.
    """

    def __init__(self, path: Path, file: BinaryIO, container: Container | None, stream: Stream | None) -> None:
        self.info = _info(path, container, stream)
        self.container = container
        self.stream = stream
        self.file = file
        self._status = os.fstat(file.fileno())

    def __enter__(self) -> "Source":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    def blocks(self, frames: int = GRID_FRAMES, first_frame: int = 0) -> "Blocks":
        """The blocks from `first_frame` on, of `frames` each, the last as long as it is; to be walked at will."""
        return Blocks(self, frames, first_frame)

    def check_still_same(self) -> None:
        """Raise when the file was written to since it was opened."""
        now = os.fstat(self.file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self._status.st_size, self._status.st_mtime_ns):
            raise StillWritten(still_written(self.info.path))

    def reopened(self) -> BinaryIO:
        """The same file once more, with a position of its own."""
        with reading_errors(self.info.path):
            file = open(self.info.path, "rb", buffering=0)  # noqa: SIM115 - who asked for it closes it
        if not os.path.samestat(os.fstat(file.fileno()), self._status):
            file.close()
            raise StillWritten(still_written(self.info.path))
        return file


class Blocks:
    """The blocks of a source; every walk reads the file anew."""

    def __init__(self, source: Source, frames: int, first_frame: int) -> None:
        self._source = source
        self._frames = frames
        self._first_frame = first_frame

    def __iter__(self) -> Iterator[Block]:
        info = self._source.info
        found = self._first_frame
        for original in _read(self._source, self._frames, self._first_frame):
            if original.dtype.kind == "f":
                _check_numbers(info.path, original, found)
            found += original.shape[0]
            yield Block(original)
        if found != info.frames:
            raise UnreadableFile(truncation(info.path, info.frames, found))
        self._source.check_still_same()


def open_source(path: Path) -> Source:
    """Open an audio file; what it cannot be read for is said here, as far as that can be known before reading on."""
    file = _open(path)
    try:
        with reading_errors(path):
            container = read_container(path, file)
            stream = read_stream(path, file) if container is None else None
        source = Source(path, file, container, stream)
        _check_shape(source.info)
        return source
    except BaseException:
        file.close()
        raise


def _open(path: Path) -> BinaryIO:
    with reading_errors(path):
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise UnreadableFile(f"{path}: a folder, expected an audio file")
        if not stat.S_ISREG(mode):
            # To open a pipe would wait for somebody to write into it.
            raise UnreadableFile(f"{path}: not a file but a pipe or device, expected audio; take it out of the folder")
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - the source that it becomes part of closes it
    if os.fstat(file.fileno()).st_size == 0:
        file.close()
        raise UnreadableFile(
            f"{path}: the file is empty (0 bytes), expected audio; the bounce or copy did not finish - make it again"
        )
    return file


def _info(path: Path, container: Container | None, stream: Stream | None) -> AudioInfo:
    if container is not None:
        stored = container.format
        return AudioInfo(
            path=path,
            container=container.name,
            subtype=stored.subtype,
            sample_rate_hz=stored.sample_rate_hz,
            channels=stored.channels,
            frames=container.frames,
            messages=container.messages,
            is_unfinished=container.is_unfinished,
        )
    if stream is None:
        raise UnreadableFile(
            f"{path}: not an audio file that rebounce knows, expected {KNOWN}; it may be damaged, or another kind of "
            "file that was renamed - bounce it again as one of these"
        )
    return AudioInfo(
        path=path,
        container=stream.kind,
        subtype=stream.subtype,
        sample_rate_hz=stream.sample_rate_hz,
        channels=stream.channels,
        frames=stream.frames,
    )


def _check_shape(info: AudioInfo) -> None:
    if not LOWEST_RATE_HZ <= info.sample_rate_hz <= HIGHEST_RATE_HZ:
        raise UnsupportedAudio(
            f"{info.path}: a sample rate of {info.sample_rate_hz} Hz; expected {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} - "
            "bounce it at one of these, or check that the file is not damaged"
        )
    if info.channels > MOST_CHANNELS:
        raise UnsupportedAudio(
            f"{info.path}: {info.channels} channels, expected at most {MOST_CHANNELS}; the header is probably "
            "damaged - bounce or copy it again"
        )


def _check_numbers(path: Path, original: Samples, first_frame: int) -> None:
    """Refuse NaN, infinity, and what float32 has no number for."""
    largest = np.finfo(np.float32).max
    if original.size and not (original.max() <= largest and original.min() >= -largest):
        frame, channel = np.argwhere(~(np.abs(original) <= largest))[0]
        raise UnreadableFile(
            f"{path}: expected numbers, found {original[frame, channel]} at frame {first_frame + frame} of channel "
            f"{channel + 1}; a plugin in the mix probably failed - bounce it again without it"
        )


def _read(source: Source, frames: int, first_frame: int) -> Iterator[Samples]:
    """Samples in their own dtype, from the first that is wanted to the last that can be read."""
    if source.info.frames == first_frame:
        return  # libsndfile cannot open a FLAC file without frames
    dtype = depth_of(source.info.subtype).carrier
    with source.reopened() as file, reading_errors(source.info.path):
        window, sound = _decoder(source, file)
        with sound:
            if first_frame:
                with signals_wait():
                    sound.seek(first_frame)
            while True:
                try:
                    with signals_wait():
                        block = sound.read(frames, dtype=dtype, always_2d=True)
                except soundfile.LibsndfileError as problem:
                    window.raise_problem()
                    raise UnreadableFile(
                        f"{source.info.path}: the audio cannot be decoded to its end ({problem.error_string}); "
                        "the file is damaged, or a copy was interrupted - copy or bounce it again"
                    ) from problem
                window.raise_problem()
                if not len(block):
                    return
                yield block


def _decoder(source: Source, file: BinaryIO) -> tuple[Window, soundfile.SoundFile]:
    if source.container is None:
        assert source.stream is not None
        return open_stream(source.info.path, file, source.stream.prefix)
    stored = source.container.format
    window = Window(file, source.container.samples.offset, source.info.frames * stored.frame_bytes)
    return window, open_raw(window, "r", stored)


def open_raw(file: object, mode: str, sample_format: SampleFormat) -> soundfile.SoundFile:
    """Bare samples, without any header of libsndfile's own."""
    with signals_wait():
        return soundfile.SoundFile(
            file,
            mode,
            samplerate=sample_format.sample_rate_hz,
            channels=sample_format.channels,
            subtype=sample_format.subtype,
            endian=sample_format.endian,
            format="RAW",
        )
