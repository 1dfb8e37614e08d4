"""Small audio files made byte by byte, and the whole way of a file through a source and a sink."""

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.sink import Written, open_sink
from rebounce.engine.source import open_source
from rebounce.engine.target import Target

MAKER = "rebounce 0.1.0;bypass"
Edit = Callable[[Audio], Audio]


def louder_at(frame: int, channel: int = 0) -> Edit:
    """Changes one sample of a block that holds all frames."""

    def edit(audio: Audio) -> Audio:
        changed = audio.copy()
        changed[channel, frame] *= np.float32(0.5)
        return changed

    return edit


def half(audio: Audio) -> Audio:
    return audio * np.float32(0.5)


def rewrite(path: Path, target: Path, edit: Edit | None = None, frames: int = 65_536, **wanted: object) -> Written:
    """Read `path` in blocks of `frames`, edit each block, write `target`; `wanted` are fields of the `Target`."""
    with open_source(path) as source:
        info = source.info
        output = Target(
            path=target,
            container=info.container,
            subtype=info.subtype,
            sample_rate_hz=info.sample_rate_hz,
            maker=MAKER,
        )
        output = replace(output, **wanted)  # type: ignore[arg-type]
        with open_sink(source, output) as sink:
            if output.sample_rate_hz == info.sample_rate_hz:
                for block in source.blocks(frames):
                    sink.write(block, block.audio if edit is None else edit(block.audio))
            else:
                sink.write(None, np.zeros((info.channels, output.frames(source)), dtype=np.float32))
            written = sink.finish()
            messages = sink.publish()
            return replace(written, messages=(*written.messages, *messages))


def chunk(id: bytes, data: bytes, order: str = "<") -> bytes:
    """One RIFF or AIFF chunk with its padding."""
    return struct.pack(f"{order}4sI", id, len(data)) + data + bytes(len(data) % 2)


def pcm_format(channels: int = 2, rate: int = 48_000, bits: int = 16, tag: int = 1, order: str = "<") -> bytes:
    """The payload of a plain `fmt ` chunk."""
    block = channels * (-(-bits // 8))
    return struct.pack(f"{order}HHIIHH", tag, channels, rate, rate * block, block, bits)


def riff(*chunks: bytes, magic: bytes = b"RIFF", order: str = "<") -> bytes:
    """A WAV file of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return struct.pack(f"{order}4sI", magic, len(body)) + body


def wav(samples: bytes, *after: bytes, before: bytes = b"", **format_fields: int) -> bytes:
    """A WAV file with these samples, and chunks around them."""
    return riff(chunk(b"fmt ", pcm_format(**format_fields)), before, chunk(b"data", samples), *after)  # type: ignore[arg-type]


def form(*chunks: bytes, kind: bytes = b"AIFF") -> bytes:
    """An AIFF file of these chunks."""
    body = kind + b"".join(chunks)
    return struct.pack(">4sI", b"FORM", len(body)) + body


def aiff_chunk(id: bytes, data: bytes) -> bytes:
    return chunk(id, data, ">")


# 48000 as an 80-bit extended number.
RATE_48000 = bytes.fromhex("400ebb80000000000000")


def aiff(samples: bytes, *after: bytes, before: bytes = b"", channels: int = 2, frames: int = 0) -> bytes:
    """A 16-bit AIFF file at 48 kHz with these samples, and chunks around them."""
    common = struct.pack(">HIH", channels, frames or len(samples) // (2 * channels), 16) + RATE_48000
    return form(aiff_chunk(b"COMM", common), before, aiff_chunk(b"SSND", bytes(8) + samples), *after)


def chunks_of(data: bytes, order: str = "<") -> list[tuple[bytes, bytes]]:
    """Every chunk of a RIFF or AIFF file, read as simply as can be."""
    found = []
    place = 12
    while place < len(data):
        id, size = struct.unpack_from(f"{order}4sI", data, place)
        found.append((id, data[place + 8 : place + 8 + size]))
        place += 8 + size + size % 2
    return found


def ramp_16(frames: int, channels: int = 2) -> bytes:
    """Little-endian 16-bit samples that run through many values."""
    return (np.arange(frames * channels, dtype=np.int64) * 97 % 65_536 - 32_768).astype("<i2").tobytes()
