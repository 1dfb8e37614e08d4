"""A spool on disk: float32 audio between two passes, beside the output, so that memory does not grow with the file."""

import contextlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.errors import OutputError

SPOOL_BLOCK_FRAMES = 65_536
BYTES_PER_SAMPLE = 4


class FileSpool:
    """Blocks written one after another as raw interleaved float32, and read back on one grid."""

    def __init__(self, path: Path, channels: int) -> None:
        self.path = path
        self._channels = channels
        self._file = path.open("xb")

    def write(self, block: Audio) -> None:
        try:
            self._file.write(block.T.tobytes())
        except OSError as problem:
            raise OutputError(
                f"{self.path.parent}: no room for the space that passes need between them ({problem.strerror}); "
                "free some space or choose an output folder on another disk"
            ) from problem

    def __iter__(self) -> Iterator[Audio]:
        self._file.flush()
        with self.path.open("rb") as reader:
            while data := reader.read(SPOOL_BLOCK_FRAMES * self._channels * BYTES_PER_SAMPLE):
                yield np.ascontiguousarray(np.frombuffer(data, dtype=np.float32).reshape(-1, self._channels).T)

    def discard(self) -> None:
        """Close and delete the file."""
        with contextlib.suppress(OSError):  # a full disk may refuse the last flush: the data is thrown away anyway
            self._file.close()
        self.path.unlink(missing_ok=True)


class SpoolFolder:
    """Makes the spools of one job, named after its output, and deletes them all at the end."""

    def __init__(self, staged_path: Path, channels: int) -> None:
        self._staged_path = staged_path
        self._channels = channels
        self._numbers = count(1)
        self._spools: list[FileSpool] = []

    def new_spool(self) -> FileSpool:
        path = self._staged_path.with_name(f"{self._staged_path.name}.{next(self._numbers)}")
        path.unlink(missing_ok=True)  # left behind by a job that was killed
        spool = FileSpool(path, self._channels)
        self._spools.append(spool)
        return spool

    def __enter__(self) -> "SpoolFolder":
        return self

    def __exit__(self, *failure: object) -> None:
        for spool in self._spools:
            spool.discard()


def spool_bytes(frames: int, channels: int) -> int:
    """The most that the spools of one job take at a time: one is read while the next is written."""
    return 2 * frames * channels * BYTES_PER_SAMPLE
