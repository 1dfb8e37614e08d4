"""A worker: a process of its own that restores one bounce at a time, and what it and the service say to each other.

What always holds: a worker ends when the service does, however that ends; a polite stop breaks off the bounce that it
works on and leaves nothing half-written; audio libraries are loaded here and never in the service.
"""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.claims import Claims
from rebounce.watchers.layout import Layout
from rebounce.watchers.processes import this_process
from rebounce.watchers.settings import WatchFolder

if TYPE_CHECKING:
    from rebounce.watchers.ledger import Ledger
    from rebounce.watchers.prepared import Prepared, Presets
    from rebounce.watchers.repair import Outcome

BEAT_S = 10.0
PROGRESS_S = 0.25
LEDGER_PROGRESS_S = 1.0
CLAIMED_WAIT_S = 5.0
CLAIMED = "another machine works on it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """Say what the preset of a folder is: whether it can be used, and what it needs."""

    folder: WatchFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Work on a bounce that is running in the ledger under this worker's name."""

    folder: WatchFolder
    layout: Layout
    id: int
    uses_claims: bool
    uses_gpu: bool
    stale_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """The answer to `Describe`; `error` says why a preset cannot be used."""

    preset_hash: str = ""
    uses_gpu: bool = False
    message: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """So much of a bounce is done."""

    ledger: Path
    id: int
    fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """What became of a bounce; `uses_gpu` is what its preset does, None where the work did not come so far."""

    id: int
    state: str
    reason: str | None
    record: dict[str, Any] | None
    preset: str = ""
    uses_gpu: bool | None = None


@dataclass(slots=True)
class _Interruption:
    """Whether a stop would break something off, and whether it did."""

    is_working: bool = False
    is_asked: bool = False


def work(connection: Connection, processes: int, setup: Callable[[], None] | None) -> None:
    """The life of a worker: orders come through the connection, answers go back, until there is nobody there."""
    interruption = _listen_to_stops()
    _end_with_parent()
    if setup:
        setup()
    from rebounce.engine.onnx_runtime import share_cores
    from rebounce.watchers.prepared import Presets

    share_cores(processes)
    desk = _Desk(connection, Presets())
    while not interruption.is_asked:
        try:
            order = connection.recv()
        except (EOFError, OSError):
            return
        is_question = isinstance(order, Describe)
        connection.send(_described(desk.presets, order) if is_question else _worked(desk, order, interruption))


class _Desk:
    """What a worker keeps from order to order: its chains, which one it used last, and what it has seen of other
    machines' claims."""

    def __init__(self, connection: Connection, presets: "Presets") -> None:
        self.connection = connection
        self.presets = presets
        self.used: tuple[str, bool | None] = ("", None)
        self._claims: dict[Path, Claims] = {}

    def claims(self, order: Restore) -> Claims:
        folder = order.layout.claims
        if folder not in self._claims:
            self._claims[folder] = Claims(folder, this_process(), stale_s=order.stale_s)
        return self._claims[folder]


def _listen_to_stops() -> _Interruption:
    interruption = _Interruption()

    def stop(number: int, frame: FrameType | None) -> None:
        is_first = not interruption.is_asked
        interruption.is_asked = True
        if is_first and interruption.is_working:
            raise KeyboardInterrupt
        if is_first:
            os._exit(0)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; it is the service's
    signal.signal(signal.SIGTERM, stop)
    return interruption


def _end_with_parent() -> None:
    import multiprocessing

    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _described(presets: "Presets", order: Describe) -> Described:
    from rebounce.engine.errors import RebounceError

    try:
        found = presets.get(order.folder)
    except (RebounceError, OSError) as problem:
        return Described(error=str(problem))
    return Described(preset_hash=found.preset_hash, uses_gpu=found.uses_gpu, message=found.message)


def _worked(desk: "_Desk", order: Restore, interruption: _Interruption) -> Worked:
    from rebounce.engine.errors import RebounceError

    desk.used = ("", None)
    try:
        outcome = _outcome(desk, order, interruption)
    except RebounceError as problem:  # the ledger is gone, which the service sees for itself
        return Worked(id=order.id, state=State.QUEUED, reason=str(problem), record=None)
    preset, uses_gpu = desk.used
    told = Worked(id=order.id, state=outcome.state, reason=outcome.reason, record=outcome.record)
    return replace(told, preset=preset, uses_gpu=uses_gpu)


def _outcome(desk: "_Desk", order: Restore, interruption: _Interruption) -> "Outcome":
    from rebounce.engine.errors import RebounceError
    from rebounce.watchers.failure_kinds import wait_s
    from rebounce.watchers.ledger import Ledger
    from rebounce.watchers.repair import Outcome

    with Ledger(order.layout.ledger, creates=False) as ledger:
        try:
            interruption.is_working = True
            with _beating(order):
                outcome = _claimed(desk, order, ledger)
        except KeyboardInterrupt:
            with suppress(RebounceError):
                ledger.park(order.id, "the service was stopped before it was worked on")
            outcome = Outcome(state=State.PARKED, reason="stopped")
        except Exception as problem:  # not even the failure could be delivered: the disk or share is in trouble
            # The service writes it down when the ledger can be written again.
            with suppress(RebounceError):
                bounce = ledger.bounce(order.id)
                ledger.again(order.id, str(problem), wait_s=wait_s(bounce.tries if bounce else 0), is_try=True)
            outcome = Outcome(state=State.QUEUED, reason=str(problem))
        finally:
            interruption.is_working = False
    return outcome


@contextmanager
def _beating(order: Restore) -> Iterator[None]:
    """Show in the ledger that this process lives, for those that cannot ask for it."""
    from rebounce.engine.errors import RebounceError
    from rebounce.watchers.ledger import Ledger

    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_S):
            with suppress(sqlite3.Error, RebounceError), Ledger(order.layout.ledger, creates=False) as ledger:
                ledger.beat(order.id)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _claimed(desk: "_Desk", order: Restore, ledger: "Ledger") -> "Outcome":
    from rebounce.watchers.repair import LOST, Bench, Outcome, work_on

    bounce = ledger.bounce(order.id)
    if bounce is None:
        return Outcome(state=LOST, reason="the ledger knows nothing of it any more")
    path = bounce.path
    with desk.claims(order).held(path) if order.uses_claims else nullcontext(True) as is_ours:
        if not is_ours:
            ledger.again(order.id, CLAIMED, wait_s=min(CLAIMED_WAIT_S, order.stale_s / 2))
            return Outcome(state=State.QUEUED, reason=CLAIMED)
        teller = _Teller(order.id, ledger, desk.connection)
        bench = Bench(
            folder=order.folder,
            layout=order.layout,
            ledger=ledger,
            on_progress=teller.tell,
            is_ours=lambda: _is_owner(ledger, order.id) and (not order.uses_claims or desk.claims(order).is_held(path)),
        )

        def prepare(bounce: Bounce) -> "Prepared":
            found = desk.presets.get(order.folder, bounce.preset)
            desk.used = (bounce.preset or order.folder.preset, found.uses_gpu)
            return found

        return work_on(bench, order.id, prepare)


def _is_owner(ledger: "Ledger", id: int) -> bool:
    """False when the bounce was taken from this process, which was thought to be gone."""
    bounce = ledger.bounce(id)
    return bounce is not None and bounce.owner == this_process()


class _Teller:
    """Tells the service, and now and then the ledger, how far the work is."""

    def __init__(self, id: int, ledger: "Ledger", connection: Connection) -> None:
        self._id = id
        self._ledger = ledger
        self._connection = connection
        self._told_s = time.monotonic()
        self._written_s = self._told_s

    def tell(self, fraction: float) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= PROGRESS_S:
            self._told_s = now_s
            self._connection.send(Progressed(ledger=self._ledger.path, id=self._id, fraction=fraction))
        if now_s - self._written_s >= LEDGER_PROGRESS_S:
            self._written_s = now_s
            self._ledger.progress(self._id, fraction)
