"""What is done when memory runs out or numbers break."""

import numpy as np
import pytest
import torch

from rebounce.engine.errors import TrainingError
from rebounce.presets.training_config import Batch
from rebounce.training.trainer.recovery import MOST_ROLLBACKS, BatchSize, Rate, is_out_of_memory, may_grow


def raised(make: object) -> BaseException:
    """What a call raises."""
    try:
        make()  # type: ignore[operator]
    except (RuntimeError, MemoryError) as problem:
        return problem
    raise AssertionError("nothing was raised")


def test_memory_that_ran_out_is_known_by_what_torch_and_numpy_really_raise() -> None:
    assert is_out_of_memory(raised(lambda: torch.empty(2**60)))
    assert is_out_of_memory(raised(lambda: np.empty(2**58)))
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"))


def test_other_trouble_is_not_taken_for_it() -> None:
    assert not is_out_of_memory(raised(lambda: torch.zeros(2) @ torch.zeros(3)))
    assert not is_out_of_memory(KeyError("out of memory"))


def test_a_batch_is_halved_for_good_down_to_one_window() -> None:
    size = BatchSize(windows=6, most=32).halved()
    assert size == BatchSize(windows=3, most=3)
    assert size.grown(0.0) == size
    assert size.halved() == BatchSize(windows=1, most=1)
    with pytest.raises(TrainingError, match=r"with a single window a batch; take a smaller size"):
        size.halved().halved()


@pytest.mark.parametrize(
    ("windows", "most", "used", "expected"),
    [(4, 32, 0.1, 8), (4, 32, 0.45, 8), (4, 32, 0.46, 4), (16, 20, 0.1, 20), (20, 20, 0.1, 20), (4, 2, 0.1, 4)],
)
def test_a_batch_is_doubled_where_twice_as_much_fits(windows: int, most: int, used: float, expected: int) -> None:
    assert BatchSize(windows=windows, most=most).grown(used).windows == expected


@pytest.mark.parametrize(
    ("grow", "on_cuda", "on_cpu"), [("cuda", True, False), ("always", True, True), ("never", False, False)]
)
def test_where_a_batch_grows_is_the_configs_to_say(grow: str, on_cuda: bool, on_cpu: bool) -> None:
    batch = Batch(grow=grow)
    assert (may_grow(batch, is_on_cuda=True), may_grow(batch, is_on_cuda=False)) == (on_cuda, on_cpu)


def test_the_rate_is_halved_each_time_until_it_is_given_up() -> None:
    rate = Rate()
    for times in range(1, MOST_ROLLBACKS + 1):
        rate = rate.lowered()
        assert rate == Rate(factor=0.5**times, rollbacks=times)
    with pytest.raises(TrainingError, match=r"no number 6 times in one epoch, the last time at 0.03125 of the"):
        rate.lowered()


def test_after_a_whole_epoch_the_rate_stays_low_and_the_count_begins_anew() -> None:
    assert Rate().lowered().lowered().after_epoch() == Rate(factor=0.25, rollbacks=0)
