"""Batches: every job has its record, in order, in one process or in several."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from doubles import FailAfter
from signals import noise

from rebounce.engine.batch import Batch, exit_code, run_batch
from rebounce.engine.board import Board
from rebounce.engine.job import Job
from rebounce.engine.record import ERROR, RESTORED, UNCHANGED, Record
from rebounce.engine.restore import failed_record, skipped_record

CHAIN = {"chain": [{"plugin": "Gain", "gain_db": -3.0, "strength": 0.5}]}


def jobs_in(folder: Path, names: str) -> list[Job]:
    """One job a letter; what is called x is no audio."""
    for name in names:
        path = folder / f"{name}.wav"
        soundfile.write(path, noise(9000 + 1000 * ord(name), seed=ord(name)).T, 44_100)
        if name == "x":
            path.write_bytes(b"no audio")
    out = folder / "out"
    paths = [folder / f"{name}.wav" for name in names]
    return [Job(source=path, target=out / path.name, copy_target=out / path.name, root=out) for path in paths]


def nothing(job: Job, fraction: float) -> None:
    """In place of a progress bar."""


@pytest.mark.parametrize("processes", [1, 2])
def test_each_job_has_its_record_in_order_and_a_bad_file_costs_only_itself(tmp_path: Path, processes: int) -> None:
    jobs = jobs_in(tmp_path, "axbc")
    told: dict[Path, float] = {}
    batch = Batch(jobs=jobs, chain=CHAIN)
    done = list(
        run_batch(
            batch, Board.from_dict(CHAIN), processes, lambda job, fraction: told.__setitem__(job.source, fraction)
        )
    )
    assert [job for job, _ in done] == jobs
    assert [record.status for _, record in done] == [RESTORED, ERROR, RESTORED, RESTORED]
    assert [record.input for _, record in done] == [str(job.source) for job in jobs]
    gain = 1 + 0.5 * (10 ** (-3 / 20) - 1)
    for job, record in done:
        if record.status == RESTORED:
            before, after = (soundfile.read(path)[0] for path in (job.source, job.target))
            np.testing.assert_allclose(after, before * gain, atol=2.5 * 2**-15)
            assert told[job.source] == 1.0


def test_a_failing_chain_fails_each_file_with_its_name(tmp_path: Path) -> None:
    batch = Batch(jobs=jobs_in(tmp_path, "ab"), chain={})
    records = [record for _, record in run_batch(batch, Board([FailAfter(frames=10)]), 1, nothing)]
    assert [str(record.error).split(":")[0] for record in records] == [record.input for record in records]
    assert exit_code(records) == 1


def test_one_job_or_none_starts_no_process(tmp_path: Path) -> None:
    """The chain that would travel to a process is missing here, so that starting one would fail."""
    (only,) = jobs_in(tmp_path, "a")
    ((_, record),) = run_batch(Batch(jobs=[only], chain={"chain": "none"}), Board(), 8, nothing)
    assert record.status == UNCHANGED
    assert list(run_batch(Batch(jobs=[], chain={"chain": "none"}), Board(), 8, nothing)) == []


def test_the_exit_code_is_1_as_soon_as_one_file_failed() -> None:
    job = Job(source=Path("a"), target=Path("b"), copy_target=Path("b"))
    fine: list[Record] = [skipped_record(job, "no audio")]
    assert (exit_code([]), exit_code(fine), exit_code([*fine, failed_record(job, "why")])) == (0, 0, 1)
