"""One watched folder while a service runs: its observer, its arrivals, its ledger, and whether work may go on in it."""

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rebounce.engine.errors import OutputError, RebounceError
from rebounce.watchers.arrivals import Arrivals, is_there
from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.claims import Claims
from rebounce.watchers.errands import Errands
from rebounce.watchers.failing import DIED, fail
from rebounce.watchers.housekeeping import Housekeeping
from rebounce.watchers.journal import SMALL, Journal
from rebounce.watchers.layout import Layout
from rebounce.watchers.leases import STALE_S, Leases
from rebounce.watchers.ledger import open_ledger
from rebounce.watchers.observer import Observer
from rebounce.watchers.pauses import Pauses
from rebounce.watchers.presence import Presence
from rebounce.watchers.processes import Owner, is_alive, is_here, this_process
from rebounce.watchers.settings import WatchFolder
from rebounce.watchers.sweep import is_anybody_working, sweep
from rebounce.watchers.worker import CLAIMED

CHECK_S = 1.0
LEAST_CHECK_S = 0.1
NEXT_AT_ONCE = 64
MOST_CRASHES = 2
SECOND_LOOK_S = 2.0
ATTEND_S = 60.0
# Trouble that lasts is said again after so long.
SAID_AGAIN_S = 600.0
# How much room there is changes with every look, and each word to the ledger is one more on the disk that has none.
TOLD_AGAIN_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a folder is watched. `uses_claims` where other machines work in it, `polls` where nothing tells of changes;
    `wake` has the service look at once, and `is_stopping` says that it is to end."""

    uses_claims: bool
    polls: bool
    wake: Callable[[], None]
    is_stopping: Callable[[], bool] = lambda: False
    ledger_days: float = 365.0
    stale_s: float = STALE_S


class WatchedFolder:
    """See above; everything but `hear` is called by the service's own thread."""

    def __init__(self, folder: WatchFolder, layout: Layout, journal: Journal, manner: Manner) -> None:
        self.folder = folder
        self.layout = layout
        self.journal = journal
        self.uses_claims = manner.uses_claims
        self._polls = manner.polls
        self._wake = manner.wake
        self._is_stopping = manner.is_stopping
        self._housekeeping = Housekeeping(folder, layout, journal, manner.ledger_days)
        self._heard: set[str] = set()
        self._heard_lock = threading.Lock()
        self._next: list[Bounce] = []
        self._running: set[int] = set()
        self._stranded: dict[int, str] = {}
        self._trouble: tuple[str, float] | None = None
        self._told_waits: tuple[str | None, str | None] = (None, None)
        self._told_until_s = 0.0
        self._rescan_at_s = 0.0
        self._attend_at_s = time.monotonic() + ATTEND_S
        self._check_at_s = 0.0
        self._wait_until_s = 0.0
        self._stale_s = manner.stale_s
        self._claims = Claims(layout.claims, this_process(), stale_s=manner.stale_s)
        self.is_away = False
        self.is_leaving = False  # its settings were changed: what runs is finished, and nothing begun
        self._open()

    def _open(self) -> None:
        check_writable(self.layout.root)
        self.presence = Presence(self.layout)
        self.ledger, message = open_ledger(self.layout.ledger)
        if message:
            self.journal.event("ledger", message, "warning")
        try:
            self._recover()
        except BaseException:
            self.ledger.close()
            raise
        self.pauses = Pauses(self.folder, self.layout)
        self.arrivals = Arrivals(
            self.folder,
            self.layout,
            self.ledger,
            self.journal,
            is_here=self.presence.is_same,
            is_stopping=self._is_stopping,
        )
        self.errands = Errands(self.folder, self.layout, self.ledger, self.journal)
        self._observer = Observer(self.layout.root, self.layout.is_reserved, self.hear)

    def start(self) -> None:
        """Begin to watch."""
        self.ledger.serve(this_process(), self.folder.preset)
        self._told_waits = (None, None)
        self._observe()
        self.scan()
        self._look_again_soon()
        self.journal.event("watching", f"{self.layout.root}: watching, with preset {self.folder.preset}")

    def keep_house(self) -> None:
        """Forget and remove what is due: at the end of a run that does not last."""
        if not self.is_away:
            self._housekeeping.at_the_end(self.ledger)

    def close(self) -> None:
        """Watch no more."""
        self.journal.event("stopped", f"{self.layout.root}: watched no more")
        self._observer.stop()
        with contextlib.suppress(RebounceError):  # a ledger that is gone knows nothing of us
            self.ledger.leave(this_process())
        self.ledger.close()
        self.journal.close()

    def hear(self, path: str) -> None:
        """Something happened at this path; told from another thread."""
        with self._heard_lock:
            self._heard.add(path)
        self._wake()

    # -- time passes

    def tick(self) -> None:
        """Do what is due."""
        now_s = time.monotonic()
        if now_s >= self._check_at_s:
            self._check_at_s = now_s + CHECK_S
            self._checked()
        if self.is_away:
            return
        with self._heard_lock:
            heard, self._heard = self._heard, set()
        try:
            if heard and self.arrivals.notice(sorted(heard), now_s):
                self._look_again_soon()
            if now_s >= self._rescan_at_s:
                self.scan()
            self.arrivals.look(time.monotonic())
            self.errands.tick()
        except (RebounceError, OSError) as problem:
            self.in_trouble(problem)

    def due_s(self) -> float:
        """When `tick` is to be called again at the latest."""
        look_s = None if self.is_away else self.arrivals.next_look_s
        rescan_s = self._check_at_s if self.is_away else self._rescan_at_s
        return min(self._check_at_s, rescan_s, *([] if look_s is None else [look_s]))

    def scan(self) -> None:
        """Look through the whole folder."""
        now_s = time.monotonic()
        self._rescan_at_s = now_s + (self.folder.poll_s if self._polls else self.folder.rescan_s)
        self.arrivals.scan(now_s)

    def _look_again_soon(self) -> None:
        """After a start, and after a new folder: what came before the system began to tell of it was not heard."""
        self._rescan_at_s = min(self._rescan_at_s, time.monotonic() + SECOND_LOOK_S)

    # -- work

    def next_bounce(self, can_begin: Callable[[Bounce], bool] = lambda bounce: True) -> Bounce | None:
        """The bounce whose turn it is, taken by nobody yet; None where there is none, or work has to wait.

        One that cannot begin now keeps its place, and lets those behind it pass.
        """
        if self.is_leaving or self.is_away or self.pauses.reason is not None or time.monotonic() < self._wait_until_s:
            return None
        if not self._next:
            self._next.extend(self.ledger.next_due(NEXT_AT_ONCE))
        bounce = next(filter(can_begin, self._next), None)
        if bounce is not None:
            self._next.remove(bounce)
        return bounce

    def has_work(self) -> bool:
        """True while something is due, or in hands of which nobody knows yet whether they are alive."""
        if self.ledger.next_due() or any(bounce.reason == CLAIMED for bounce in self.ledger.in_state(State.QUEUED)):
            return True
        running = self.ledger.in_state(State.RUNNING)
        return any(bounce.owner is not None and not is_here(bounce.owner) for bounce in running)

    def started(self, bounce: Bounce) -> None:
        """Work on it has begun."""
        self._running.add(bounce.id)
        if bounce.source == bounce.path:
            self.arrivals.started(bounce.path)
        self.journal.event("started", f"{bounce.path}: started", SMALL, path=bounce.path, id=bounce.id)

    def ended(self, id: int, path: str, reason: str | None) -> Bounce | None:
        """Work on it has ended; returns the ledger's row, None where there is none any more."""
        self._running.discard(id)
        self._stranded[id] = path  # unless its row says otherwise, if it can be read
        bounce = self.ledger.bounce(id)
        if bounce is None or bounce.state is not State.RUNNING:
            del self._stranded[id]
        self.arrivals.ended(path, bounce, time.monotonic())
        self.errands.expect()
        if bounce is not None and bounce.state is State.PARKED:
            self.pauses.stuck(reason or "")  # before it is said: who hears it may make room at once
        state = "gone" if bounce is None else bounce.state.value
        result = None if bounce is None else bounce.result
        level = "error" if state == State.FAILED else "info"
        self.journal.event(state, _sentence(path, state, reason, result), level, path=path, id=id, reason=reason)
        return bounce

    def died(self, id: int, owner: Owner) -> None:
        """The worker died over this bounce: once it is tried again, the second time it fails."""
        try:
            self._mourn(id, owner)
        except (RebounceError, OSError) as problem:
            self.in_trouble(problem)

    def in_trouble(self, problem: Exception) -> None:
        """The disk of the folder, or of its ledger, is full, gone or broken: said now and then, looked at soon."""
        now_s = time.monotonic()
        self._check_at_s = min(self._check_at_s, now_s + LEAST_CHECK_S)
        self._rescan_at_s = max(self._rescan_at_s, now_s + CHECK_S)
        self._wait_until_s = now_s + CHECK_S
        sentence = f"{self.layout.root}: {problem}"
        if self._trouble is None or self._trouble[0] != sentence or now_s - self._trouble[1] >= SAID_AGAIN_S:
            self._trouble = (sentence, now_s)
            self.journal.event("trouble", sentence, "warning")

    def _mourn(self, id: int, owner: Owner) -> None:
        bounce = self.ledger.bounce(id)
        if bounce is None or bounce.state is not State.RUNNING or bounce.owner != owner:
            return
        if bounce.crashes + 1 < MOST_CRASHES or bounce.plan is not None:
            self.ledger.again(id, "the process that worked on it died; it is tried once more", is_crash=True)
        else:
            fail(self.layout, self.ledger, self.folder, bounce, DIED)

    def park_running(self, ids: list[int]) -> None:
        """The service ends: what was broken off goes on with the next start."""
        if not ids:
            return
        running = [bounce for id in ids if (bounce := self.ledger.bounce(id)) and bounce.state is State.RUNNING]
        for bounce in running:
            self.ledger.park(bounce.id, "the service was stopped while it was worked on")
        for bounce in self.ledger.in_state(State.PARKED):
            self.journal.event("parked", f"{bounce.path}: goes on with the next start", path=bounce.path, id=bounce.id)
        self.sweep()

    def sweep(self) -> None:
        """Remove what killed runs left behind, when nobody else is at work."""
        if is_anybody_working(self.ledger):
            return
        if self.uses_claims and not self._claims.sweep():
            return
        removed = sweep(self.layout, self.ledger)
        if removed:
            self.journal.event("swept", f"{len(removed)} leftovers of a run that was broken off were removed")

    # -- what may go wrong around us

    def _recover(self) -> None:
        """Take over what processes that are gone had, and what was parked."""
        self._leases = Leases(self._stale_s)
        self._take_over()
        self.ledger.unpark()
        self.sweep()

    def _checked(self) -> None:
        try:
            self._check()
        except (RebounceError, OSError) as problem:
            self.in_trouble(problem)
            self._check_at_s = time.monotonic() + CHECK_S

    def _check(self) -> None:
        """Once a second: is the folder there, is it heard, may work go on, did anybody else change the ledger?"""
        if not self.presence.is_here() or not (self.is_away or self.ledger.is_there()):
            self._go_away()
            return
        if self.is_away and not self._come_back():
            return
        if not self._polls and not self._observer.is_alive():
            self.journal.event("observer", f"{self.layout.root}: the observer ended and is started again", "warning")
            self._observe()
            self.scan()
            self._look_again_soon()
        self._check_pauses()
        self._attend()
        self._free_stranded()
        self._take_over()
        self._housekeeping.tick(self.ledger)

    def _attend(self) -> None:
        """Say now and then that this service is there."""
        now_s = time.monotonic()
        if now_s >= self._attend_at_s:
            self._attend_at_s = now_s + ATTEND_S
            self.ledger.attend(this_process())

    def _free_stranded(self) -> None:
        """Look after what a worker let go of while the ledger could not be used, through no fault of its own."""
        for id, path in list(self._stranded.items()):
            bounce = self.ledger.bounce(id)
            if bounce is not None and bounce.state is State.RUNNING and id not in self._running:
                self.ledger.again(id, "the disk of the ledger was full or gone")
            del self._stranded[id]
            if id not in self._running:
                self.arrivals.ended(path, self.ledger.bounce(id), time.monotonic())

    def _take_over(self) -> None:
        """Queue again what services that are gone had; one that lives takes care of its own."""
        mine = this_process()
        for bounce in self._leases.abandoned(self.ledger.in_state(State.RUNNING)):
            service = bounce.service
            is_theirs = service is not None and service != mine and is_here(service) and is_alive(service)
            if not is_theirs and bounce.id not in self._running:
                self.ledger.again(bounce.id, "the service that worked on it ended")

    def _check_pauses(self) -> None:
        before = self.pauses.kind
        reason = self.pauses.look(datetime.now(), time.monotonic())
        if reason is None and self.ledger.in_state(State.PARKED):
            self.ledger.unpark()  # by a service that was stopped, or for a reason that is gone
        self._tell_waits()
        if self.pauses.kind == before:
            return
        if reason is None:
            self.journal.event("resumed", f"{self.layout.root}: work goes on")
        else:
            self.journal.event("paused", f"{self.layout.root}: work waits: {reason}", "warning", reason=reason)

    def _tell_waits(self) -> None:
        """Let the ledger say why work waits: at once where that is new, now and then where but a number in it moved."""
        kind, reason, now_s = self.pauses.kind, self.pauses.reason, time.monotonic()
        if (kind, reason) == self._told_waits or (kind == self._told_waits[0] and now_s < self._told_until_s):
            return
        with contextlib.suppress(RebounceError):  # on a full disk: it is tried again with the next look
            self.ledger.wait(this_process(), reason)
            self._told_waits, self._told_until_s = (kind, reason), now_s + TOLD_AGAIN_S

    def _observe(self) -> None:
        if self._polls:
            return
        self._observer.stop()
        try:
            self._observer.start()
        except OSError as problem:
            sentence = (
                f"{self.layout.root}: the system cannot tell of changes ({problem.strerror or problem}); the folder is "
                f"looked through every {self.folder.poll_s:g} s instead"
            )
            self.journal.event("observer", sentence, "warning")
            self._polls = True

    def _go_away(self) -> None:
        if not self.is_away:
            self.is_away = True
            self._observer.stop()
            self._next.clear()
            sentence = (
                f"{self.layout.root}: the folder is gone or unmounted; waiting until it is there again (where another "
                "disk took its place for good, restart the service)"
            )
            self.journal.event("away", sentence, "warning")
            self.journal.close()  # it would hold the file system of a share that was unmounted

    def _come_back(self) -> bool:
        """Everything anew, as after a start: what happened meanwhile nobody saw. False where it cannot be used yet."""
        if not is_there(self.layout.root):
            return False
        self.ledger.close()
        try:
            self._open()
            self.start()
        except (RebounceError, OSError) as problem:
            self.ledger.close()
            self.in_trouble(problem)
            return False
        self.is_away = False
        self.journal.event("back", f"{self.layout.root}: the folder is there again")
        return True


def check_writable(root: Path) -> None:
    """An OutputError where nothing can be written, before anything is begun."""
    probe = root / ".rebounce"
    try:
        probe.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=probe):  # without a name where the system can, so that a kill leaves none
            pass
    except OSError as problem:
        raise OutputError(
            f"{root}: the folder cannot be written to ({problem.strerror}), and results, originals and failures go "
            "below it; check its permissions, or whether it is mounted read-only"
        ) from problem


def _sentence(path: str, state: str, reason: str | None, result: str | None) -> str:
    said = {
        State.DONE: f"restored -> {result}",
        State.UNCHANGED: f"nothing to change -> {result}",
        State.FAILED: f"failed: {reason}",
        State.PARKED: f"waits: {reason}",
        State.QUEUED: f"to be tried again: {reason}",
        State.SETTLING: f"{reason}; waiting until it is finished",
    }
    return f"{path}: {said.get(State(state), reason) if state != 'gone' else 'went away'}"
