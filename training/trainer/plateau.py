"""When a stage of the curriculum has given what it can: pure functions of the losses of its epochs.

The validation loss is smoothed, e_t = a L_t + (1 - a) e_{t-1}; a stage has reached a plateau when |e_t - e_{t-k}| stays
below a small number for some epochs in a row. Where the training loss alone has stopped moving, over the last eight
epochs say, that is enough too. Neither counts before a stage has had its least number of epochs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rebounce.presets.training_config import Advance, TrainingStage

PLATEAU = "the validation loss has reached a plateau"
STAGNATION = "the training loss has stopped moving"
ALL_EPOCHS = "all its epochs are done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many epochs a stage has at least and at most."""

    least: int
    most: int


def limits_of(stage: TrainingStage, items: int) -> Limits:
    """Of a stage with so many training items; one that does not say how many it needs has as many as the text asks."""
    if stage.epochs is not None:
        return Limits(least=stage.epochs, most=stage.epochs)
    wanted = max(10, items // 100) if stage.min_epochs is None else stage.min_epochs
    return Limits(least=min(wanted, stage.most_epochs), most=stage.most_epochs)


def smoothed(losses: Sequence[float], smoothing: float) -> list[float]:
    """The exponential moving average after each loss; the first is its own."""
    averages: list[float] = []
    for loss in losses:
        averages.append(smoothing * loss + (1 - smoothing) * averages[-1] if averages else loss)
    return averages


def has_plateaued(validation: Sequence[float], rule: Advance) -> bool:
    """True when the smoothed loss moved too little in each of the last epochs."""
    averages = smoothed(validation, rule.smoothing)
    moves = [abs(now - then) for then, now in zip(averages, averages[rule.lag_epochs :], strict=False)]
    last = moves[-rule.patience_epochs :]
    return len(last) == rule.patience_epochs and all(move < rule.delta for move in last)


def has_stagnated(training: Sequence[float], rule: Advance) -> bool:
    """True when the last training losses lie closer together than they should."""
    last = training[-rule.stagnation_epochs :]
    return len(last) == rule.stagnation_epochs and float(np.std(last)) < rule.stagnation_spread


def reason_to_advance(
    training: Sequence[float], validation: Sequence[float], rule: Advance, limits: Limits
) -> str | None:
    """Why the stage ends after these epochs, or None where it goes on."""
    if len(validation) >= limits.most:
        return ALL_EPOCHS
    if len(validation) < limits.least:
        return None
    if has_plateaued(validation, rule):
        return PLATEAU
    return STAGNATION if has_stagnated(training, rule) else None
