"""When a stage ends: scripted losses, against the text's formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebounce.presets.training_config import Advance, TrainingStage
from rebounce.training.trainer.plateau import (
    ALL_EPOCHS,
    PLATEAU,
    STAGNATION,
    Limits,
    has_plateaued,
    has_stagnated,
    limits_of,
    reason_to_advance,
    smoothed,
)

RULE = Advance(smoothing=0.5, lag_epochs=2, delta=0.1, patience_epochs=3, stagnation_epochs=4, stagnation_spread=0.01)
LIMITS = Limits(least=3, most=50)
FALLING = [10.0 - step for step in range(10)]


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20), st.floats(0.01, 1.0))
def test_the_smoothed_loss_is_the_weighted_sum_of_all_losses_so_far(losses: list[float], share: float) -> None:
    t = len(losses) - 1
    weights = [share * (1 - share) ** (t - k) if k else (1 - share) ** t for k in range(t + 1)]
    assert smoothed(losses, share)[-1] == pytest.approx(math.fsum(np.multiply(weights, losses)), abs=1e-6)
    assert len(smoothed(losses, share)) == len(losses)


def test_a_falling_loss_is_no_plateau_and_a_level_one_is() -> None:
    assert not has_plateaued(FALLING, RULE)
    assert has_plateaued([1.0] * 5, RULE)


def test_a_plateau_needs_the_lag_and_then_the_patience() -> None:
    # Three moves in a row, each over two epochs: five epochs.
    assert [has_plateaued([1.0] * epochs, RULE) for epochs in range(7)] == [False] * 5 + [True] * 2


def test_one_move_begins_the_count_of_epochs_anew() -> None:
    losses = [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    # With halves: the averages after the jump are 1.5, 1.75, 1.875, ..., and stay within 0.1 over two epochs from
    # 1.9375 - 1.75 > 0.1, 1.96875 - 1.875 < 0.1 on.
    averages = smoothed(losses, 0.5)
    moves = [abs(averages[k] - averages[k - 2]) for k in range(2, len(losses))]
    assert [move < 0.1 for move in moves] == [True, True, False, False, False, False, True, True]
    assert not has_plateaued(losses, RULE)
    assert has_plateaued([*losses, 2.0], RULE)


def test_a_loss_that_is_no_number_is_no_plateau() -> None:
    assert not has_plateaued([math.nan] * 9, RULE)
    assert not has_stagnated([math.nan] * 9, RULE)


@pytest.mark.parametrize(("spread", "expected"), [(0.009, True), (0.011, False)])
def test_training_stands_still_below_a_standard_deviation(spread: float, expected: bool) -> None:
    # A standard deviation of exactly `spread`, and before that losses that do not count.
    assert has_stagnated([9.0, 5.0, 1 + spread, 1 - spread, 1 + spread, 1 - spread], RULE) is expected


def test_too_few_epochs_do_not_stand_still() -> None:
    assert not has_stagnated([1.0] * 3, RULE)
    assert has_stagnated([1.0] * 4, RULE)


def test_no_stage_ends_before_its_least_number_of_epochs_and_each_at_its_most() -> None:
    level = [1.0] * 5
    assert reason_to_advance(level, level, RULE, Limits(least=6, most=50)) is None
    assert reason_to_advance(level, level, RULE, LIMITS) == PLATEAU
    assert reason_to_advance(FALLING, FALLING, RULE, LIMITS) is None
    assert reason_to_advance(FALLING, FALLING, RULE, Limits(least=1, most=10)) == ALL_EPOCHS
    assert reason_to_advance([1.0] * 10, FALLING, RULE, LIMITS) == STAGNATION


def stage(**values: object) -> TrainingStage:
    return TrainingStage(name="1", learning_rate=1e-3, losses=("token",), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "items", "least", "most"),
    [
        ({"epochs": 15}, 100_000, 15, 15),
        # max(10, items / 100), the text's own.
        ({"max_epochs": 300}, 25_000, 250, 300),
        ({"max_epochs": 300}, 500, 10, 300),
        ({"max_epochs": 20}, 25_000, 20, 20),
        ({"min_epochs": 3, "max_epochs": 20}, 25_000, 3, 20),
    ],
)
def test_a_stage_has_the_epochs_that_it_says_or_that_the_text_asks_for(
    values: dict[str, object], items: int, least: int, most: int
) -> None:
    assert limits_of(stage(**values), items) == Limits(least=least, most=most)
