"""Whether the folder at a path is still the one that is watched: a share may be gone, and an empty folder be there.

What always holds: while the watched folder is away nothing is written to whatever lies in its place.
"""

import os
import uuid

from rebounce.watchers.layout import Layout


class Presence:
    """Knows a watched folder by its place on the disk, and by a mark in it where that has changed."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._mark = self._make_mark()
        self._place = self._look()

    def is_here(self) -> bool:
        """True when the folder is the one that it was; a remounted one is recognised by its mark.

        One that was removed and made again, and another that was watched before (the disk, where the service was
        started before that was mounted), counts as gone once, so that all is opened anew, and is here from then on.
        """
        place = self._look()
        if place is None:
            return False
        mark = self._read_mark()
        if mark == self._mark:
            self._place = place
            return True
        if mark is not None or (self._place is not None and place[0] == self._place[0]):
            self._mark, self._place = self._make_mark(), place
        return False

    def is_same(self) -> bool:
        """True when the folder is the one that it was, as far as a glance tells; nothing is made of it where not."""
        return self._look() is not None and self._read_mark() == self._mark

    def _look(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self._layout.root)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _read_mark(self) -> str | None:
        try:
            return self._layout.mark.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None

    def _make_mark(self) -> str:
        mark = self._read_mark()
        if mark:
            return mark
        mark = uuid.uuid4().hex
        self._layout.private.mkdir(exist_ok=True)
        self._layout.mark.write_text(mark + "\n", encoding="ascii")
        return mark
