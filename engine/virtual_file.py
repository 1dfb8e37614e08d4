"""Files as libsndfile sees them: a window on the samples of a file, and a sink that passes on what it is given.

libsndfile calls back into Python to read and write, and an exception raised in there is printed and lost. What always
holds: errors are kept and raised again after the call, and signals wait until it is over.
"""

import os
from typing import BinaryIO


class Guarded:
    """Keeps the first error of a callback, for `raise_problem` after the call."""

    def __init__(self) -> None:
        self._problem: BaseException | None = None

    def keep_problem(self, problem: BaseException) -> None:
        self._problem = self._problem or problem

    def raise_problem(self) -> None:
        if self._problem is not None:
            raise self._problem


class Window(Guarded):
    """`size` bytes of an open file from `offset` on, as a file of their own that can only be read.

    `prefix` comes before them, as if it were in the file too.
    """

    def __init__(self, file: BinaryIO, offset: int, size: int, prefix: bytes = b"") -> None:
        super().__init__()
        self._file = file
        self._offset = offset
        self._prefix = prefix
        self._size = size + len(prefix)
        self._position = 0
        self.seek(0)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        self._file.seek(self._offset + max(0, self._position - len(self._prefix)))
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        try:
            read = self._read_into(memoryview(buffer).cast("B"))
        except BaseException as problem:  # raised again by raise_problem
            self.keep_problem(problem)
            return 0
        self._position += read
        return read

    def _read_into(self, buffer: memoryview) -> int:
        from_prefix = self._prefix[self._position : self._position + len(buffer)]
        if from_prefix:
            buffer[: len(from_prefix)] = from_prefix
            return len(from_prefix)
        read: int = self._file.readinto(buffer[: max(0, self._size - self._position)])  # type: ignore[attr-defined]
        return read


class Outlet(Guarded):
    """Passes on what is written to the end of an open file; what was written cannot be gone back to."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except BaseException as problem:  # raised again by raise_problem
            self.keep_problem(problem)
            return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return 0

    def tell(self) -> int:
        return 0

    def read(self, count: int = -1) -> bytes:
        return b""
