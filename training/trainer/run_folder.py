"""The folder of a training run, and what lies where in it.

config.toml     what is trained, every value spelled out; `rebounce train` takes it as it is
run.json        which run this is, on what it runs, and what came of each stage
last.pt         everything to go on from
stages/NAME.pt  the best network of each stage
best.pt         the best of these
epochs.csv, steps.csv, losses.png, samples/, tensorboard/
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rebounce.engine.errors import ConfigError
from rebounce.engine.staging import Staged, output_errors

CONFIG, RUN, LAST, BEST, MEMORY = "config.toml", "run.json", "last.pt", "best.pt", "memory.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """One run's folder."""

    path: Path

    @property
    def last(self) -> Path:
        """The checkpoint to go on from."""
        return self.path / LAST

    @property
    def best(self) -> Path:
        """The best network of all stages."""
        return self.path / BEST

    def stage_best(self, stage: str) -> Path:
        """The best network of one stage."""
        return self.path / "stages" / f"{stage}.pt"

    def write_json(self, name: str, values: Mapping[str, Any]) -> None:
        """Write one small file whole or not at all."""
        write_text(self.path / name, json.dumps(values, indent=2) + "\n")

    def keep_overall(self, stage: str) -> None:
        """Make a stage's best network the best of all."""
        with Staged(self.best, replaces=True) as staged:
            with output_errors(self.best), open(self.stage_best(stage), "rb") as source:
                shutil.copyfileobj(source, staged.file)
            staged.publish()

    def check_new(self) -> None:
        """ConfigError where something lies here already that a new run would overwrite."""
        if self.last.exists() or (self.path / CONFIG).exists():
            raise ConfigError(
                f"{self.path}: there is a training in this folder already; add --resume to go on with it, or name "
                "another folder with -o"
            )

    def most_batch(self) -> int | None:
        """The batch that one of several processes found to fit before memory ran out; None where it never did."""
        path = self.path / MEMORY
        if not path.exists():
            return None
        return int(json.loads(path.read_text(encoding="utf-8"))["most_batch"])


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all, replacing what is there."""
    with Staged(path, replaces=True) as staged:
        with output_errors(path):
            staged.file.write(text.encode())
        staged.publish()


def cut_rows(path: Path, rows: int) -> None:
    """Keep the heading and so many rows of a log: what a killed run wrote after its last checkpoint is written anew.

    Without a row the heading goes as well, of which only a part may be there.
    """
    if not path.exists():
        return
    with open(path, "r+b") as file:
        for _ in range(rows + 1 if rows else 0):
            file.readline()
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
