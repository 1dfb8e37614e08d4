"""Do no harm: clean audio, in which nothing is wrong, through every preset; what changed, and the worst of it.

A track counts as identical when all of its excerpts come back bit by bit, and the rate as reached when its lower
bound holds. Digital silence that stays silent shows nothing and is left out: almost anything leaves it as it is.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rebounce.training.evaluation.aggregate import Rate, rate_of
from rebounce.training.evaluation.trial import Measured
from rebounce.training.scores.confidence import LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was done to one clean excerpt: the largest difference of two samples, and all scores."""

    path: Path
    start_s: float
    change_dbfs: float
    scores: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """One preset's audit. `worst` is the excerpt with the largest difference, None where none was changed.

    `silent` excerpts of digital silence came back as they were, and are left out.
    """

    preset: str
    identical: Rate
    target: float
    failed: int
    silent: int
    worst: Change | None

    @property
    def is_reached(self) -> bool:
        """True when the lower bound holds, not only the share that was seen."""
        return self.identical.least >= self.target

    @property
    def tracks_needed(self) -> int:
        """How many tracks it takes to reach the target at all, were every one of them identical."""
        return math.ceil(math.log(1 - LEVEL) / math.log(self.target)) if 0 < self.target < 1 else 0


def harm_of(items: Sequence[Measured], preset: str, target: float) -> Harm:
    """The audit from the items of the clean group."""
    identical: dict[str, bool] = {}
    counted = [item for item in items if not (item.is_silent and item.outcomes[preset].is_unchanged)]
    for item in counted:
        unchanged = item.outcomes[preset].is_unchanged
        identical[item.track.sha256] = identical.get(item.track.sha256, True) and unchanged
    changes = [_change(item, preset) for item in items if item.outcomes[preset].change_dbfs is not None]
    return Harm(
        preset=preset,
        identical=rate_of(identical),
        target=target,
        failed=sum(item.outcomes[preset].is_failure for item in items),
        silent=len(items) - len(counted),
        worst=max(changes, key=lambda change: change.change_dbfs, default=None),
    )


def _change(item: Measured, preset: str) -> Change:
    outcome = item.outcomes[preset]
    assert outcome.change_dbfs is not None
    return Change(path=item.track.path, start_s=item.start_s, change_dbfs=outcome.change_dbfs, scores=outcome.scores)
