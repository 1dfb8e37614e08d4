"""Which running bounces were abandoned: their process is gone, or, where that cannot be asked, its beat stands still.

What always holds: how long a beat stood still is measured by this process's own clock from the moment that it first saw
it, so that a clock that jumps takes nothing from anybody.
"""

import time
from collections.abc import Callable, Iterable

from rebounce.watchers.bounce import Bounce
from rebounce.watchers.processes import is_alive, is_here

# A machine that sleeps, or a share that hangs, must not lose what it has at once.
STALE_S = 90.0


class Leases:
    """What one process has seen of the others' beats."""

    def __init__(self, stale_s: float = STALE_S, now_s: Callable[[], float] = time.monotonic) -> None:
        self._stale_s = stale_s
        self._now_s = now_s
        self._seen: dict[int, tuple[int, float]] = {}

    def abandoned(self, running: Iterable[Bounce]) -> list[Bounce]:
        """Those of the running bounces that nobody works on any more."""
        bounces = list(running)
        self._seen = {bounce.id: self._since(bounce) for bounce in bounces}
        return [bounce for bounce in bounces if self._is_abandoned(bounce)]

    def _since(self, bounce: Bounce) -> tuple[int, float]:
        beat, since_s = self._seen.get(bounce.id, (None, 0.0))
        return (bounce.beat, since_s) if beat == bounce.beat else (bounce.beat, self._now_s())

    def _is_abandoned(self, bounce: Bounce) -> bool:
        if bounce.owner is None:
            return True
        if is_here(bounce.owner) or not is_alive(bounce.owner):
            return not is_alive(bounce.owner)
        # Of another machine, or of a container with a name of its own: its processes cannot be asked.
        return self._now_s() - self._seen[bounce.id][1] >= self._stale_s
