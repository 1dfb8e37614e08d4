"""The layout of a WAV or RF64 file that is to be written, and the move from one to the other past 4 GB."""

from dataclasses import replace

from rebounce.engine.chunk_layout import Layout
from rebounce.engine.chunks import Chunk, first_named, new_chunk
from rebounce.engine.errors import OutputError
from rebounce.engine.riff import DS64_FIXED, LARGE_MAGICS, make_ds64

# The largest size that a 32-bit header can say; the largest of all means "not known".
RIFF_MOST_BYTES = 0xFFFFFFFE


def wave_layout(
    layout: Layout, ds64_data: bytes, frames: int, most_bytes: int = RIFF_MOST_BYTES
) -> tuple[Layout, bool]:
    """The layout with its 64-bit sizes in place where it needs them, and whether it became RF64 here.

    `ds64_data` is the input's own ds64 payload, where there is one.
    """
    if layout.magic in LARGE_MAGICS:
        return _with_ds64(layout, ds64_data, frames), False
    if layout.total_bytes <= most_bytes:
        return layout, False
    if layout.magic != b"RIFF":
        raise OutputError("a big-endian WAV (RIFX) cannot be longer than 4 GB; use --format flac, or bounce it as WAV")
    return _with_ds64(replace(layout, magic=b"RF64"), b"", frames), True


def _with_ds64(layout: Layout, old_data: bytes, frames: int) -> Layout:
    """RF64, with ds64 as the first chunk: the old one, room that was kept free for one, or a new one."""
    before = list(layout.before)
    old = first_named(before[:1], "ds64")
    spare = next((chunk for chunk in before[:1] if _is_room_for_ds64(chunk)), None)
    size = max(DS64_FIXED.size, old.size if old else spare.size if spare else 0)
    rest = before[1:] if old or spare else before
    sized = replace(layout, before=[new_chunk("ds64", bytes(size)), *rest], hides_sizes=True)
    data = make_ds64(old, old_data, sized.total_bytes, layout.samples_bytes, frames).ljust(size, b"\0")
    return replace(sized, before=[new_chunk("ds64", data), *rest])


def _is_room_for_ds64(chunk: Chunk) -> bool:
    """EBU Tech 3306: a JUNK chunk at the start is kept free for this."""
    return chunk.name in ("JUNK", "junk") and chunk.size >= DS64_FIXED.size
