"""The workers of a service: started when there is work, one kept warm, each in a process of its own.

What always holds: a worker that dies takes nothing with it but the bounce that it worked on, and its end is told; none
is left when the crew is dismissed.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from rebounce.engine.deferred_signals import ctrl_c_blocked
from rebounce.watchers.processes import Owner, process_of
from rebounce.watchers.worker import Describe, Described, Restore, Worked, work

WARM_S = 600.0
SPARE_S = 10.0
# Of the second that a stop may take, the rest of which is for what comes after it on a busy machine: who has not ended
# by then is killed, which does no harm either.
STOP_S = 0.6
ANSWER_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Died:
    """The worker died over this order."""

    order: Restore
    owner: Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The worker has ended this order."""

    order: Restore
    worked: Worked


@dataclass(slots=True, eq=False)
class Worker:
    """One process, and what it is at."""

    process: SpawnProcess
    connection: Connection
    owner: Owner
    order: Describe | Restore | None = None
    idle_since_s: float = field(default_factory=time.monotonic)

    def give(self, order: Describe | Restore) -> None:
        self.order = order
        self.connection.send(order)


class Crew:
    """Up to `processes` workers."""

    def __init__(
        self,
        processes: int,
        setup: Callable[[], None] | None = None,
        warm_s: float = WARM_S,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.processes = processes
        self._setup = setup
        self._warm_s = warm_s
        self._is_stopping = is_stopping
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[Worker] = []

    @property
    def connections(self) -> list[Connection]:
        """What to wait for."""
        return [worker.connection for worker in self._workers]

    @property
    def orders(self) -> list[Restore]:
        """What is being worked on."""
        return [worker.order for worker in self._workers if isinstance(worker.order, Restore)]

    def has_room(self) -> bool:
        """True when one more order can be given."""
        return sum(worker.order is not None for worker in self._workers) < self.processes

    def free(self) -> Worker:
        """A worker without an order, started where there is none."""
        idle = [worker for worker in self._workers if worker.order is None and worker.process.is_alive()]
        return idle[0] if idle else self._start()

    def describe(self, order: Describe) -> Described:
        """Ask a worker, and wait for its answer."""
        worker = self.free()
        try:
            worker.give(order)
            while not worker.connection.poll(ANSWER_S):
                if self._is_stopping():
                    return Described(error="stopped before the preset was loaded")
            answer = worker.connection.recv()
        except (EOFError, OSError):
            self._drop(worker)
            return Described(error="the process that was to load the preset died; a plugin in it may have crashed")
        worker.order = None
        worker.idle_since_s = time.monotonic()
        assert isinstance(answer, Described), answer
        return answer

    def answers(self) -> Iterable[Any]:
        """What the workers have said by now: progress, what became of a bounce, and that one died."""
        found: list[Any] = []
        for worker in list(self._workers):
            try:
                while worker.connection.poll():
                    found.append(self._heard(worker, worker.connection.recv()))
            except (EOFError, OSError):
                self._drop(worker)
                if isinstance(worker.order, Restore):
                    found.append(Died(order=worker.order, owner=worker.owner))
        return found

    def release(self) -> None:
        """Let go of workers without orders: all but one soon, the last after a while."""
        idle = [worker for worker in self._workers if worker.order is None]
        now_s = time.monotonic()
        for number, worker in enumerate(sorted(idle, key=lambda item: -item.idle_since_s)):
            limit_s = self._warm_s if number == 0 and len(idle) == len(self._workers) else SPARE_S
            if now_s - worker.idle_since_s >= limit_s:
                self._end(worker)

    def next_release_s(self) -> float | None:
        """In how many seconds a worker without an order is to be let go."""
        idle = [worker.idle_since_s for worker in self._workers if worker.order is None]
        if not idle:
            return None
        limit_s = self._warm_s if len(self._workers) == 1 else SPARE_S
        return max(0.0, min(idle) + limit_s - time.monotonic())

    def dismiss(self) -> None:
        """Stop everybody, within a second; the ledger knows what was being worked on."""
        for worker in self._workers:
            worker.process.terminate()
        deadline_s = time.monotonic() + STOP_S
        waiting: list[Any] = [worker.process.sentinel for worker in self._workers]
        while waiting and (left_s := deadline_s - time.monotonic()) > 0:
            self._listen()
            ended = wait(waiting, timeout=min(left_s, 0.05))
            waiting = [sentinel for sentinel in waiting if sentinel not in ended]
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
            worker.connection.close()
        self._workers.clear()

    def _listen(self) -> None:
        """Read what is said, so that nobody waits for an ear."""
        for worker in self._workers:
            try:
                while worker.connection.poll():
                    worker.connection.recv()
            except (EOFError, OSError):
                continue

    def _heard(self, worker: Worker, answer: Any) -> Any:
        if not isinstance(answer, Worked):
            return answer
        order, worker.order = worker.order, None
        worker.idle_since_s = time.monotonic()
        assert isinstance(order, Restore), order
        return Ended(order=order, worked=answer)

    def _start(self) -> Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=work, args=(theirs, self.processes, self._setup))
        with ctrl_c_blocked():
            process.start()
        theirs.close()
        assert process.pid is not None
        worker = Worker(process=process, connection=ours, owner=process_of(process.pid))
        self._workers.append(worker)
        return worker

    def _end(self, worker: Worker) -> None:
        worker.connection.close()  # at which it ends by itself
        self._workers.remove(worker)
        worker.process.join(STOP_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()

    def _drop(self, worker: Worker) -> None:
        """One that died."""
        self._workers.remove(worker)
        worker.connection.close()
        worker.process.join(STOP_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
