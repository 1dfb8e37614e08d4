"""The learning rate as a function of how much of a stage is done, 0 to 1: torch's own shapes without a state.

What always holds: the rate does not depend on how many windows make a batch or how many batches a step, so that both
may change on the way; and a training that goes on after a kill has the rate that it would have had.
"""

from collections.abc import Callable
from math import cos, pi

from rebounce.presets.training_config import COSINE, ONE_CYCLE

# As torch.optim.lr_scheduler.OneCycleLR has them.
RISING_SHARE = 0.3
START_DIVISOR = 25.0
END_DIVISOR = 1e4


def one_cycle(done: float) -> float:
    """Up from 1/25 over the first three tenths, then down to nearly nothing; each along half a cosine."""
    start = 1 / START_DIVISOR
    if done < RISING_SHARE:
        return _between(start, 1.0, done / RISING_SHARE)
    return _between(1.0, start / END_DIVISOR, (done - RISING_SHARE) / (1 - RISING_SHARE))


def cosine(done: float) -> float:
    """Down from 1 to 0 along half a cosine."""
    return _between(1.0, 0.0, done)


SCHEDULES: dict[str, Callable[[float], float]] = {ONE_CYCLE: one_cycle, COSINE: cosine}
"""The part of a stage's highest rate that is used when so much of it is done."""


def _between(first: float, last: float, done: float) -> float:
    return last + (first - last) * (1 + cos(pi * min(done, 1.0))) / 2
