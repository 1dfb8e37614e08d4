"""Writes bounces as digital audio workstations do: bit by bit, with pauses, with a header that is wrong until the end.

These are patterns and no recordings. Each is named after the program that is known for something like it, or that
users of watch folders have reported it of; what a given version of that program really does was not traced. The bytes
are those of real files by libsndfile, or have a header made here around its samples.

What always holds: the file is whole only once the function returns, and what it returns are the bytes that are then
under `target`.
"""

import io
import os
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import soundfile
from rewriting import chunk, pcm_format

from rebounce.engine.audio import Audio

OPEN_SIZE = 0xFFFFFFFF
# Room for a ds64 chunk: what a WAV needs if it turns out to be of more than 4 GB.
DS64_BYTES = 28
JUNK_OFFSET = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many pieces the audio is written in, and what happens after each: a pause, that a test may put its own
    looks in.
    """

    pieces: int = 4
    pause_s: float = 0.5
    wait: Callable[[float], object] = time.sleep

    def pause(self) -> None:
        self.wait(self.pause_s)

    def cut(self, samples: bytes, frame_bytes: int = 1) -> Iterator[bytes]:
        """The samples in as many pieces, of whole frames."""
        frames = len(samples) // frame_bytes
        step = max(1, -(-frames // self.pieces)) * frame_bytes
        return (samples[start : start + step] for start in range(0, len(samples), step))


def reaper(target: Path, audio: Audio, sample_rate_hz: int, pace: Pace) -> bytes:
    """A growing WAV with room for a ds64 chunk; both sizes are 0 until the very end, when they are written first."""
    samples = _pcm_24(audio, sample_rate_hz)
    with _opened(target) as file:
        file.write(_wav_head(audio, sample_rate_hz, 0, 0, b"JUNK"))
        data_offset = file.tell()
        for piece in pace.cut(samples):
            file.write(piece)
            pace.pause()
        file.write(bytes(len(samples) % 2))
        _patch(file, 4, "<I", file.tell() - 8)
        pace.pause()
        _patch(file, data_offset - 4, "<I", len(samples))
    return target.read_bytes()


def reaper_large(target: Path, audio: Audio, sample_rate_hz: int, pace: Pace) -> bytes:
    """The same for what could pass 4 GB: at the end the room becomes a ds64 chunk, and the file an RF64 one."""
    samples = _pcm_24(audio, sample_rate_hz)
    with _opened(target) as file:
        file.write(_wav_head(audio, sample_rate_hz, OPEN_SIZE, OPEN_SIZE, b"JUNK"))
        for piece in pace.cut(samples):
            file.write(piece)
            pace.pause()
        file.write(bytes(len(samples) % 2))
        sizes = struct.pack("<QQQI", file.tell() - 8, len(samples), audio.shape[1], 0)
        file.seek(JUNK_OFFSET)
        file.write(chunk(b"ds64", sizes))
        pace.pause()
        file.seek(0)
        file.write(b"RF64")
    return target.read_bytes()


def logic(target: Path, audio: Audio, sample_rate_hz: int, pace: Pace) -> bytes:
    """A growing AIFF or, by the suffix, WAV whose header is brought up to date after every second piece.

    In every second pause the file is a whole, valid, shorter one: nothing but the program that has it open tells.
    """
    whole, offset = _by_libsndfile(target, audio, sample_rate_hz)
    frame_bytes = 3 * audio.shape[0]
    samples = whole[offset : offset + audio.shape[1] * frame_bytes]
    with _opened(target) as file:
        file.write(_head_for(whole[:offset], 0, frame_bytes))
        for number, piece in enumerate(pace.cut(samples, frame_bytes)):
            file.write(piece)
            if number % 2:
                _rewrite_head(file, _head_for(whole[:offset], file.tell() - offset, frame_bytes))
            pace.pause()
        _rewrite_head(file, whole[:offset])
        file.write(whole[offset + len(samples) :])
    return target.read_bytes()


def ableton(target: Path, audio: Audio, sample_rate_hz: int, pace: Pace) -> bytes:
    """Written under a temporary name beside the target, and renamed when it is whole."""
    temporary = target.with_name(f"{target.name}.tmp")
    whole, _ = _by_libsndfile(target, audio, sample_rate_hz)
    with _opened(temporary) as file:
        for piece in pace.cut(whole):
            file.write(piece)
            pace.pause()
    os.replace(temporary, target)
    return target.read_bytes()


def pro_tools(target: Path, audio: Audio, sample_rate_hz: int, pace: Pace) -> bytes:
    """Allocated with zeros at its full length, filled, then the chunks behind the samples, and the header last."""
    samples = _pcm_24(audio, sample_rate_hz)
    padded = samples + bytes(len(samples) % 2)
    trailing = chunk(b"iXML", b"<BWFXML><PROJECT>Mix</PROJECT></BWFXML>") + chunk(
        b"LIST", b"INFO" + chunk(b"ICMT", b"x")
    )
    description = chunk(b"bext", b"Mix".ljust(602, b"\0"))
    format_chunk = chunk(b"fmt ", pcm_format(audio.shape[0], sample_rate_hz, 24))
    body = b"WAVE" + description + format_chunk + struct.pack("<4sI", b"data", len(samples))
    head = struct.pack("<4sI", b"RIFF", len(body) + len(padded) + len(trailing)) + body
    with _opened(target) as file:
        file.truncate(len(head) + len(padded) + len(trailing))
        pace.pause()
        file.seek(len(head))
        for piece in pace.cut(padded):
            file.write(piece)
            pace.pause()
        file.write(trailing)
        pace.pause()
        file.seek(0)
        file.write(head)
    return target.read_bytes()


def slow_pauses(target: Path, audio: Audio, sample_rate_hz: int, pace: Pace) -> bytes:
    """A growing WAV that promises its whole length from the beginning: a slow plugin makes it stand still at times."""
    whole, _ = _by_libsndfile(target, audio, sample_rate_hz)
    with _opened(target) as file:
        for piece in pace.cut(whole):
            file.write(piece)
            pace.pause()
    return target.read_bytes()


def crashed(target: Path, audio: Audio, sample_rate_hz: int, pace: Pace) -> bytes:
    """Dies with three quarters of the audio written, and a header that leaves all sizes open."""
    samples = _pcm_24(audio, sample_rate_hz)
    with _opened(target) as file:
        file.write(_wav_head(audio, sample_rate_hz, OPEN_SIZE, OPEN_SIZE, b"JUNK"))
        for piece in pace.cut(samples[: len(samples) * 3 // 4]):
            file.write(piece)
            pace.pause()
    return target.read_bytes()


PATTERNS = (reaper, reaper_large, logic, ableton, pro_tools, slow_pauses)


def _opened(path: Path) -> io.FileIO:
    """Without a buffer: what was written others see at once."""
    return io.FileIO(path, "w+")


def _by_libsndfile(target: Path, audio: Audio, sample_rate_hz: int) -> tuple[bytes, int]:
    """A whole file of 24 bits, WAV or AIFF by the suffix, and where its samples begin."""
    is_aiff = target.suffix.lower() in (".aif", ".aiff")
    file = io.BytesIO()
    soundfile.write(file, audio.T, sample_rate_hz, format="AIFF" if is_aiff else "WAV", subtype="PCM_24")
    whole = file.getvalue()
    return whole, whole.index(b"SSND") + 16 if is_aiff else whole.index(b"data") + 8


def _pcm_24(audio: Audio, sample_rate_hz: int) -> bytes:
    whole, offset = _by_libsndfile(Path("x.wav"), audio, sample_rate_hz)
    return whole[offset : offset + 3 * audio.size]


def _wav_head(audio: Audio, sample_rate_hz: int, outer_size: int, data_size: int, room: bytes) -> bytes:
    format_chunk = chunk(b"fmt ", pcm_format(audio.shape[0], sample_rate_hz, 24))
    start = struct.pack("<4sI4s", b"RIFF", outer_size, b"WAVE")
    return start + chunk(room, bytes(DS64_BYTES)) + format_chunk + struct.pack("<4sI", b"data", data_size)


def _head_for(head: bytes, samples_bytes: int, frame_bytes: int) -> bytes:
    """The same header for fewer samples."""
    made = bytearray(head)
    if head[:4] == b"RIFF":
        struct.pack_into("<I", made, len(head) - 4, samples_bytes)
        struct.pack_into("<I", made, 4, len(head) - 8 + samples_bytes)
    else:
        struct.pack_into(">I", made, len(head) - 12, 8 + samples_bytes)
        struct.pack_into(">I", made, head.index(b"COMM") + 10, samples_bytes // frame_bytes)
        struct.pack_into(">I", made, 4, len(head) - 8 + samples_bytes)
    return bytes(made)


def _rewrite_head(file: io.FileIO, head: bytes) -> None:
    end = file.tell()
    file.seek(0)
    file.write(head)
    file.seek(end)


def _patch(file: io.FileIO, offset: int, layout: str, value: int) -> None:
    file.seek(offset)
    file.write(struct.pack(layout, value))
    file.seek(0, os.SEEK_END)
