"""What is asked for when pairs are made, and under which names the files of one pair lie."""

import math
from dataclasses import dataclass
from pathlib import Path

from rebounce.engine.batch_plan import FORMAT_SUFFIXES
from rebounce.engine.errors import UsageError
from rebounce.training.exercise import Exercise
from rebounce.training.pair_storage import Wish

CLEAN_FOLDER, DAMAGED_FOLDER = "clean", "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSettings:
    """What holds for all pairs of a run. Without `seconds` tracks are taken whole, without a rate at their own."""

    exercise: Exercise
    output: Path
    wish: Wish
    seconds: float | None = None
    sample_rate_hz: int | None = None
    has_pictures: bool = False
    is_forced: bool = False

    def __post_init__(self) -> None:
        if self.seconds is not None and not (math.isfinite(self.seconds) and self.seconds > 0):
            raise UsageError(
                f"--seconds: expected a number above 0, found {self.seconds}; leave it out for whole files"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One pair to be made of `source`; `name` is its path below each of the two folders, without a suffix.

    `source_name` is what the record calls the source: its path below what was given.
    """

    source: Path
    source_name: str
    name: Path
    seed: int
    settings: PairSettings

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
    def possible_pictures(self) -> tuple[Path, ...]:
        """Where those of the clean and of the damaged side would be."""
        return self._beside(".clean.png"), self._beside(".damaged.png")

    @property
    def pictures(self) -> tuple[Path, ...]:
        """Of the clean and of the damaged side, where pictures were asked for."""
        return self.possible_pictures if self.settings.has_pictures else ()

    @property
    def targets(self) -> tuple[Path, ...]:
        """Everything that is written; the record comes last."""
        return (self.clean, self.damaged, *self.pictures, self.record)

    def _audio(self, folder: str) -> Path:
        suffix = FORMAT_SUFFIXES.get(self.settings.wish.file_format, self.source.suffix)
        return self._named(folder, suffix)

    def _beside(self, suffix: str) -> Path:
        return self._named(DAMAGED_FOLDER, suffix)

    def _named(self, folder: str, suffix: str) -> Path:
        path = self.settings.output / folder / self.name
        return path.with_name(path.name + suffix)
