"""How far a training has come: everything that decides what comes next and is not in the network or the optimiser.

Plain values only, so that a checkpoint can hold it. What always holds: two trainings of equal configs, weights and
progress go on to the same numbers.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from rebounce.training.trainer.recovery import BatchSize, Rate

TOKEN_SCORES = ("accuracy", "copy_accuracy")
"""The share of tokens that are right, as the network says them and as they came."""

Scores = dict[str, float]
"""The loss, its terms and how many tokens are right, by their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best epoch of a stage; epoch 0 is what the stage began with."""

    epoch: int
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """What came of a stage: its validation loss at its start, at its end and at its best, and the common yardstick."""

    name: str
    epochs: int
    steps: int
    reason: str
    start_loss: float
    last_loss: float
    best: Best
    yardstick: float


@dataclass(slots=True, kw_only=True)
class Progress:
    """Where a training stands.

    Of the running stage: `epoch` whole epochs, their losses in `training` and `validation`, and `start_loss`, None
    until it has begun. Of the running epoch: `windows` done in this process, and `sums` of the losses over the `summed`
    tokens of all processes, and the `seconds` it took so far. `step` counts the optimiser's steps over all stages.
    `rows` says how much of each log belongs to this state.
    """

    batch: BatchSize
    rate: Rate = field(default_factory=Rate)
    stage: int = 0
    epoch: int = 0
    windows: int = 0
    step: int = 0
    first_step: int = 0
    summed: int = 0
    sums: Scores = field(default_factory=dict)
    seconds: float = 0.0
    start_loss: float | None = None
    training: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best: Best | None = None
    finished: list[StageResult] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)

    def as_table(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Self:
        """From what `as_table` gave."""
        best = table["best"]
        whole = {
            **table,
            "batch": BatchSize(**table["batch"]),
            "rate": Rate(**table["rate"]),
            "best": None if best is None else Best(**best),
            "finished": [StageResult(**{**item, "best": Best(**item["best"])}) for item in table["finished"]],
        }
        return cls(**whole)

    def end_step(self, windows: int, scores: Scores, tokens: int, seconds: float) -> None:
        """The next batch begins after so many windows more; `scores` are means over so many tokens."""
        self.step += 1
        self.seconds += seconds
        self.windows += windows
        self.summed += tokens
        self.sums = {name: self.sums.get(name, 0.0) + tokens * value for name, value in scores.items()}

    def epoch_scores(self) -> Scores:
        """The means over the epoch so far."""
        return {name: total / self.summed for name, total in self.sums.items()}

    def end_epoch(self) -> None:
        """The next batch is the first of another epoch."""
        self.epoch += 1
        self.windows = self.summed = 0
        self.sums, self.seconds = {}, 0.0
        self.rate = self.rate.after_epoch()

    def end_stage(self, result: StageResult) -> None:
        """The next epoch is the first of another stage, at its own rate again."""
        self.finished.append(result)
        self.stage += 1
        self.epoch = 0
        self.first_step = self.step
        self.start_loss = self.best = None
        self.training, self.validation = [], []
        self.rate = Rate()

    def best_overall(self) -> StageResult | None:
        """The stage whose best network scored best by the common yardstick."""
        return min(self.finished, key=lambda result: result.yardstick, default=None)
