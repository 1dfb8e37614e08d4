"""Many tasks in several processes, where no bad task, and no crash, stops the rest.

What always holds: results come in the order of the tasks; a process that dies takes no other task with it; Ctrl-C is
the parent's to pass on, each process removes its own partial files before it ends, and none outlives the parent.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from types import FrameType
from typing import Any, Generic, TypeVar

from rebounce.engine.deferred_signals import ctrl_c_blocked, signals_wait
from rebounce.engine.errors import RebounceError

T = TypeVar("T")
R = TypeVar("R")

DIED = "the process that worked on it died, twice; a plugin may have crashed, or the memory did not suffice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A task that came to nothing, and why, in one sentence."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Crew(Generic[T, R]):
    """What is done (a function of a module, so that it can travel), by how many, and how each gets ready."""

    work: Callable[[T], R]
    processes: int
    setup: Callable[[], None] | None


def run_tasks(
    work: Callable[[T], R], tasks: Sequence[T], processes: int, setup: Callable[[], None] | None = None
) -> Generator[tuple[T, R | Failure], None, None]:
    """Every task with its result, in the order of the tasks; with one process, or one task, in this very process."""
    if processes > 1 and len(tasks) > 1:
        yield from _in_processes(_Crew(work=work, processes=min(processes, len(tasks)), setup=setup), tasks)
        return
    if setup and tasks:
        setup()
    for task in tasks:
        yield task, _attempt(work, task)


def _attempt(work: Callable[[T], R], task: T) -> R | Failure:
    try:
        return work(task)
    except RebounceError as problem:
        return Failure(message=str(problem))
    except Exception as problem:  # whatever one task meets must not take the others with it
        return Failure(message=f"{type(problem).__name__}: {problem}")


_Box = tuple[Any]
"""A result that is there; None stands for one that is not, since a result may be None itself."""


def _in_processes(crew: _Crew[T, R], tasks: Sequence[T]) -> Generator[tuple[T, R | Failure], None, None]:
    """Start afresh after each crash: what was done stays done, and the task it may have come from runs alone next."""
    waiting: list[tuple[T, _Box | None]] = [(task, None) for task in tasks]
    while waiting:
        results = yield from _until_a_crash(crew, waiting)
        waiting = [(task, result) for (task, _), result in zip(waiting, results, strict=True)][_settled(results) :]
        if waiting:
            task = waiting.pop(0)[0]
            yield task, _alone(crew, task)


def _settled(results: Sequence[_Box | None]) -> int:
    """How many results there are before the first that is missing."""
    return next((index for index, result in enumerate(results) if result is None), len(results))


def _until_a_crash(
    crew: _Crew[T, R], waiting: Sequence[tuple[T, _Box | None]]
) -> Generator[tuple[T, R | Failure], None, list[_Box | None]]:
    """Yield results in order until one is missing because a process died; return those there are in the end.

    All processes of this round are gone by then, so nobody else writes what is tried again.
    """
    results = [result for _, result in waiting]
    with _pool(crew) as pool:
        try:
            futures = [None if result else _submit(pool, task) for task, result in waiting]
            for index, future in enumerate(futures):
                results[index] = result = results[index] or _result(future)
                if result is None:
                    break
                yield waiting[index][0], result[0]
        except (KeyboardInterrupt, GeneratorExit):
            _stop(pool)
            raise
    return [result or _result(future) for result, future in zip(results, futures, strict=True)]


def _submit(pool: ProcessPoolExecutor, task: Any) -> "Future[_Box] | None":
    """The task on its way, or None when a process of the pool died already."""
    # Stops wait until a process that is being started has been told what it is for.
    with contextlib.suppress(BrokenProcessPool), signals_wait(), ctrl_c_blocked():
        return pool.submit(_work, task)
    return None


def _result(future: "Future[_Box] | None") -> _Box | None:
    with contextlib.suppress(BrokenProcessPool):
        return future.result() if future else None
    return None


def _alone(crew: _Crew[T, Any], task: T) -> Any:
    """The result of the first task without one when a process died: tried alone, to learn whose fault it was."""
    with _pool(_Crew(work=crew.work, processes=1, setup=crew.setup)) as pool:
        try:
            box = _result(_submit(pool, task))
        except KeyboardInterrupt:
            _stop(pool)
            raise
    return box[0] if box else Failure(message=DIED)


def _pool(crew: _Crew[T, R]) -> ProcessPoolExecutor:
    # Spawned, not forked: audio libraries keep threads, and a forked copy of a locked lock never opens.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(crew.processes, mp_context=context, initializer=_begin, initargs=(crew.work, crew.setup))


def _stop(pool: ProcessPoolExecutor) -> None:
    """Interrupt the tasks that run, let none start any more, and wait until each has removed its own partial file."""
    if os.name != "nt":  # where that would end them on the spot, and where they hear Ctrl-C themselves
        for child in multiprocessing.active_children():
            child.terminate()
    pool.shutdown(wait=True, cancel_futures=True)


@dataclass(slots=True)
class _Worker:
    """What a process keeps from task to task."""

    work: Callable[[Any], Any]
    is_working: bool = False
    is_interrupted: bool = False


_worker: _Worker | None = None


def _begin(work: Callable[[Any], Any], setup: Callable[[], None] | None) -> None:
    """Set a process up once, and have it end with the parent, even one that was killed."""
    global _worker  # noqa: PLW0603 - the one place that a pool offers to what outlives a task
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    signal.signal(signal.SIGINT, _interrupt if os.name == "nt" else signal.SIG_IGN)
    if setup:
        setup()
    _worker = _Worker(work=work)
    signal.signal(signal.SIGTERM, _interrupt)


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Break off the task that runs, once: a second signal must not disturb the cleaning up."""
    if _worker is None:
        return
    is_first = not _worker.is_interrupted
    _worker.is_interrupted = True
    if is_first and _worker.is_working:
        raise KeyboardInterrupt


def _work(task: Any) -> _Box:
    assert _worker is not None
    try:
        _worker.is_working = True
        if _worker.is_interrupted:
            return (Failure(message="interrupted before it began"),)
        return (_attempt(_worker.work, task),)
    except KeyboardInterrupt:
        return (Failure(message="interrupted"),)
    finally:
        _worker.is_working = False
