"""Positions in frames, kept in chunks, moved to another sample rate: cue points, loops, labelled regions, AIFF marks.

What always holds: at an unchanged rate no byte changes, and a payload that is too short for what it says is left alone.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

CUE_POINT_BYTES = 24
SMPL_FIXED_BYTES = 36
SMPL_LOOP_BYTES = 24
NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescale:
    """From one sample rate to another."""

    old_rate_hz: int
    new_rate_hz: int

    @property
    def changes(self) -> bool:
        return self.old_rate_hz != self.new_rate_hz

    def frames(self, position: int) -> int:
        """The same moment at the new rate, to the nearest frame."""
        moved: int = round(Fraction(position * self.new_rate_hz, self.old_rate_hz))
        return moved

    def fits(self, position: int, bits: int = 32) -> int:
        """`frames`, held below what an unsigned field of `bits` can say."""
        return min(self.frames(position), (1 << bits) - 1)


def rescale_cue(data: bytes, rescale: Rescale, order: str) -> bytes:
    """The cue points of a `cue ` payload; their offsets in bytes (for wave lists) stay."""
    out = bytearray(data)
    for start in range(4, len(data) - CUE_POINT_BYTES + 1, CUE_POINT_BYTES):
        for field in (4, 20):
            _scale_at(out, start + field, rescale, order)
    return bytes(out)


def rescale_smpl(data: bytes, rescale: Rescale, order: str) -> bytes:
    """The loops of a `smpl` payload, and the length of a frame in nanoseconds."""
    out = bytearray(data)
    if len(data) < SMPL_FIXED_BYTES:
        return data
    struct.pack_into(order + "I", out, 8, round(NANOSECONDS / rescale.new_rate_hz))
    (loops,) = struct.unpack_from(order + "I", data, 28)
    for loop in range(min(loops, (len(data) - SMPL_FIXED_BYTES) // SMPL_LOOP_BYTES)):
        for field in (8, 12):
            _scale_at(out, SMPL_FIXED_BYTES + loop * SMPL_LOOP_BYTES + field, rescale, order)
    return bytes(out)


def rescale_list(data: bytes, rescale: Rescale, order: str) -> bytes:
    """The lengths of labelled regions (`ltxt`) in a LIST of kind `adtl`; other lists hold no positions."""
    if data[:4] != b"adtl":
        return data
    out = bytearray(data)
    start = 4
    while start + 8 <= len(data):
        id, size = struct.unpack_from(order + "4sI", data, start)
        if id == b"ltxt" and size >= 8 and start + 16 <= len(data):
            _scale_at(out, start + 12, rescale, order)
        start += 8 + size + size % 2
    return bytes(out)


def rescale_marks(data: bytes, rescale: Rescale, order: str) -> bytes:
    """The positions in an AIFF `MARK` payload: a count, then id, position and a Pascal string padded to even length."""
    out = bytearray(data)
    if len(data) < 2:
        return data
    start = 2
    for _ in range(struct.unpack_from(order + "H", data)[0]):
        if start + 7 > len(data):
            break
        _scale_at(out, start + 2, rescale, order)
        text = 1 + data[start + 6]
        start += 6 + text + text % 2
    return bytes(out)


def _scale_at(out: bytearray, place: int, rescale: Rescale, order: str) -> None:
    (position,) = struct.unpack_from(order + "I", out, place)
    struct.pack_into(order + "I", out, place, rescale.fits(position))


POSITIONS: dict[str, Callable[[bytes, Rescale, str], bytes]] = {
    "cue ": rescale_cue,
    "smpl": rescale_smpl,
    "LIST": rescale_list,
    "MARK": rescale_marks,
}
"""What moves the positions in each kind of chunk."""
