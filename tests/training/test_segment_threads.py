"""Work side by side: in order, a few at a time, with torch's threads put back."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
import torch
from torch_threads import threads

from rebounce.training.segment_threads import MOST_THREADS, each_on_one_thread


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

    for count in (2, MOST_THREADS + 5):
        taken.clear()
        with threads(count):
            for done, _ in enumerate(each_on_one_thread(lambda item: item, items()), start=1):
                assert len(taken) - done <= min(count, MOST_THREADS)


def test_a_failure_is_handed_on_and_nothing_stays_lowered() -> None:
    with threads(2):
        with pytest.raises(ZeroDivisionError):
            list(each_on_one_thread(lambda item: 1 // item, [1, 0, 1]))
        assert torch.get_num_threads() == 2
        assert list(each_on_one_thread(lambda item: item, [1, 2])) == [1, 2]


def threads_of_a_new_thread() -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


@pytest.mark.parametrize("count", [2, 3])
def test_only_the_threads_that_work_are_lowered(count: int) -> None:
    with threads(count):
        walk = each_on_one_thread(lambda item: (item, torch.get_num_threads()), range(9))
        assert next(walk) == (0, 1)
        assert (torch.get_num_threads(), threads_of_a_new_thread()) == (count, count)
        assert list(walk) == [(item, 1) for item in range(1, 9)]
        assert (torch.get_num_threads(), threads_of_a_new_thread()) == (count, count)


@contextmanager
def in_time() -> Iterator[ThreadPoolExecutor]:
    """What is done in it must end; where it hangs the test fails, and does not hang as well."""
    pool = ThreadPoolExecutor(8)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False)


def test_one_left_in_the_middle_hinders_no_other() -> None:
    with threads(2), in_time() as pool:
        try:
            for _ in each_on_one_thread(lambda item: item, range(9)):
                raise KeyboardInterrupt
        except KeyboardInterrupt as interrupt:
            kept = interrupt  # and with it the frame that holds the walk, as an interactive session does
        assert torch.get_num_threads() == 2
        other = pool.submit(lambda: list(each_on_one_thread(lambda item: item, range(3))))
        assert other.result(timeout=30) == [0, 1, 2]
        del kept


def test_two_may_be_walked_in_turns_and_one_inside_the_other() -> None:
    def inner(item: int) -> list[int]:
        return list(each_on_one_thread(lambda place: 10 * item + place, range(3)))

    def turns() -> list[tuple[int, int]]:
        walks = (each_on_one_thread(lambda item: item, range(5)) for _ in range(2))
        return list(zip(*walks, strict=True))

    with threads(2), in_time() as pool:
        assert pool.submit(turns).result(timeout=30) == [(item, item) for item in range(5)]
        nested = pool.submit(lambda: list(each_on_one_thread(inner, range(4))))
        assert nested.result(timeout=30) == [[10 * item + place for place in range(3)] for item in range(4)]


def test_several_callers_at_once_each_get_their_own_and_leave_the_number_as_it_was() -> None:
    with threads(3), in_time() as pool:
        callers = [
            pool.submit(lambda: [*each_on_one_thread(lambda item: torch.get_num_threads(), range(6))]) for _ in range(8)
        ]
        assert [caller.result(timeout=60) for caller in callers] == [[1] * 6] * 8
        assert (torch.get_num_threads(), threads_of_a_new_thread()) == (3, 3)


def test_its_threads_end_when_it_is_closed_in_the_middle() -> None:
    with threads(2):
        before = set(threading.enumerate())
        with closing(each_on_one_thread(lambda item: item, range(100))) as walk:
            assert next(walk) == 0
            started = set(threading.enumerate()) - before
            assert len(started) == 2
        assert not any(thread.is_alive() for thread in started)
        assert list(walk) == []
