"""A spool on disk: float32 audio between two passes, beside the output, so that memory does not grow with the file.

What always holds: a spool has no name, so two runs never meet in one, and it is gone with the process, however that
ends.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.staging import output_errors

SPOOL_BLOCK_FRAMES = 65_536
BYTES_PER_SAMPLE = 4

OnBlock = Callable[[], None]
"""Called for each block that is read back."""


def _nothing() -> None:
    """For those who do not count."""


class FileSpool:
    """Blocks written one after another as raw interleaved float32, and read back on one grid."""

    def __init__(self, target: Path, channels: int, on_block: OnBlock = _nothing) -> None:
        self._target = target
        self._channels = channels
        self._on_block = on_block
        with output_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=target.parent)  # noqa: SIM115 - it lives as long as the spool

    def write(self, block: Audio) -> None:
        with output_errors(self._target):
            self._file.write(block.T.tobytes())

    def __iter__(self) -> Iterator[Audio]:
        position = 0
        # Each walk keeps its own place in the one file there is: no name leads to it that could be opened again.
        while data := self._read(position):
            position += len(data)
            self._on_block()
            yield np.ascontiguousarray(np.frombuffer(data, dtype=np.float32).reshape(-1, self._channels).T)

    def discard(self) -> None:
        """Give the space back."""
        with contextlib.suppress(OSError):  # a full disk may refuse the last flush: the data is thrown away anyway
            self._file.close()

    def _read(self, position: int) -> bytes:
        with output_errors(self._target):  # what is still in the buffer is written first
            self._file.seek(position)
            return self._file.read(SPOOL_BLOCK_FRAMES * self._channels * BYTES_PER_SAMPLE)


class Spools:
    """Makes the spools of one job, on the disk of its output, and gives them all back at the end."""

    def __init__(self, target: Path, channels: int, on_block: OnBlock = _nothing) -> None:
        self._target = target
        self._channels = channels
        self._on_block = on_block
        self._made: list[FileSpool] = []

    def new_spool(self) -> FileSpool:
        spool = FileSpool(self._target, self._channels, self._on_block)
        self._made.append(spool)
        return spool

    def __enter__(self) -> "Spools":
        return self

    def __exit__(self, *failure: object) -> None:
        for spool in self._made:
            spool.discard()


def spool_bytes(frames: int, channels: int, tries: int = 0) -> int:
    """The most that the spools of one job take at a time: one is read while the next is written, and one for each try
    that may have to be taken back."""
    return (2 + tries) * frames * channels * BYTES_PER_SAMPLE
