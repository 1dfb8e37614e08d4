"""Many files: one after another or in several processes, where no bad file, and no crash, stops the rest."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from types import FrameType
from typing import Any

from rebounce.engine.board import Board
from rebounce.engine.deferred_signals import signals_wait
from rebounce.engine.job import Job
from rebounce.engine.record import ERROR, Record
from rebounce.engine.restore import Progress, attempt, failed_record

_NO_PROGRESS: Progress = lambda fraction: None  # noqa: E731 - a name for "nothing to tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The jobs of one call. Their chain travels to the processes as a table, since live plugins cannot."""

    jobs: list[Job]
    chain: dict[str, Any]


def run_batch(
    batch: Batch, board: Board, processes: int, on_progress: Callable[[Job, float], None]
) -> Generator[tuple[Job, Record], None, None]:
    """Every job with its record, in the order of the jobs."""
    if processes <= 1 or len(batch.jobs) <= 1:
        for job in batch.jobs:
            yield job, attempt(job, board, lambda fraction, job=job: on_progress(job, fraction))  # type: ignore[misc]
    else:
        for job, record in _in_processes(batch, min(processes, len(batch.jobs))):
            on_progress(job, 1.0)
            yield job, record


def _in_processes(batch: Batch, processes: int) -> Generator[tuple[Job, Record], None, None]:
    """Start afresh after each crash: what was done stays done, and the job it may have come from runs alone next."""
    waiting: list[tuple[Job, Record | None]] = [(job, None) for job in batch.jobs]
    while waiting:
        records = yield from _until_a_crash(batch.chain, processes, waiting)
        waiting = [(job, record) for (job, _), record in zip(waiting, records, strict=True)][_settled(records) :]
        if waiting:
            job = waiting.pop(0)[0]
            yield job, _alone(batch.chain, job)


def _settled(records: list[Record | None]) -> int:
    """How many records there are before the first that is missing."""
    return next((index for index, record in enumerate(records) if record is None), len(records))


def _until_a_crash(
    chain: dict[str, Any], processes: int, waiting: list[tuple[Job, Record | None]]
) -> Generator[tuple[Job, Record], None, list[Record | None]]:
    """Yield records in order until one is missing because a process died; return those there are in the end.

    All processes of this round are gone by then, so nobody else writes what is tried again.
    """
    records = [record for _, record in waiting]
    with _pool(chain, processes) as pool:
        try:
            futures = [None if record else _submit(pool, job) for job, record in waiting]
            for index, future in enumerate(futures):
                records[index] = record = records[index] or _result(future)
                if record is None:
                    break
                yield waiting[index][0], record
        except (KeyboardInterrupt, GeneratorExit):
            _stop(pool)
            raise
    return [record or _result(future) for record, future in zip(records, futures, strict=True)]


def _submit(pool: ProcessPoolExecutor, job: Job) -> "Future[Record] | None":
    """The job on its way, or None when a process of the pool died already."""
    # Stops wait until a process that is being started has been told what it is for.
    with contextlib.suppress(BrokenProcessPool), signals_wait(), _ctrl_c_blocked():
        return pool.submit(_work, job)
    return None


def _result(future: "Future[Record] | None") -> Record | None:
    with contextlib.suppress(BrokenProcessPool):
        return future.result() if future else None
    return None


def _alone(chain: dict[str, Any], job: Job) -> Record:
    """The record of the first job without one when a process died: tried alone, to learn whose fault it was."""
    with _pool(chain, 1) as pool:
        try:
            record = _result(_submit(pool, job))
        except KeyboardInterrupt:
            _stop(pool)
            raise
    return record or failed_record(
        job,
        f"{job.source}: the process that restored it died, twice; a plugin of the chain may have crashed - "
        "a VST3 named by its path runs apart and would be named here",
    )


def _pool(chain: dict[str, Any], processes: int) -> ProcessPoolExecutor:
    # Spawned, not forked: audio libraries keep threads, and a forked copy of a locked lock never opens.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(chain,))


@contextlib.contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Processes started inside never hear Ctrl-C, not even while they import: it is the parent's to tell them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield  # Windows, where it reaches every process of the console
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(pool: ProcessPoolExecutor) -> None:
    """Interrupt the jobs that run, let none start any more, and wait until each has removed its own partial file."""
    if os.name != "nt":  # where that would end them on the spot, and where they hear Ctrl-C themselves
        for child in multiprocessing.active_children():
            child.terminate()
    pool.shutdown(wait=True, cancel_futures=True)


@dataclass(slots=True)
class _Worker:
    """What a process keeps from job to job."""

    board: Board
    is_working: bool = False
    is_interrupted: bool = False


_worker: _Worker | None = None


def _begin(chain: dict[str, Any]) -> None:
    """Set a process up: build the board once, and end with the parent, even one that was killed."""
    global _worker  # noqa: PLW0603 - the one place that a pool offers to what outlives a job
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    signal.signal(signal.SIGINT, _interrupt if os.name == "nt" else signal.SIG_IGN)
    _worker = _Worker(board=Board.from_dict(chain))
    signal.signal(signal.SIGTERM, _interrupt)


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Break off the job that runs, once: a second signal must not disturb the cleaning up."""
    if _worker is None:
        return
    is_first = not _worker.is_interrupted
    _worker.is_interrupted = True
    if is_first and _worker.is_working:
        raise KeyboardInterrupt


def _work(job: Job) -> Record:
    assert _worker is not None
    try:
        _worker.is_working = True
        if _worker.is_interrupted:
            return failed_record(job, f"{job.source}: interrupted before it began")
        return attempt(job, _worker.board, _NO_PROGRESS)
    except KeyboardInterrupt:
        return failed_record(job, f"{job.source}: interrupted")
    finally:
        _worker.is_working = False


def exit_code(records: list[Record]) -> int:
    """0 when every file is restored, unchanged or skipped; 1 when one failed."""
    return 1 if any(record.status == ERROR for record in records) else 0
