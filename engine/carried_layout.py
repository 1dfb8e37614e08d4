"""The layout of an output that has the same kind of chunks as its input."""

import struct
from dataclasses import replace
from typing import BinaryIO

from rebounce.engine.aiff import SSND_PREFIX, VERSION_DATA
from rebounce.engine.carried_chunks import Carrier, Change
from rebounce.engine.chunk_layout import Layout
from rebounce.engine.chunks import AIFF, Chunk, Container, first_named, new_chunk, payload
from rebounce.engine.errors import OutputError
from rebounce.engine.sample_formats import DEPTHS
from rebounce.engine.wave_layout import RIFF_MOST_BYTES, wave_layout

AIFF_MOST_BYTES = 0xFFFFFFFF


def carried_layout(
    file: BinaryIO, container: Container, change: Change, most_bytes: int = RIFF_MOST_BYTES
) -> tuple[Layout, list[str]]:
    """The layout for what `change` makes of the container, and what is to be said about its chunks."""
    messages: list[str] = []
    carrier = Carrier(file, change, container.dialect.order, messages)
    layout = Layout(
        dialect=container.dialect,
        magic=container.magic,
        form=container.form,
        before=carrier.carry(container.before),
        samples_bytes=change.frames * change.new.frame_bytes,
        after=carrier.carry(container.after),
        tail=container.tail,
    )
    if container.dialect is AIFF:
        return _aiff_layout(layout, change), messages
    if DEPTHS[change.new.subtype].is_float and not change.is_same_subtype:
        layout = replace(layout, before=_with_fact(layout, change.frames))
    if len(container.form) == 4:
        ds64 = first_named(container.before, "ds64")
        layout, is_promoted = wave_layout(layout, payload(file, ds64) if ds64 else b"", change.frames, most_bytes)
        if is_promoted:
            messages.append("the result is longer than 4 GB and was written as RF64")
    return layout, messages


def _with_fact(layout: Layout, frames: int) -> list[Chunk]:
    """Float samples come with a count of frames; behind `fmt `, where there is none yet."""
    before = list(layout.before)
    place = next(number for number, chunk in enumerate(before) if chunk.name == "fmt ") + 1
    if first_named([*before, *layout.after], "fact") is None:
        data = struct.pack(layout.dialect.order + "I", min(frames, 0xFFFFFFFF))
        id = b"fact" + before[place - 1].id[4:]
        before.insert(place, new_chunk("fact", data, id=id))
    return before


def _aiff_layout(layout: Layout, change: Change) -> Layout:
    """AIFF has integers only: float makes it AIFC, which also names its version."""
    layout = replace(layout, prefix=SSND_PREFIX.pack(0, 0))
    if layout.form == b"AIFF" and DEPTHS[change.new.subtype].is_float:
        version = new_chunk("FVER", VERSION_DATA)
        layout = replace(layout, form=b"AIFC", before=[version, *layout.before])
    if layout.total_bytes > AIFF_MOST_BYTES:
        raise OutputError("the result is longer than the 4 GB that AIFF can hold; add --format wav")
    return layout
