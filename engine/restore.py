"""One file in, the same file out, repaired: the passes, the meters, the clipping rule and the record.

What always holds: the input is only read; the output appears whole under its name or not at all; a file in which no
sample was changed comes back byte for byte; and the record says what was done.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rebounce import __version__
from rebounce.engine.board import Board
from rebounce.engine.by_products import add_by_products, refuse_strangers
from rebounce.engine.errors import FileError, ModelError, OutputError, RebounceError
from rebounce.engine.file_passes import BeforePublish, FilePasses
from rebounce.engine.history import Origin, is_result_of, remember, sha256_of
from rebounce.engine.inspection.finding import LEFT
from rebounce.engine.job import Job
from rebounce.engine.onnx_runtime import CPU
from rebounce.engine.record import ERROR, SKIPPED, UNCHANGED, Record
from rebounce.engine.source import Source, open_source

Progress = Callable[[float], None]
"""Told the fraction that is done, from 0 to 1."""


def restore_file(job: Job, board: Board, on_progress: Progress = lambda fraction: None) -> Record:
    """Restore one file and return its record; raises what went wrong."""
    started_s = time.perf_counter()
    # What overflows ends as an error that names the plugin; numpy's own warnings would only add noise.
    with open_source(job.source) as source, np.errstate(all="ignore"):
        origin = _origin(job)
        record = replace(_record(job, source, origin), model=_model(job, board))
        found = _existing_result(job, origin)
        if found is not None:
            messages = ("already done", *add_by_products(job, None, source, found))
            return replace(record, status=SKIPPED, output=str(found), messages=(*record.messages, *messages))
        refuse_strangers(job)
        done = FilePasses(job, board, source, on_progress, _noting(job, origin)).run()
        added = add_by_products(job, board, source, done.output)
    seconds = time.perf_counter() - started_s
    messages = (*record.messages, *done.messages, *added)
    device = board.device_used() or CPU
    record = replace(record, **done.facts(), messages=messages, device=device, findings=_findings(board, done.status))
    return replace(record, seconds=seconds, realtime_factor=_factor(record, seconds))


def _findings(board: Board, status: str) -> list[dict[str, Any]] | None:
    """What was found; where not one sample came out changed, all of it was left."""
    findings = board.findings()
    if findings is None:
        return None
    told = [finding.to_dict() for finding in findings]
    return [found | {"action": LEFT} for found in told] if status == UNCHANGED else told


def attempt(job: Job, board: Board, on_progress: Progress) -> Record:
    """`restore_file`, with whatever went wrong as a record of its own, so that a batch goes on."""
    try:
        return restore_file(job, board, on_progress)
    except FileError as problem:
        return failed_record(job, str(problem))
    except (RebounceError, OSError) as problem:
        return failed_record(job, f"{job.source}: {problem}")
    except MemoryError:
        return failed_record(job, f"{job.source}: the memory is used up; close other programs, or use fewer --jobs")
    except Exception as problem:
        # A fault of ours must not cost the other files of a batch their results.
        return failed_record(job, f"{job.source}: unexpected {type(problem).__name__}: {problem}; please report it")


def foresee(job: Job) -> Record:
    """What a run would find before it began: the file's header, and a result that is there already."""
    try:
        with open_source(job.source) as source:
            origin = _origin(job)
            record = _record(job, source, origin)
            found = _existing_result(job, origin)
    except (RebounceError, OSError) as problem:
        return failed_record(job, str(problem))
    if found is not None:
        return replace(record, status=SKIPPED, output=str(found), messages=(*record.messages, "already done"))
    messages = (*record.messages, "dry run: would be read, and restored where that is needed")
    return replace(record, status=SKIPPED, output=str(job.target), messages=messages)


def failed_record(job: Job, message: str) -> Record:
    """The record of a file that could not be restored."""
    return replace(_bare_record(job), status=ERROR, error=message)


def skipped_record(job: Job, message: str) -> Record:
    """The record of an input that is none."""
    return replace(_bare_record(job), status=SKIPPED, messages=(message,))


def _bare_record(job: Job) -> Record:
    return Record(
        input=str(job.source),
        output=None,
        status=ERROR,
        version=__version__,
        preset=job.preset,
        preset_hash=job.preset_hash,
        model=job.model,
    )


def _record(job: Job, source: Source, origin: Origin) -> Record:
    """What is known of a file once it is open."""
    info = source.info
    return replace(
        _bare_record(job),
        input_sha256=origin.input_sha256,
        messages=info.messages,
        sample_rate_hz=info.sample_rate_hz,
        channels=info.channels,
        frames=info.frames,
        subtype=info.subtype,
    )


def _origin(job: Job) -> Origin:
    digest = job.input_sha256 or sha256_of(job.source)
    return Origin(input_sha256=digest, preset_hash=job.preset_hash, version=__version__)


def _model(job: Job, board: Board) -> str | None:
    """The models that will run, which must be those that the job was planned with: its result is noted under them."""
    found = board.model_id()
    if job.model not in (None, found):
        raise ModelError(
            f"expected the model {job.model}, found {found} in its place: the package changed while the batch ran; "
            "run the command again"
        )
    return found


def _factor(record: Record, seconds: float) -> float | None:
    """Seconds of audio in a second of work."""
    if not record.frames or not record.sample_rate_hz or seconds <= 0:
        return None
    return record.frames / record.sample_rate_hz / seconds


def _noting(job: Job, origin: Origin) -> BeforePublish:
    """Remembers what is about to be published; `content` is where its bytes are already."""

    def note(target: Path, content: Path) -> None:
        if job.root is not None:
            digest = origin.input_sha256 if content == job.source else sha256_of(content)
            remember(job.root, target, origin, digest)

    return note


def _existing_result(job: Job, origin: Origin) -> Path | None:
    """The result that is there already, if it is ours and the same; an error for somebody else's file in its place."""
    for target in dict.fromkeys((job.target, job.copy_target)):
        if job.is_forced or not os.path.lexists(target) or _is_input(job, target):
            continue
        if job.root is not None and is_result_of(job.root, target, origin):
            return target
        raise OutputError(
            f"{target}: a file is there already that did not come from this input, preset and version; "
            "pass --force (in a script: force=True) to replace it, or choose another output folder"
        )
    return None


def _is_input(job: Job, target: Path) -> bool:
    """True for a lossy input in the output folder itself: it keeps its name, and its result gets another."""
    return os.path.exists(target) and target.samefile(job.source)
