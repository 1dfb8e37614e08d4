"""Work side by side: in order, a few at a time, with torch's threads put back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from rebounce.training.segment_threads import each_on_one_thread


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(count: int) -> None:
    with threads(count):
        assert list(each_on_one_thread(lambda item: item * item, range(50))) == [item * item for item in range(50)]
        assert list(each_on_one_thread(lambda item: item, [])) == []


def test_inside_torch_has_one_thread_and_afterwards_as_many_as_before() -> None:
    with threads(3):
        assert set(each_on_one_thread(lambda item: torch.get_num_threads(), range(9))) == {1}
        assert torch.get_num_threads() == 3


def test_as_many_work_at_once_as_torch_had_threads() -> None:
    meeting = threading.Barrier(3, timeout=30)
    with threads(3):
        assert len(list(each_on_one_thread(lambda item: meeting.wait(), range(3)))) == 3


def test_no_more_items_are_taken_than_can_be_worked_on() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    with threads(2):
        for done, _ in enumerate(each_on_one_thread(lambda item: item, items()), start=1):
            assert len(taken) - done <= 2


def test_a_failure_is_handed_on_and_nothing_stays_lowered() -> None:
    with threads(2):
        with pytest.raises(ZeroDivisionError):
            list(each_on_one_thread(lambda item: 1 // item, [1, 0, 1]))
        assert torch.get_num_threads() == 2
        assert list(each_on_one_thread(lambda item: item, [1, 2])) == [1, 2]
