"""Tasks in processes: in order, each with its own outcome, whatever happens to a process."""

import os
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from rebounce.engine.errors import UsageError
from rebounce.engine.workers import DIED, Failure, run_tasks


def halve(number: int) -> int:
    if number % 2:
        raise UsageError(f"{number}: expected an even number")
    return number // 2


def die_at_three(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number


def die_once(marker: Path) -> str:
    """Dies the first time it is tried, and works the second."""
    if marker.suffix == ".once" and not marker.exists():
        marker.touch()
        os._exit(9)
    return marker.name


def nothing(number: int) -> None:
    """Its result is None, which is a result."""


def divide(number: int) -> float:
    return 1 / number


def leave_a_mark(folder: Path) -> None:
    (folder / str(os.getpid())).touch()


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order_and_a_failure_costs_only_its_task(processes: int) -> None:
    done = list(run_tasks(halve, [4, 7, 0, 2], processes))
    assert [task for task, _ in done] == [4, 7, 0, 2]
    assert [result for _, result in done] == [2, Failure(message="7: expected an even number"), 0, 1]


@pytest.mark.parametrize("processes", [1, 2])
def test_what_nobody_expected_is_named_with_its_kind(processes: int) -> None:
    assert [result for _, result in run_tasks(divide, [0, 1], processes)] == [
        Failure(message="ZeroDivisionError: division by zero"),
        1.0,
    ]


def test_a_process_that_dies_fails_its_own_task_alone() -> None:
    assert [result for _, result in run_tasks(die_at_three, [1, 2, 3, 4, 5], 2)] == [1, 2, Failure(message=DIED), 4, 5]


def test_a_task_whose_process_died_is_tried_once_more(tmp_path: Path) -> None:
    tasks = [tmp_path / name for name in ("a", "b.once", "c")]
    assert [result for _, result in run_tasks(die_once, tasks, 2)] == ["a", "b.once", "c"]


def test_a_result_of_nothing_is_no_crash() -> None:
    assert [result for _, result in run_tasks(nothing, [1, 2, 3], 2)] == [None, None, None]


@pytest.mark.parametrize(("processes", "most"), [(1, 1), (2, 2)])
def test_each_process_gets_ready_once(tmp_path: Path, processes: int, most: int) -> None:
    list(run_tasks(halve, [2, 4, 6, 8], processes, partial(leave_a_mark, tmp_path)))
    assert 1 <= len(list(tmp_path.iterdir())) <= most


def test_one_task_or_none_starts_no_process(tmp_path: Path) -> None:
    list(run_tasks(halve, [2], 8, partial(leave_a_mark, tmp_path)))
    assert [path.name for path in tmp_path.iterdir()] == [str(os.getpid())]
    assert list(run_tasks(halve, [], 8)) == []


def test_who_stops_asking_leaves_no_process_behind() -> None:
    import multiprocessing

    tasks: Iterator[tuple[int, int | Failure]] = run_tasks(halve, list(range(0, 40, 2)), 2)
    with closing(tasks) as done:  # type: ignore[type-var]
        assert next(done) == (0, 0)
    assert multiprocessing.active_children() == []
