"""What becomes of each chunk of the input on its way into a restored file of the same kind.

What always holds: a chunk that says nothing of what was changed goes through byte for byte and keeps its place; one
that describes the samples is recomputed or dropped, and a message says so.
"""

import struct
from dataclasses import dataclass, replace
from typing import BinaryIO

from rebounce.engine.aiff import make_common
from rebounce.engine.bext import FIXED_BYTES, change_bext, has_loudness
from rebounce.engine.chunk_positions import POSITIONS, Rescale
from rebounce.engine.chunks import Chunk, payload
from rebounce.engine.id3_tags import without_measured_gain
from rebounce.engine.ixml import change_depth, drop_loudness, rescale_ixml
from rebounce.engine.sample_formats import SampleFormat, depth_of
from rebounce.engine.tags import LOUDNESS_MESSAGE
from rebounce.engine.wave_format import change_wave_format

# They describe the very samples: peaks, a picture of the waveform, a checksum.
ID3_CHUNKS = ("id3 ", "ID3 ")
DROPPED = ("PEAK", "levl", "MD5 ")
# Those without positions, which a new sample rate does not concern.
WAVE_TIMELESS = (
    "JUNK",
    "junk",
    "FLLR",
    "PAD ",
    "ds64",
    "id3 ",
    "ID3 ",
    "_PMX",
    "aXML",
    "axml",
    "chna",
    "DISP",
    "disp",
    "inst",
)


AIFF_TIMELESS = ("FVER", "INST", "COMT", "NAME", "AUTH", "(c) ", "ANNO", "AESD", "MIDI")
TIMELESS = (*WAVE_TIMELESS, *AIFF_TIMELESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """From what the input is stored as to what the output is; `maker` goes into the coding history."""

    old: SampleFormat
    new: SampleFormat
    frames: int
    maker: str

    @property
    def rescale(self) -> Rescale:
        return Rescale(old_rate_hz=self.old.sample_rate_hz, new_rate_hz=self.new.sample_rate_hz)

    @property
    def is_same_subtype(self) -> bool:
        return (self.old.subtype, self.old.endian) == (self.new.subtype, self.new.endian)


@dataclass(slots=True)
class Carrier:
    """Carries the chunks of a file over one by one, and collects what is to be said."""

    file: BinaryIO
    change: Change
    order: str
    messages: list[str]

    def carry(self, chunks: tuple[Chunk, ...]) -> list[Chunk]:
        """The chunks for the output, in their order."""
        return [carried for chunk in chunks if (carried := self._one(chunk)) is not None]

    def _one(self, chunk: Chunk) -> Chunk | None:
        name = chunk.name
        if name in DROPPED:
            self.messages.append(f"the chunk {name.strip()!r} described the samples as they were and was left out")
            return None
        if name in ("fmt ", "fact", "COMM", "bext", "iXML"):
            return self._rewritten(chunk)
        if name in ID3_CHUNKS:
            return self._id3(chunk)
        if not self.change.rescale.changes:
            return chunk
        if name in POSITIONS:
            return with_data(chunk, POSITIONS[name](payload(self.file, chunk), self.change.rescale, self.order))
        if name not in TIMELESS:
            self.messages.append(
                f"the chunk {name!r} was kept as it is; if it holds positions, they are at the old sample rate"
            )
        return chunk

    def _rewritten(self, chunk: Chunk) -> Chunk:
        data = payload(self.file, chunk)
        if chunk.name == "fmt ":
            return with_data(chunk, change_wave_format(data, self.change.new, self.change.is_same_subtype))
        if chunk.name == "COMM":
            return with_data(chunk, make_common(data, self.change.old, self.change.new, self.change.frames))
        if chunk.name == "fact":
            frames = struct.pack(self.order + "I", min(self.change.frames, 0xFFFFFFFF))
            return with_data(chunk, frames + data[4:])
        return with_data(chunk, self._bext(data) if chunk.name == "bext" else self._ixml(data))

    def _id3(self, chunk: Chunk) -> Chunk:
        data, had_gain = without_measured_gain(payload(self.file, chunk))
        if not had_gain:
            return chunk
        self.messages.append(LOUDNESS_MESSAGE)
        return with_data(chunk, data)

    def _bext(self, data: bytes) -> bytes:
        if len(data) < FIXED_BYTES:
            self.messages.append(f"the bext chunk is shorter than {FIXED_BYTES} bytes and was kept as it is")
            return data
        if has_loudness(data, self.order):
            self.messages.append("the loudness values in bext described the input; they were replaced by the output's")
        return change_bext(data, self.change.rescale, self.change.new, self.change.maker, self.order)

    def _ixml(self, data: bytes) -> bytes:
        data, had_loudness = drop_loudness(data)
        if had_loudness:
            self.messages.append("the loudness values in iXML described the input and were left out")
        if not self.change.is_same_subtype:
            data = change_depth(data, depth_of(self.change.new.subtype).bits)
        return rescale_ixml(data, self.change.rescale)


def with_data(chunk: Chunk, data: bytes) -> Chunk:
    """The chunk with another payload."""
    return replace(chunk, data=data, size=len(data))
