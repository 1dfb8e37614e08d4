"""What a user sees of a training: a bar with ETA on a terminal, and a line for each epoch and each stage."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rebounce.progress import Steps
from rebounce.training.trainer.logs import Row
from rebounce.training.trainer.state import StageResult
from rebounce.training.trainer.training import StepFacts

if TYPE_CHECKING:
    from rebounce.cli_train import Arguments


class TrainingBar(Steps):
    """Progress over a number of windows that may become less on the way."""

    def show(self, done: int, most: int, label: str) -> None:
        """So many of so many are done."""
        if self._progress:
            self._progress.update(self._task, completed=float(done), total=float(most), description=label)


class TrainingTelling:
    """Tells of one training, as was asked for; silent in all processes but the first."""

    def __init__(self, arguments: "Arguments", bar: TrainingBar, *, is_first: bool) -> None:
        self._bar = bar
        self._as_json = arguments.as_json and is_first
        self._is_plain = not (arguments.as_json or arguments.is_quiet) and is_first
        self._is_verbose = arguments.is_verbose

    def say(self, text: str) -> None:
        """Something happened."""
        self._json("message", {"text": text})
        if self._is_plain:
            self._bar.say(text)

    def codec_step(self, step: int, steps: int, label: str) -> None:
        """A step of a codec's training was made."""
        self._bar.show(step, steps, label)

    def step(self, facts: StepFacts) -> None:
        """A step was made."""
        place = f"stage {facts.stage}, epoch {facts.epoch} of {facts.most_epochs}"
        self._bar.show(facts.done, facts.all, f"{place}: loss {facts.loss:.4g}, {facts.batch} windows a batch")

    def epoch(self, row: Row, most_epochs: int) -> None:
        """An epoch was made, or a stage begins."""
        self._json("epoch", {name: row.get(name) for name in row})
        if not self._is_plain:
            return
        place = f"stage {row['stage']:10} epoch {row['epoch']:3} of {most_epochs}"
        learned = row.get("training.loss")
        losses = f"validation {row['validation.loss']:.4f}"
        losses = losses if learned is None else f"training {learned:.4f}  {losses}"
        right = f"{row['validation.accuracy']:.1%} of tokens right, {row['validation.copy_accuracy']:.1%} as they came"
        self._bar.say(f"{place}  {losses}  {right}  {row['seconds']:.0f} s")
        if self._is_verbose:
            terms = [f"{name.split('.')[1]} {value:.4g}" for name, value in row.items() if _is_term(name)]
            self._bar.say(f"      {', '.join(terms)}; rate {row['learning_rate']:.3g}, {row['batch']} windows a batch")

    def stage(self, result: StageResult) -> None:
        """A stage was made."""
        self._json("stage", asdict(result))
        if self._is_plain:
            self._bar.say(
                f"stage {result.name} ends after {result.epochs} epochs, as {result.reason}: validation "
                f"{result.start_loss:.4f} -> {result.last_loss:.4f}, best {result.best.loss:.4f} (epoch "
                f"{result.best.epoch})"
            )

    def end(self, best: Path | None, folder: Path, is_done: bool) -> None:
        """The command ends."""
        self._json("end", {"output": str(folder), "best": None if best is None else str(best), "is_done": is_done})
        if self._is_plain and best is not None:
            rest = "" if is_done else "; there are stages left: --resume goes on"
            self._bar.say(f"best network: {best}{rest}")

    def _json(self, event: str, values: dict[str, Any]) -> None:
        if self._as_json:
            self._bar.say(json.dumps({"event": event, **values}, allow_nan=False))


def _is_term(name: str) -> bool:
    return name.startswith("validation.") and name.split(".")[1] not in ("loss", "accuracy", "copy_accuracy")
