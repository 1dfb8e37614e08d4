"""Many files: one after another or in several processes, where no bad file, and no crash, stops the rest."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

from rebounce.engine.board import Board
from rebounce.engine.job import Job
from rebounce.engine.onnx_runtime import share_cores
from rebounce.engine.record import ERROR, Record
from rebounce.engine.restore import Progress, attempt, failed_record
from rebounce.engine.workers import DIED, Failure, run_tasks

_NO_PROGRESS: Progress = lambda fraction: None  # noqa: E731 - a name for "nothing to tell"

_HINT = "a VST3 named by its path runs apart and would be named here"


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
        return
    processes = min(processes, len(batch.jobs))
    done = run_tasks(_restore, batch.jobs, processes, partial(_build_board, batch.chain, processes))
    try:
        for job, result in done:
            on_progress(job, 1.0)
            yield job, _failed(job, result) if isinstance(result, Failure) else result
    finally:
        done.close()


def _failed(job: Job, failure: Failure) -> Record:
    hint = f" - {_HINT}" if failure.message == DIED else ""
    return failed_record(job, f"{job.source}: {failure.message}{hint}")


_board: Board | None = None


def _build_board(chain: dict[str, Any], processes: int) -> None:
    """What each of the processes does once."""
    share_cores(processes)
    global _board  # noqa: PLW0603 - the one place that a process keeps from job to job
    _board = Board.from_dict(chain)


def _restore(job: Job) -> Record:
    assert _board is not None
    return attempt(job, _board, _NO_PROGRESS)


def exit_code(records: list[Record]) -> int:
    """0 when every file is restored, unchanged or skipped; 1 when one failed."""
    return 1 if any(record.status == ERROR for record in records) else 0
