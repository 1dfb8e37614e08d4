"""Stores samples without a header: the samples of every container that we write ourselves."""

from typing import BinaryIO

from rebounce.engine.pcm import Samples
from rebounce.engine.sample_formats import SampleFormat
from rebounce.engine.source import open_raw
from rebounce.engine.virtual_file import Outlet, signals_wait


class RawEncoder:
    """Writes samples at the end of an open file; what the file refuses is raised here."""

    def __init__(self, file: BinaryIO, sample_format: SampleFormat) -> None:
        self._outlet = Outlet(file)
        self._sound = open_raw(self._outlet, "w", sample_format)

    def write(self, samples: Samples) -> None:
        """`(frames, channels)` in the carrier of the format."""
        try:
            with signals_wait():
                self._sound.write(samples)
        except Exception:
            self._outlet.raise_problem()  # libsndfile only knows that fewer bytes were taken than it gave
            raise
        self._outlet.raise_problem()

    def close(self) -> None:
        """Let go of libsndfile; the file stays open."""
        self.discard()
        self._outlet.raise_problem()

    def discard(self) -> None:
        """`close`, when it does not matter any more what was written."""
        with signals_wait():
            self._sound.close()
