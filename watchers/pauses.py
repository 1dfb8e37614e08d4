"""Why work in a folder has to wait: outside its hours, for want of room on the disk, or of a preset."""

from collections.abc import Iterator
from datetime import datetime

from rebounce.watchers.file_systems import free_bytes
from rebounce.watchers.layout import Layout
from rebounce.watchers.settings import WatchFolder

HOURS, STUCK, NEARLY_FULL = "hours", "stuck", "nearly full"
"""The kinds of reasons. A sentence changes with every MB that is written; what is new is another kind."""

# After a disk ran full it is tried again when so much more is free; what else a bounce met, after so much time.
GROWN_BYTES = 1 << 20
TRY_AGAIN_S = 30.0


class Pauses:
    """Looked at once a second; `reason`, a sentence, and its `kind` are None while work may go on."""

    def __init__(self, folder: WatchFolder, layout: Layout) -> None:
        self._folder = folder
        self._layout = layout
        self._full_at: int | None = None
        self._full_since_s: float | None = None
        self._full_reason = ""
        self.reason: str | None = None
        self.kind: str | None = None

    def stuck(self, reason: str) -> None:
        """A bounce found the disk full, or could not be begun, and so it would be with the next."""
        self._full_at = self._free()
        self._full_since_s = None
        self._full_reason = reason
        self.kind, self.reason = STUCK, reason

    def look(self, now: datetime, now_s: float) -> str | None:
        """Why work waits now."""
        found = ((kind, reason) for kind, reason in self._looks(now, now_s) if reason)
        self.kind, self.reason = next(found, (None, None))
        return self.reason

    def _looks(self, now: datetime, now_s: float) -> Iterator[tuple[str, str | None]]:
        """One after the other, as the first that finds a reason counts."""
        yield HOURS, self._closed(now)
        yield STUCK, self._full(now_s)
        yield NEARLY_FULL, self._nearly_full()

    def _closed(self, now: datetime) -> str | None:
        schedule = self._folder.schedule
        if schedule is None or schedule.is_open(now):
            return None
        return f"its hours ({schedule}) begin at {schedule.next_opening(now):%a %H:%M}"

    def _full(self, now_s: float) -> str | None:
        if self._full_at is None:
            return None
        if self._full_since_s is None:
            self._full_since_s = now_s
        has_grown = self._free() >= self._full_at + GROWN_BYTES
        if has_grown or now_s - self._full_since_s >= TRY_AGAIN_S:
            self._full_at = None
            return None
        return self._full_reason

    def _nearly_full(self) -> str | None:
        free, spare = self._free(), self._folder.spare_mb * 1e6
        if free >= spare:
            return None
        return (
            f"the disk of {self._layout.restored} is nearly full ({free / 1e6:.0f} MB free, {spare / 1e6:.0f} MB are "
            "kept free); make room, or lower spare_mb"
        )

    def _free(self) -> int:
        try:
            return free_bytes(self._layout.root / self._layout.restored)
        except OSError:
            return 1 << 62  # a share that cannot be asked is not full for that
