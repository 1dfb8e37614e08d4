"""Numbers that a meter keeps of a whole file.

What always holds: they lie in one piece of memory, so that a file of hours takes what its numbers take. Kept as one
array a block, they would hold on to the gaps that the audio between them leaves.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Kept:
    """Rows `(rows, width)` of one kind of number, or numbers `(rows,)` where there is no width."""

    def __init__(self, dtype: DTypeLike, width: int | None = None) -> None:
        self._dtype = np.dtype(dtype)
        self._shape = (-1,) if width is None else (-1, width)
        self._bytes = bytearray()

    def add(self, rows: NDArray[Any]) -> None:
        """Put more at the end, in the kind that is kept."""
        self._bytes += rows.astype(self._dtype).tobytes()

    def rows(self) -> NDArray[Any]:
        """All of them; nothing can be added while they are in use."""
        return np.frombuffer(self._bytes, dtype=self._dtype).reshape(self._shape)
