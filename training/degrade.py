"""One pair on disk: a track clean and damaged, and beside it as data what was done.

What always holds: the source is only read; nothing is seen under a final name before everything of a pair is written;
the record comes last, and of a pair that is replaced it goes first, so that where it is the pair is whole; and equal
sources give equal audio on any machine.
"""

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.errors import OutputError
from rebounce.engine.overview import HIGHEST_HZ, Overview
from rebounce.engine.pcm import GRID_FRAMES
from rebounce.engine.pictures import spectrogram_picture
from rebounce.engine.source import Source, open_source
from rebounce.engine.staging import Staged, check_room, output_errors, sync_folder
from rebounce.training.exercise import Item, draw_item
from rebounce.training.pair_record import record_of, record_text, standing_record
from rebounce.training.pair_storage import Storage, plan_storage, write_audio
from rebounce.training.pair_task import Task
from rebounce.training.tracks import Track, make_pair, open_track


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A pair that is there; `is_skipped` where an earlier run had made it, and nothing was done."""

    record: dict[str, Any]
    is_skipped: bool = False


def degrade(task: Task) -> Done:
    """Make one pair, unless it is there already, from the same content and the same settings."""
    track = open_track(task.source)
    item = draw_item(track.sha256, task.settings.exercise, task.seed)
    standing = None if task.settings.is_forced else standing_record(task, track, item.damage)
    if standing is not None:
        return Done(record=standing, is_skipped=True)
    return Done(record=_made(task, track, item))


def _made(task: Task, track: Track, item: Item) -> dict[str, Any]:
    settings = task.settings
    with contextlib.ExitStack() as stack:
        # Staged before the work is done: what is there already is an error at once, and so is a name too long.
        staged = [stack.enter_context(Staged(path, replaces=settings.is_forced)) for path in task.targets]
        _refuse_long_names(task)
        source = stack.enter_context(open_source(task.source))
        storage = plan_storage(source, settings.wish, settings.sample_rate_hz or track.sample_rate_hz)
        pair = make_pair(track, item, seconds=settings.seconds, sample_rate_hz=settings.sample_rate_hz)
        gain = storage.gain_for((pair.clean, pair.damaged))
        sides = [_at(gain, side) for side in (pair.clean, pair.damaged)]
        _write_sides(storage, source, sides, staged[:2])
        record = record_of(task, track, pair, gain)
        pictures = [_picture(side, pair.sample_rate_hz) for side in sides] if settings.has_pictures else []
        for one, content in zip(staged[2:], [*pictures, record_text(record)], strict=True):
            with output_errors(one.target, len(content)):
                one.file.write(content)
        if settings.is_forced:
            _withdraw(task)
        _publish(staged)
    return record


def _refuse_long_names(task: Task) -> None:
    for target in task.targets:
        try:
            os.lstat(target)
        except OSError as problem:
            if problem.errno == errno.ENAMETOOLONG:
                raise OutputError(
                    f"{task.source}: its pair would have a name too long for the file system, {target.name}; "
                    "give the file a shorter one"
                ) from problem


def _at(gain: float, side: Audio) -> Audio:
    return side if gain == 1 else side * np.float32(gain)


def _write_sides(storage: Storage, source: Source, sides: Sequence[Audio], staged: Sequence[Staged]) -> None:
    needed = storage.least_bytes(sides[0].shape[1])
    check_room(staged[0].target, 2 * needed)
    for side, one in zip(sides, staged, strict=True):
        with output_errors(one.target, needed):
            write_audio(storage, source, side, one.file)


def _withdraw(task: Task) -> None:
    """Remove what speaks of the pair that is replaced: beside half of a new one it would tell what is not so."""
    with output_errors(task.record):
        for path in (task.record, *task.possible_pictures):
            path.unlink(missing_ok=True)
        sync_folder(task.record.parent)


def _publish(staged: Sequence[Staged]) -> None:
    """Give everything its name, or nothing: what an error or Ctrl-C comes between is taken back.

    What replaced another file stays: the other is gone, and its place empty would be no better.
    """
    with contextlib.ExitStack() as undone:
        for one in staged:
            if not os.path.lexists(one.target):
                undone.callback(_take_back, one.target, os.fstat(one.file.fileno()))
            one.publish()
        undone.pop_all()


def _take_back(target: Path, mine: os.stat_result) -> None:
    """Remove a file that we published, and nobody else's that came there meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.lstat(target), mine):
            target.unlink()


def _picture(side: Audio, sample_rate_hz: int) -> bytes:
    """The spectrogram, up to half the sample rate."""
    overview = Overview(frames=side.shape[1], channels=side.shape[0], sample_rate_hz=sample_rate_hz)
    for block in _blocks(side):
        overview.add(block)
    return spectrogram_picture(overview, min(HIGHEST_HZ, sample_rate_hz / 2))


def _blocks(side: Audio) -> Iterator[Audio]:
    for start in range(0, side.shape[1], GRID_FRAMES):
        yield side[:, start : start + GRID_FRAMES]
