"""What a training works with, gathered in one place: the config, the network, the codec, the stages, the progress."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor, nn

from rebounce.presets.training_config import TrainingConfig, TrainingStage
from rebounce.training.dataset import BundleDataset
from rebounce.training.losses.differentiable_decoder import DifferentiableDecoder
from rebounce.training.losses.token_space import TokenSpace
from rebounce.training.networks.interface import Prediction
from rebounce.training.networks.network import Network
from rebounce.training.trainer.codec_side import CodecSide
from rebounce.training.trainer.logs import Row
from rebounce.training.trainer.plateau import Limits
from rebounce.training.trainer.run_folder import RunFolder
from rebounce.training.trainer.state import Progress, StageResult

if TYPE_CHECKING:
    from lightning.fabric import Fabric


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StagePlan:
    """One stage before it runs: `windows` of an epoch in each process, of `items` in all of them."""

    config: TrainingStage
    train: BundleDataset
    validation: BundleDataset
    items: int
    windows: int
    limits: Limits
    weights: Mapping[str, float]

    @property
    def most_windows(self) -> int:
        """As many as it takes with all its epochs."""
        return self.limits.most * self.windows


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFacts:
    """What is told after a step: `done` of `all` windows, which is the most that the run may still take."""

    stage: str
    epoch: int
    most_epochs: int
    batch: int
    loss: float
    done: int
    all: int


class Telling(Protocol):
    """Who is told how it goes."""

    def say(self, text: str) -> None:
        """Something happened."""

    def step(self, facts: StepFacts) -> None:
        """A step was made."""

    def epoch(self, row: Row, most_epochs: int) -> None:
        """An epoch was made: its row in `epochs.csv`."""

    def stage(self, result: StageResult) -> None:
        """A stage was made."""


class ForFabric(nn.Module):
    """A network whose prediction is a plain dictionary: Fabric and DDP look through those, not through ours."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, codes: Tensor, latents: Tensor) -> dict[str, Tensor]:
        return as_dict(self.network(codes, latents))


def as_dict(prediction: Prediction) -> dict[str, Tensor]:
    """The parts of a prediction by their names."""
    return {name: getattr(prediction, name) for name in Prediction.__slots__}


@dataclass(slots=True, kw_only=True, eq=False)
class Training:
    """A training that is under way; `progress` is what changes, beside the weights."""

    config: TrainingConfig
    run_id: str
    data_sha256: str
    fabric: "Fabric"
    precision: str
    network: Network
    model: Any
    side: CodecSide
    space: TokenSpace
    decoder: DifferentiableDecoder | None
    plans: tuple[StagePlan, ...]
    folder: RunFolder
    progress: Progress
    tell: Telling

    @property
    def plan(self) -> StagePlan:
        """The stage that runs."""
        return self.plans[self.progress.stage]

    @property
    def writes(self) -> bool:
        """True in the one process that writes."""
        return bool(self.fabric.is_global_zero)

    def all_windows(self, until: int) -> tuple[int, int]:
        """How many windows are done in each process, and how many it can be at most up to the end of a stage."""
        progress = self.progress
        finished = sum(
            result.epochs * plan.windows for result, plan in zip(progress.finished, self.plans, strict=False)
        )
        current = progress.epoch * self.plan.windows + progress.windows
        left = sum(plan.most_windows for plan in self.plans[progress.stage : until + 1])
        return finished + current, finished + left
