"""Writes WAV, RF64, Wave64 and AIFF: the chunks before the samples, the samples, the chunks after them."""

from typing import BinaryIO

from rebounce.engine.bext import LOUDNESS_OFFSET, BextLoudness, has_loudness
from rebounce.engine.chunk_layout import Layout
from rebounce.engine.chunks import first_named
from rebounce.engine.encoder import Encoder
from rebounce.engine.pcm import Samples
from rebounce.engine.sample_formats import SampleFormat
from rebounce.engine.source import open_raw
from rebounce.engine.virtual_file import Outlet


class ChunkedOutput:
    """One file on its way: made with everything before the samples written."""

    def __init__(self, layout: Layout, stored: SampleFormat, source: BinaryIO, out: BinaryIO) -> None:
        self._layout = layout
        self._source = source
        self._out = out
        layout.write_before(source, out)
        outlet = Outlet(out)
        self._encoder = Encoder(outlet, open_raw(outlet, "w", stored))

    def write(self, samples: Samples) -> None:
        """The next samples `(frames, channels)`."""
        self._encoder.write(samples)

    def finish(self, loudness: BextLoudness | None) -> None:
        """Everything behind the samples, and the loudness of the output where `bext` has a place for it."""
        self._encoder.close()
        self._layout.write_after(self._source, self._out)
        bext = first_named(self._layout.before, "bext")
        order = self._layout.dialect.order
        if loudness is not None and bext is not None and bext.data and has_loudness(bext.data, order):
            self._out.seek(self._layout.offset_of(bext) + LOUDNESS_OFFSET)
            self._out.write(loudness.to_bytes(order))

    def discard(self) -> None:
        """Let go of libsndfile after a failure."""
        self._encoder.discard()
