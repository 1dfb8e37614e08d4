"""Chooses what writes a restored file, and what it carries over, from the kinds of the input and the output."""

from typing import BinaryIO, Protocol

from rebounce.engine.bext import BextLoudness
from rebounce.engine.carried_chunks import Carrier, Change
from rebounce.engine.chunk_layout import Layout
from rebounce.engine.chunked_output import ChunkedOutput
from rebounce.engine.chunks import Container, first_named, payload
from rebounce.engine.pcm import Samples
from rebounce.engine.source import Source
from rebounce.engine.target import Target
from rebounce.engine.wave_layout import wave_layout


class Output(Protocol):
    """A file on its way: samples `(frames, channels)` one after another, then what follows them."""

    def write(self, samples: Samples) -> None: ...

    def finish(self, loudness: BextLoudness | None) -> None: ...

    def discard(self) -> None: ...


def open_output(source: Source, target: Target, out: BinaryIO) -> tuple[Output, list[str]]:
    """The output, with everything before its samples written, and what is to be said about what was carried over."""
    container = source.container
    assert container is not None
    stored = target.stored(source)
    change = Change(old=container.format, new=stored, frames=target.frames(source), maker=target.maker)
    layout, messages = _same_kind(source.file, container, change, target)
    return ChunkedOutput(layout, stored, source.file, out), messages


def _same_kind(file: BinaryIO, container: Container, change: Change, target: Target) -> tuple[Layout, list[str]]:
    messages: list[str] = []
    carrier = Carrier(file, change, container.dialect.order, messages)
    ds64 = first_named(container.before, "ds64")
    layout = Layout(
        dialect=container.dialect,
        magic=container.head[:4],
        form=container.form,
        before=carrier.carry(container.before),
        samples_bytes=change.frames * change.new.frame_bytes,
        after=carrier.carry(container.after),
        tail=container.tail,
    )
    layout, is_promoted = wave_layout(
        layout, payload(file, ds64) if ds64 else b"", change.frames, target.riff_most_bytes
    )
    if is_promoted:
        messages.append("the result is longer than 4 GB and was written as RF64")
    return layout, messages
