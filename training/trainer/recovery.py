"""What a training does when memory runs out or numbers break: as values, so that it can be tested without either."""

from dataclasses import dataclass, replace
from typing import Self

import torch

from rebounce.engine.errors import TrainingError
from rebounce.presets.training_config import ALWAYS, ON_CUDA, Batch

# What must stay free when the batch is doubled: what a batch takes does not grow evenly with its windows.
USED_AT_MOST = 0.9
SLOWER = 0.5
MOST_ROLLBACKS = 5
_NO_MEMORY = ("can't allocate", "not enough memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def is_out_of_memory(problem: BaseException) -> bool:
    """True for every way in which torch says that there is no room: on a GPU by a class, on the CPU by its words."""
    if isinstance(problem, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(problem, RuntimeError) and any(words in str(problem) for words in _NO_MEMORY)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSize:
    """Windows at a time, and the most that memory was found to hold."""

    windows: int
    most: int

    def halved(self) -> Self:
        """After memory ran out: half of it, for good."""
        if self.windows == 1:
            raise TrainingError(
                "memory ran out with a single window a batch; take a smaller size of network, set "
                "gradient_checkpointing = true, or free some memory and go on with --resume"
            )
        half = self.windows // 2
        return replace(self, windows=half, most=half)

    def grown(self, used_share: float) -> Self:
        """After an epoch in which at most this share of memory was in use: twice as much where that should fit."""
        if 2 * used_share > USED_AT_MOST:
            return self
        return replace(self, windows=max(min(2 * self.windows, self.most), self.windows))


def may_grow(batch: Batch, is_on_cuda: bool) -> bool:
    """Whether the batch is to grow on such a device."""
    return batch.grow == ALWAYS or (batch.grow == ON_CUDA and is_on_cuda)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What the learning rate is multiplied by: less after each return to the last good state of an epoch."""

    factor: float = 1.0
    rollbacks: int = 0

    def lowered(self) -> Self:
        """After a loss or gradient that is no number."""
        if self.rollbacks == MOST_ROLLBACKS:
            raise TrainingError(
                f"the loss or its gradient was no number {MOST_ROLLBACKS + 1} times in one epoch, the last time at "
                f"{self.factor:g} of the learning rate; the last good state is kept: lower learning_rate, or look "
                "at the bundles of this stage"
            )
        return replace(self, factor=SLOWER * self.factor, rollbacks=self.rollbacks + 1)

    def after_epoch(self) -> Self:
        """A whole epoch without trouble: the lower rate stays, the count begins anew."""
        return replace(self, rollbacks=0)
