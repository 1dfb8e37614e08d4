"""Whether two files hold the same bytes."""

from itertools import zip_longest
from pathlib import Path

PIECE_BYTES = 1 << 20


def has_same_bytes(one: Path, other: Path) -> bool:
    """Compare piece by piece; a folder or a link to nothing is equal to no file."""
    if not one.is_file() or not other.is_file() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        pieces = zip_longest(iter(lambda: left.read(PIECE_BYTES), b""), iter(lambda: right.read(PIECE_BYTES), b""))
        return all(first == second for first, second in pieces)
