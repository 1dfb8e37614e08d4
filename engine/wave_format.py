"""The `fmt ` chunk of WAV, RF64 and Wave64: what it says about the samples, and one that says something else.

What always holds: a field that need not change keeps its bytes, so an extensible header stays one.
"""

import struct
from pathlib import Path

from rebounce.engine.errors import UnreadableFile, UnsupportedAudio
from rebounce.engine.sample_formats import DEPTHS, SampleFormat

PCM, IEEE_FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
PLAIN_BYTES = 16
EXTENSIBLE_BYTES = 40
SUBFORMAT_OFFSET = 24
# The rest of the GUID whose first two bytes are the format tag.
SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
AMBISONIC_TAIL = bytes.fromhex("00002107d3118644c8c1ca000000")
OTHER_TAGS = {2: "ADPCM", 6: "A-law", 7: "u-law", 0x11: "IMA ADPCM", 0x31: "GSM", 0x50: "MPEG", 0x55: "MP3"}

_FIELDS = "HHIIHH"
_INTEGERS = {1: "PCM_U8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
_FLOATS = {4: "FLOAT", 8: "DOUBLE"}


def read_wave_format(path: Path, data: bytes, order: str) -> SampleFormat:
    """What a `fmt ` payload says; `order` is `<` or, in RIFX, `>`."""
    if len(data) < PLAIN_BYTES:
        raise UnreadableFile(
            f"{path}: the fmt chunk holds {len(data)} bytes, expected at least {PLAIN_BYTES}; the file is damaged - "
            "bounce or copy it again"
        )
    tag, channels, rate, _, block, bits = struct.unpack(order + _FIELDS, data[:PLAIN_BYTES])
    valid_bits = bits
    if tag == EXTENSIBLE and len(data) >= EXTENSIBLE_BYTES:
        valid_bits = struct.unpack_from(order + "H", data, 18)[0] or bits
        tag = _subformat_tag(data, order)
    if channels == 0 or rate == 0:
        raise UnreadableFile(
            f"{path}: the header says {channels} channels at {rate} Hz; the file is damaged - bounce or copy it again"
        )
    sample_bytes = block // channels if block and block % channels == 0 else -(-bits // 8)
    subtype = {PCM: _INTEGERS, IEEE_FLOAT: _FLOATS}.get(tag, {}).get(sample_bytes)
    if subtype is None:
        kind = OTHER_TAGS.get(tag, f"format {tag:#06x} of {bits} bits")
        raise UnsupportedAudio(
            f"{path}: a WAV with {kind} samples; expected PCM of 8, 16, 24 or 32 bits, or float of 32 or 64 - "
            "bounce it as one of these"
        )
    return SampleFormat(
        subtype=subtype,
        bits=_bits_in_use(subtype, valid_bits),
        endian="LITTLE" if order == "<" else "BIG",
        sample_rate_hz=rate,
        channels=channels,
    )


def _subformat_tag(data: bytes, order: str) -> int:
    tail = data[SUBFORMAT_OFFSET + 2 : EXTENSIBLE_BYTES]
    tag: int = struct.unpack_from(order + "H", data, SUBFORMAT_OFFSET)[0]
    return tag if tail in (SUBFORMAT_TAIL, AMBISONIC_TAIL) or order == ">" else EXTENSIBLE


def _bits_in_use(subtype: str, valid_bits: int) -> int:
    depth = DEPTHS[subtype]
    return depth.bits if depth.is_float or not 0 < valid_bits <= depth.bits else valid_bits


def change_wave_format(data: bytes, new: SampleFormat, is_same_subtype: bool) -> bytes:
    """The payload for samples stored as `new`, as close to the input's as can be."""
    order = "<" if new.endian == "LITTLE" else ">"
    if is_same_subtype:
        rates = struct.pack(order + "II", new.sample_rate_hz, new.sample_rate_hz * new.frame_bytes)
        return data[:4] + rates + data[12:]
    is_extensible = struct.unpack_from(order + "H", data)[0] == EXTENSIBLE and len(data) >= EXTENSIBLE_BYTES
    mask = struct.unpack_from(order + "I", data, 20)[0] if is_extensible else None
    return make_wave_format(new, mask)


def make_wave_format(new: SampleFormat, speaker_mask: int | None = None) -> bytes:
    """A new payload: plain for mono and stereo, extensible for more channels or where speakers are named."""
    order = "<" if new.endian == "LITTLE" else ">"
    depth = DEPTHS[new.subtype]
    tag = IEEE_FLOAT if depth.is_float else PCM
    is_extensible = speaker_mask is not None or new.channels > 2
    fields = (new.channels, new.sample_rate_hz, new.sample_rate_hz * new.frame_bytes, new.frame_bytes, depth.bits)
    plain = struct.pack(order + _FIELDS, EXTENSIBLE if is_extensible else tag, *fields)
    if is_extensible:
        extension = struct.pack(order + "HHIH", 22, depth.bits, speaker_mask or 0, tag)
        return plain + extension + SUBFORMAT_TAIL
    return plain + struct.pack(order + "H", 0) if depth.is_float else plain
