"""One pair on disk: a track clean and damaged, and beside it as data what was done.

What always holds: the source is only read; nothing is seen under a final name before everything of a pair is written,
and the record comes last, so that where it is the pair is whole; and equal sources give equal audio on any machine.
"""

import contextlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from rebounce import __version__
from rebounce.engine.audio import Audio
from rebounce.engine.batch_plan import FORMAT_SUFFIXES
from rebounce.engine.overview import HIGHEST_HZ, Overview
from rebounce.engine.pcm import GRID_FRAMES
from rebounce.engine.pictures import spectrogram_picture
from rebounce.engine.source import Source, open_source
from rebounce.engine.staging import Staged, check_room, output_errors
from rebounce.training.damage import damage_to_data
from rebounce.training.exercise import Exercise, draw_item
from rebounce.training.pair_storage import Storage, Wish, plan_storage, write_audio
from rebounce.training.tracks import Pair, Track, lead_in_frames, make_pair, open_track, split_of

SCHEMA = "rebounce-pair 1"
CLEAN_FOLDER, DAMAGED_FOLDER = "clean", "damaged"
# What the audio of a damage depends on beside our own code.
MAKERS = ("numpy", "scipy", "pedalboard", "soundfile")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What holds for all pairs of a run. Without `seconds` tracks are taken whole, without a rate at their own."""

    exercise: Exercise
    output: Path
    wish: Wish
    seconds: float | None = None
    sample_rate_hz: int | None = None
    has_pictures: bool = False
    is_forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One pair to be made of `source`; `name` is its path below each of the two folders, without a suffix.

    `told` is what the record calls the source: its path below what was given.
    """

    source: Path
    told: str
    name: Path
    seed: int
    manner: Manner

    @property
    def clean(self) -> Path:
        return self._audio(CLEAN_FOLDER)

    @property
    def damaged(self) -> Path:
        return self._audio(DAMAGED_FOLDER)

    @property
    def record(self) -> Path:
        return self._beside(".json")

    @property
    def pictures(self) -> tuple[Path, ...]:
        """Of the clean and of the damaged side, where pictures were asked for."""
        return (self._beside(".clean.png"), self._beside(".damaged.png")) if self.manner.has_pictures else ()

    @property
    def targets(self) -> tuple[Path, ...]:
        """Everything that is written; the record comes last."""
        return (self.clean, self.damaged, *self.pictures, self.record)

    def _audio(self, folder: str) -> Path:
        suffix = FORMAT_SUFFIXES.get(self.manner.wish.file_format, self.source.suffix)
        return self._named(folder, suffix)

    def _beside(self, suffix: str) -> Path:
        return self._named(DAMAGED_FOLDER, suffix)

    def _named(self, folder: str, suffix: str) -> Path:
        path = self.manner.output / folder / self.name
        return path.with_name(path.name + suffix)


def degrade(task: Task) -> dict[str, Any]:
    """Make one pair; returns its record."""
    manner = task.manner
    track = open_track(task.source)
    with contextlib.ExitStack() as stack:
        # Staged before the work is done: what is there already is an error at once.
        staged = [stack.enter_context(Staged(path, replaces=manner.is_forced)) for path in task.targets]
        source = stack.enter_context(open_source(task.source))
        storage = plan_storage(source, manner.wish, manner.sample_rate_hz or track.sample_rate_hz)
        item = draw_item(track.sha256, manner.exercise, task.seed)
        pair = make_pair(track, item, seconds=manner.seconds, sample_rate_hz=manner.sample_rate_hz)
        gain = storage.gain_for((pair.clean, pair.damaged))
        sides = [_at(gain, side) for side in (pair.clean, pair.damaged)]
        _write_sides(storage, source, sides, staged[:2])
        record = _record(task, track, pair, gain)
        pictures = [_picture(side, pair.sample_rate_hz) for side in sides] if manner.has_pictures else []
        for one, content in zip(staged[2:], [*pictures, _json(record)], strict=True):
            with output_errors(one.target, len(content)):
                one.file.write(content)
        _publish(staged)
    return record


def _at(gain: float, side: Audio) -> Audio:
    return side if gain == 1 else side * np.float32(gain)


def _write_sides(storage: Storage, source: Source, sides: Sequence[Audio], staged: Sequence[Staged]) -> None:
    needed = storage.least_bytes(sides[0].shape[1])
    check_room(staged[0].target, 2 * needed)
    for side, one in zip(sides, staged, strict=True):
        with output_errors(one.target, needed):
            write_audio(storage, source, side, one.file)


def _publish(staged: Sequence[Staged]) -> None:
    """Give everything its name, or nothing: what an error or Ctrl-C comes between is taken back."""
    with contextlib.ExitStack() as undone:
        for one in staged:
            one.publish()
            undone.callback(one.target.unlink, missing_ok=True)
        undone.pop_all()


def _record(task: Task, track: Track, pair: Pair, gain: float) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "source": task.told,
        "source_sha256": track.sha256,
        "exercise": task.manner.exercise.name,
        "seed": task.seed,
        "split": split_of(track.sha256),
        "sample_rate_hz": pair.sample_rate_hz,
        "channels": pair.clean.shape[0],
        "start_frame": pair.start_frame,
        "lead_in_frames": lead_in_frames(pair.start_frame, pair.sample_rate_hz),
        "frames": pair.clean.shape[1],
        "gain_db": 20 * math.log10(gain),
        "damage": damage_to_data(pair.damage),
        "versions": _versions(),
    }


@cache
def _versions() -> dict[str, str]:
    return {"rebounce": __version__, **{name: version(name) for name in MAKERS}}


def _json(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def _picture(side: Audio, sample_rate_hz: int) -> bytes:
    """The spectrogram, up to half the sample rate."""
    overview = Overview(frames=side.shape[1], channels=side.shape[0], sample_rate_hz=sample_rate_hz)
    for block in _blocks(side):
        overview.add(block)
    return spectrogram_picture(overview, min(HIGHEST_HZ, sample_rate_hz / 2))


def _blocks(side: Audio) -> Iterator[Audio]:
    for start in range(0, side.shape[1], GRID_FRAMES):
        yield side[:, start : start + GRID_FRAMES]
