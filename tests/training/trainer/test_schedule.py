"""The learning rate: torch's own schedulers, as functions of how much is done."""

import warnings

import pytest
import torch

from rebounce.training.trainer.schedule import SCHEDULES, cosine, one_cycle

STEPS = 10_000


def rates(make: object) -> list[float]:
    """What a scheduler of torch gives over so many steps, at a highest rate of 1."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimiser)  # type: ignore[operator]
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no weight was moved
        for _ in range(STEPS):
            found.append(optimiser.param_groups[0]["lr"])
            scheduler.step() if len(found) < STEPS else None
    return found


def test_one_cycle_is_that_of_torch() -> None:
    schedulers = torch.optim.lr_scheduler
    expected = rates(lambda made: schedulers.OneCycleLR(made, max_lr=1.0, total_steps=STEPS, cycle_momentum=False))
    # torch's first part is one step shorter than three tenths: 1e-4 of the way, at a slope of 5 at most.
    assert [one_cycle(step / (STEPS - 1)) for step in range(STEPS)] == pytest.approx(expected, abs=1e-3)


def test_cosine_is_that_of_torch() -> None:
    expected = rates(lambda made: torch.optim.lr_scheduler.CosineAnnealingLR(made, T_max=STEPS))
    assert [cosine(step / STEPS) for step in range(STEPS)] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_rate_is_above_the_highest_or_below_nothing_and_the_last_is_nearly_nothing(name: str) -> None:
    found = [SCHEDULES[name](step / 1000) for step in range(1001)]
    assert max(found) == pytest.approx(1.0)
    assert min(found) >= 0
    assert found[-1] < 1e-5
    assert SCHEDULES[name](1.5) == found[-1]
