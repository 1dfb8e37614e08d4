"""Pairs for tests: their sources, and the tasks that make them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import soundfile

from rebounce.engine.audio import Audio
from rebounce.training.degrade import degrade
from rebounce.training.exercise import Exercise, exercise_of_recipe
from rebounce.training.pair_storage import Wish
from rebounce.training.pair_task import PairSettings, Task
from rebounce.training.recipes import load_recipe

RATE_HZ = 44_100
README = exercise_of_recipe(load_recipe("readme"))


def task(source: Path, output: Path, exercise: Exercise = README, seed: int = 0, **settings: Any) -> Task:
    """One pair of a source; any of the settings may be given by its name."""
    asked = PairSettings(exercise=exercise, output=output, wish=settings.pop("wish", Wish()), **settings)
    return Task(source=source, source_name=source.name, name=Path(source.stem), seed=seed, settings=asked)


def made_of(task: Task) -> dict[str, Any]:
    """The record of a pair that was not there before."""
    done = degrade(task)
    assert not done.is_skipped
    return done.record


def forced(task: Task) -> Task:
    """The same pair with --force."""
    return replace(task, settings=replace(task.settings, is_forced=True))


def write(path: Path, audio: Audio, rate_hz: int = RATE_HZ, subtype: str | None = "PCM_24") -> Path:
    """Write a file without floats, into which libsndfile would put the time, and items would be others every time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio.T, rate_hz, subtype=subtype)
    return path


def read(path: Path) -> Audio:
    """The samples `(channels, frames)`."""
    audio: Audio = soundfile.read(path, dtype="float32", always_2d=True)[0].T
    return audio


def gain_recipe(folder: Path, ranges: str, name: str = "mine") -> Path:
    """A recipe of nothing but a gain."""
    path = folder / f"{name}.toml"
    path.write_text(f'[[fault]]\nfault = "gain"\n{ranges}\n', encoding="utf-8")
    return path
