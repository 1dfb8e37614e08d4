"""Many files: one after another or in several processes, where no bad file, and no crash, stops the rest."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from rebounce.engine.board import Board
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
        yield from _in_processes(batch, processes, on_progress)


def _in_processes(
    batch: Batch, processes: int, on_progress: Callable[[Job, float], None]
) -> Generator[tuple[Job, Record], None, None]:
    with _pool(batch.chain, processes) as pool:
        try:
            futures = [pool.submit(_work, job) for job in batch.jobs]
            for job, future in zip(batch.jobs, futures, strict=True):
                record = _result(batch, job, future)
                on_progress(job, 1.0)
                yield job, record
        except (KeyboardInterrupt, GeneratorExit):
            _stop(pool)
            raise


def _pool(chain: dict[str, Any], processes: int) -> ProcessPoolExecutor:
    # Spawned, not forked: audio libraries keep threads, and a forked copy of a locked lock never opens.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(chain,))


def _result(batch: Batch, job: Job, future: "Future[Record]") -> Record:
    """The record of one job; when a process died the job is tried once more alone, to learn whose fault it was."""
    try:
        return future.result()
    except BrokenProcessPool:
        return _alone(batch, job)


def _alone(batch: Batch, job: Job) -> Record:
    with _pool(batch.chain, 1) as pool:
        try:
            return pool.submit(_work, job).result()
        except BrokenProcessPool:
            message = (
                f"{job.source}: the process that restored it died, twice; a plugin of the chain may have crashed - "
                "a VST3 named by its path runs apart and would be named here"
            )
            return failed_record(job, message)


def _stop(pool: ProcessPoolExecutor) -> None:
    """Let no job start any more, and interrupt those that run: each removes its own partial file."""
    pool.shutdown(wait=False, cancel_futures=True)
    for child in multiprocessing.active_children():
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid or 0, signal.SIGINT if os.name != "nt" else signal.SIGTERM)


_worker: dict[str, Any] = {}  # what a process keeps from job to job: its board, and whether it was interrupted


def _begin(chain: dict[str, Any]) -> None:
    """Set a process up: build the board once, and end with the parent, even one that was killed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _worker["board"] = Board.from_dict(chain)
    _worker["is_interrupted"] = False


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _work(job: Job) -> Record:
    if _worker["is_interrupted"]:
        return failed_record(job, f"{job.source}: interrupted before it began")
    try:
        return attempt(job, _worker["board"], _NO_PROGRESS)
    except KeyboardInterrupt:
        _worker["is_interrupted"] = True
        return failed_record(job, f"{job.source}: interrupted")


def exit_code(records: list[Record]) -> int:
    """0 when every file is restored, unchanged or skipped; 1 when one failed."""
    return 1 if any(record.status == ERROR for record in records) else 0
