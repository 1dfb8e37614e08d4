"""The broadcast extension (`bext`, EBU Tech 3285): kept, moved to another rate, told what was done to the file.

What always holds: the time reference stands for the same moment; loudness values that described the input's samples
are gone; one line is added to the coding history, without a time stamp; every other byte stays.
"""

import struct
from dataclasses import dataclass

from rebounce.engine.chunk_positions import Rescale
from rebounce.engine.sample_formats import SampleFormat, depth_of

FIXED_BYTES = 602
TIME_REFERENCE_OFFSET = 338
VERSION_OFFSET = 346
LOUDNESS_OFFSET = 412
LOUDNESS_FIELDS = 5
LOUDNESS_VERSION = 2
NOT_SET = 0x7FFF
CHANNEL_NAMES = {1: "mono", 2: "stereo"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BextLoudness:
    """What is known of the output's loudness; None is written as "not set"."""

    integrated_lufs: float | None = None
    range_lu: float | None = None
    true_peak_dbtp: float | None = None
    momentary_lufs: float | None = None
    short_term_lufs: float | None = None

    def to_bytes(self, order: str = "<") -> bytes:
        """The five fields, in hundredths."""
        values = (
            self.integrated_lufs,
            self.range_lu,
            self.true_peak_dbtp,
            self.momentary_lufs,
            self.short_term_lufs,
        )
        return struct.pack(f"{order}{LOUDNESS_FIELDS}h", *(_hundredths(value) for value in values))


def _hundredths(value: float | None) -> int:
    # A field that is not set lies outside what the standard allows, which is -99.99 to 99.99.
    return NOT_SET if value is None or abs(value) > 99.99 else round(value * 100)


def history_line(stored: SampleFormat, maker: str) -> bytes:
    """The coding history's line for a file of this format, made by `maker` ("rebounce 0.1.0;five-stage")."""
    fields = ["A=PCM", f"F={stored.sample_rate_hz}", f"W={depth_of(stored.subtype).bits}"]
    if stored.channels in CHANNEL_NAMES:
        fields.append(f"M={CHANNEL_NAMES[stored.channels]}")
    # Commas and line ends divide the history, so they cannot be in a name; it is ASCII by the standard.
    text = "".join(" " if letter in ",\r\n" else letter for letter in maker)
    return (",".join(fields) + f",T={text}\r\n").encode("ascii", errors="replace")


def has_loudness(data: bytes, order: str) -> bool:
    """True for version 2, where the loudness fields exist."""
    return len(data) >= FIXED_BYTES and struct.unpack_from(order + "H", data, VERSION_OFFSET)[0] >= LOUDNESS_VERSION


def change_bext(data: bytes, rescale: Rescale, stored: SampleFormat, maker: str, order: str) -> bytes:
    """The payload for the output; its loudness is "not set" until it is known."""
    out = bytearray(data)
    low, high = struct.unpack_from(order + "II", data, TIME_REFERENCE_OFFSET)
    moved = rescale.fits(high << 32 | low, bits=64)
    struct.pack_into(order + "II", out, TIME_REFERENCE_OFFSET, moved & 0xFFFFFFFF, moved >> 32)
    if has_loudness(data, order):
        out[LOUDNESS_OFFSET : LOUDNESS_OFFSET + 2 * LOUDNESS_FIELDS] = BextLoudness().to_bytes(order)
    return bytes(out[:FIXED_BYTES]) + _with_line(data[FIXED_BYTES:], history_line(stored, maker))


def _with_line(history: bytes, line: bytes) -> bytes:
    """The history with one more line; zeros that reserve room behind it are used up before it grows."""
    text = history.rstrip(b"\0")
    if text and not text.endswith(b"\r\n"):
        text += b"\r\n" if not text.endswith(b"\r") else b"\n"
    return (text + line).ljust(len(history), b"\0")
