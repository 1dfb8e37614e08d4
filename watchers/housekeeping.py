"""What is forgotten and removed in time: old rows of the ledger, and originals that were to be kept for some days only.

What always holds: an original is removed only where the user asked for it, only from Done/, and only while it is what
was put there; a service that sees the clock of the day jump removes nothing until its next start.
"""

import os
import time
from collections.abc import Callable

from rebounce.watchers.bounce import Bounce, stamp_of
from rebounce.watchers.journal import Journal
from rebounce.watchers.layout import Layout
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.settings import WatchFolder
from rebounce.watchers.steps import step

EVERY_S = 3600.0
CLOCK_JUMP_S = 600.0
DAY_S = 86_400.0
# So that what is known of years is never in memory at once.
PORTION = 200

Clocks = Callable[[], tuple[float, float]]
"""The time of day, and a clock that only counts."""


def system_clocks() -> tuple[float, float]:
    """Those of the system; the second one goes on while a machine sleeps, where there is such a clock."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time(), time.monotonic()


class Housekeeping:
    """That of one folder; `tick` is called now and then, and works once an hour."""

    def __init__(
        self, folder: WatchFolder, layout: Layout, journal: Journal, ledger_days: float, clocks: Clocks = system_clocks
    ) -> None:
        self._folder = folder
        self._layout = layout
        self._journal = journal
        self._ledger_days = ledger_days
        self._clocks = clocks
        self._looked_s = clocks()
        self._has_jumped = False

    def tick(self, ledger: Ledger) -> None:
        """Remove what is due, when an hour has passed."""
        now_s = self._clocks()
        day_s, counted_s = (now - then for now, then in zip(now_s, self._looked_s, strict=True))
        if counted_s < EVERY_S:
            return
        self._looked_s = now_s
        if abs(day_s - counted_s) > CLOCK_JUMP_S and not self._has_jumped:
            self._has_jumped = True
            sentence = "the clock has jumped; nothing old is removed until the next start"
            self._journal.event("clock", f"{self._layout.root}: {sentence}", "warning")
        if not self._has_jumped:
            self._clear(ledger, now_s[0])

    def at_the_end(self, ledger: Ledger) -> None:
        """For a run that ends when all is done, and so sees no hour pass."""
        self._clear(ledger, self._clocks()[0])

    def _clear(self, ledger: Ledger, now_s: float) -> None:
        if self._folder.keep_done_days is not None:
            before = now_s - self._folder.keep_done_days * DAY_S
            while old := ledger.done_before(before, PORTION):
                for bounce in old:
                    self._remove_original(bounce)
                ledger.removed(bounce.id for bounce in old)
        gone = [path for path in ledger.kept() if not os.path.lexists(self._layout.at(path))]
        ledger.prune(now_s - self._ledger_days * DAY_S, gone)

    @step("housekeeping.remove")
    def _remove_original(self, bounce: Bounce) -> None:
        place = self._layout.at(bounce.source)
        if bounce.source.partition("/")[0] != self._layout.done or not place.is_file():
            return
        if stamp_of(place.stat()) == bounce.stamp:
            place.unlink()
            days = f"{self._folder.keep_done_days:g}"
            self._journal.event("removed", f"{bounce.source}: removed after {days} days", path=bounce.source)
