"""When a file is finished: one `Settling` for each file that was seen, asked again and again until it is decided.

What always holds: a file is finished only when its size and time were seen still for `settle_s` by the given clock,
its own sizes agree with its length, and nobody has it open for writing. What the file's time says of now does not
count, only whether it changes. Nobody is asked for more than a `stat` until the file is still, and then no more often
than every `settle_s`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from rebounce.watchers.finished import Completeness, Finding

LEAST_INTERVAL_S = 0.05
# So many looks within the time that a file must be still: a change is noticed soon, and the wait grows by little.
LOOKS_A_SETTLE = 4
# A file without a size of its own must be still for so many times as long.
WITHOUT_SIZE_FACTOR = 3
# An empty file is looked at more rarely once it has been empty for the time that others are given up after.
EMPTY_LOOKS_A_GIVE_UP = 4


class State(Enum):
    """What has been decided about a file."""

    WAITING = "waiting"
    FINISHED = "finished"
    GIVEN_UP = "given up"
    NOT_AUDIO = "not audio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be done with a file now.

    WAITING: look again at `next_look_s`, a moment on the clock that the looks were given, or when something is heard
    of the file. FINISHED: work can begin. GIVEN_UP: it has been still for `give_up_s` and never became finished, for
    `reason`; whether that can be repaired the engine knows. NOT_AUDIO: likewise, and its content is no audio at all.
    """

    state: State
    reason: str = ""
    next_look_s: float = math.inf


class Settling:
    """One file on its way from the first sight of it to a verdict. Not shared between threads."""

    __slots__ = ("_asked_s", "_give_up_s", "_reason", "_seen", "_settle_s", "_since_s")

    def __init__(self, settle_s: float, give_up_s: float) -> None:
        self._settle_s = settle_s
        self._give_up_s = max(give_up_s, settle_s)
        self._seen: tuple[int, int] | None = None
        self._since_s = 0.0
        self._asked_s = -math.inf
        self._reason = ""

    def look(
        self,
        size: int,
        mtime_ns: int,
        now_s: float,
        examine: Callable[[], Finding],
        has_writer: Callable[[], bool],
    ) -> Verdict:
        """Judge the file as it is now; a file that is gone is for the caller to tell: FileNotFoundError comes out."""
        if self._seen != (size, mtime_ns):
            self._reason = "its size or time has just changed" if self._seen else "it has just been seen"
            self._seen, self._since_s, self._asked_s = (size, mtime_ns), now_s, -math.inf
        if size == 0:
            return self._waiting(now_s + self._empty_interval_s(now_s), "it is empty")
        if now_s < self._since_s + self._settle_s:
            return self._waiting(min(now_s + self._poll_s, self._since_s + self._settle_s), self._reason)
        if now_s < self._asked_s + self._ask_interval_s:
            return self._waiting(self._asked_s + self._ask_interval_s, self._reason)
        self._asked_s = now_s
        return self._decide(now_s, _find(examine, has_writer))

    def _decide(self, now_s: float, finding: Finding) -> Verdict:
        kind = finding.completeness
        if kind in (Completeness.COMPLETE, Completeness.NO_OWN_SIZE):
            factor = WITHOUT_SIZE_FACTOR if kind is Completeness.NO_OWN_SIZE else 1
            if now_s >= self._since_s + factor * self._settle_s:
                return Verdict(state=State.FINISHED)
        elif now_s >= self._since_s + self._give_up_s:
            state = State.NOT_AUDIO if kind is Completeness.NOT_AUDIO else State.GIVEN_UP
            return Verdict(state=state, reason=finding.reason)
        return self._waiting(now_s + self._ask_interval_s, finding.reason)

    def _waiting(self, next_look_s: float, reason: str) -> Verdict:
        self._reason = reason
        return Verdict(state=State.WAITING, reason=reason, next_look_s=next_look_s)

    @property
    def _poll_s(self) -> float:
        return max(self._settle_s / LOOKS_A_SETTLE, LEAST_INTERVAL_S)

    @property
    def _ask_interval_s(self) -> float:
        return max(self._settle_s, LEAST_INTERVAL_S)

    def _empty_interval_s(self, now_s: float) -> float:
        is_old = now_s >= self._since_s + self._give_up_s
        return max(self._ask_interval_s, self._give_up_s / EMPTY_LOOKS_A_GIVE_UP if is_old else 0.0)


def _find(examine: Callable[[], Finding], has_writer: Callable[[], bool]) -> Finding:
    """What a file says of itself, unless somebody writes it; what cannot be read now is not complete yet."""
    try:
        if has_writer():
            return Finding(completeness=Completeness.INCOMPLETE, reason="a program still has it open for writing")
        return examine()
    except FileNotFoundError:
        raise
    except OSError as problem:
        reason = f"it cannot be read ({problem.strerror or problem})"
        return Finding(completeness=Completeness.INCOMPLETE, reason=reason)
