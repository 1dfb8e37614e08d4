"""What `rebounce prepare` does with its arguments: check everything first, then work, then tell."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rebounce.bundle_telling import Telling, free_bytes, spell_seconds
from rebounce.engine.byte_sizes import spell_bytes
from rebounce.engine.errors import OutputError, UsageError
from rebounce.engine.folder_lock import alone_in
from rebounce.engine.staging import SPARE_BYTES
from rebounce.engine.workers import Failure, run_tasks
from rebounce.progress import Steps
from rebounce.training.bundle_features import FEATURES
from rebounce.training.codecs import codec_choice, opened, use_threads
from rebounce.training.exercise import exercise_of_stage
from rebounce.training.prepare import (
    Preparation,
    Task,
    check_stage_names,
    make,
    plan,
    seconds_needed,
    sweep,
)
from rebounce.training.prepare_settings import Settings, check_folder, curriculum_hash, write_settings
from rebounce.training.recipes import load_curriculum
from rebounce.training.tracks import find_tracks

if TYPE_CHECKING:
    from rebounce.cli_prepare import Arguments

EXIT_FAILED = 1
LOCK_NAME = "run"
"""Staged in the folder for as long as a run works there, and never published."""


def run(arguments: "Arguments") -> int:
    """Prepare everything that was asked for; returns the exit code."""
    preparation = _preparation(arguments)
    check_folder(arguments.output, preparation.settings)
    found = find_tracks(arguments.inputs)
    tasks = plan(preparation, found.tracks, arguments.items)
    telling = Telling(arguments=arguments, is_failed=bool(found.problems))
    telling.inputs(found)
    waiting = [task for task in tasks if not task.is_there]
    if arguments.is_dry_run:
        _tell_need(preparation, tasks, arguments)
        return EXIT_FAILED if found.problems else 0
    if not found.tracks:
        return EXIT_FAILED
    _check_room(arguments.output, waiting, len(tasks))
    with alone_in(arguments.output, arguments.output / LOCK_NAME, "prepares into this folder", replaces=False):
        write_settings(arguments.output, preparation.settings)
        sweep(arguments.output)
        telling.start(tasks)
        _work(preparation, waiting, arguments, telling)
    telling.end()
    return EXIT_FAILED if telling.is_failed else 0


def _preparation(arguments: "Arguments") -> Preparation:
    """What was asked for, refused here where it cannot be."""
    unknown = [name for name in arguments.features if name not in FEATURES]
    if unknown:
        raise UsageError(f"--features: expected {', '.join(FEATURES)} or several with commas, found {unknown[0]!r}")
    curriculum = load_curriculum(arguments.curriculum)
    every = [stage.name for stage in curriculum.stages]
    check_stage_names(every)
    allowed = arguments.allowed_plugins
    chosen = {stage: exercise_of_stage(curriculum, stage, allowed) for stage in arguments.stages or every}
    whole = {stage: exercise_of_stage(curriculum, stage, allowed) for stage in every}
    bandwidth_kbps = None if arguments.bandwidth is None else float(arguments.bandwidth)
    choice = codec_choice(arguments.codec, arguments.weights, bandwidth_kbps)
    codec = opened(choice)
    settings = Settings(
        curriculum=curriculum.name,
        curriculum_sha256=curriculum_hash(whole),
        codec_id=codec.codec_id,
        weights_sha256=codec.weights_sha256,
        features=tuple(sorted(arguments.features)),
        seconds=arguments.seconds,
        seed=arguments.seed,
    )
    return Preparation(folder=arguments.output, codec=choice, exercises=chosen, settings=settings)


def _check_room(folder: Path, waiting: Sequence[Task], count: int) -> None:
    """Refuse before the work what the disk cannot hold after it."""
    needed, free = sum(task.most_bytes for task in waiting) + SPARE_BYTES, free_bytes(folder)
    if free < needed:
        raise OutputError(
            f"{folder}: expected {spell_bytes(needed)} of room for {len(waiting)} of {count} bundles, found "
            f"{spell_bytes(free)}; free some space, choose a folder on another disk, or ask for less with --stages, "
            "--items or --features"
        )


def _work(preparation: Preparation, waiting: Sequence[Task], arguments: "Arguments", telling: Telling) -> None:
    """Make the bundles that are missing, and tell of each as it is done."""
    ready = partial(use_threads, max(1, _cores() // min(arguments.processes, max(len(waiting), 1))))
    done = run_tasks(partial(make, preparation), waiting, arguments.processes, ready)
    with Steps(len(waiting), not arguments.is_quiet) as steps, closing(done):
        telling.say = steps.say
        for number, (task, result) in enumerate(done):
            telling.bundle(task, result)
            steps.step(f"{task.stage} {task.track.path.name}")
            if isinstance(result, Failure):
                _stop_when_full(preparation.folder, waiting[number:])


def _stop_when_full(folder: Path, left: Sequence[Task]) -> None:
    """A disk without room for one more bundle has none for the rest: say so once, and not for each of them."""
    needed, free = sum(task.most_bytes for task in left) + SPARE_BYTES, free_bytes(folder)
    if free < left[0].most_bytes + SPARE_BYTES:
        raise OutputError(
            f"{folder}: the disk is full: {len(left)} bundles are missing, {spell_bytes(needed)} needed, "
            f"{spell_bytes(free)} free; what is there stays valid: free some space and run the same command again"
        )


def _tell_need(preparation: Preparation, tasks: Sequence[Task], arguments: "Arguments") -> None:
    """How many bundles, how big and how long, without making one."""
    waiting = [task for task in tasks if not task.is_there]
    needed = {
        "bundles": len(waiting),
        "kept": len(tasks) - len(waiting),
        "bytes": sum(task.most_bytes for task in waiting),
        "bytes_free": free_bytes(arguments.output),
        "seconds": round(_seconds_needed(preparation, waiting), 1),
    }
    if arguments.as_json:
        click.echo(json.dumps(needed))
        return
    click.echo(
        f"{needed['bundles']} bundles to make, {needed['kept']} are there: {spell_bytes(int(needed['bytes']))} needed, "
        f"{spell_bytes(int(needed['bytes_free']))} free; about {spell_seconds(float(needed['seconds']))}"
    )


def _seconds_needed(preparation: Preparation, waiting: Sequence[Task]) -> float:
    """Measured on one thread; one job uses every core there is, and more of them no more than that."""
    use_threads(1)
    return seconds_needed(preparation, waiting) / _cores() if waiting else 0.0


def _cores() -> int:
    """The cores that this process may use, which can be fewer than there are."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
