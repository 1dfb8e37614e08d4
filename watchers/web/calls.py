"""What the page asks of the service that it belongs to."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from rebounce.watchers.journal import SMALL, Say


def _nothing(*_: object) -> None:
    """For those who do not ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Called from the threads of the page: `wake` when a ledger was given something to do, `healthy` for `/health`."""

    presets: Callable[[], list[str]]
    wake: Callable[[], None] = _nothing
    healthy: Callable[[], bool] = lambda: True
    say: Say = _nothing

    def failed(self, what: str, problem: BaseException) -> None:
        """A fault of ours: said in a line, and in full to those who look closely."""
        last = traceback.extract_tb(problem.__traceback__)[-1:]
        where = "".join(f" ({PurePath(frame.filename).name}, line {frame.lineno})" for frame in last)
        self.say("error", f"{what}: {type(problem).__name__}: {problem}{where}")
        for line in "".join(traceback.format_exception(problem)).splitlines():
            self.say(SMALL, line)
