"""What a plan and its folders say reaches the service that runs: who works when, what is kept, how changes are seen."""

import multiprocessing
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bouncing import tiny
from commands import wait_until
from mounting import counted_as_share
from service_here import IN_TIME_S, Base, Running, states
from watchdog.observers.api import BaseObserver

from rebounce.watchers import crew, service
from rebounce.watchers.bounce import State
from rebounce.watchers.journal import NAME
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.service import Surroundings
from rebounce.watchers.settings import WatchFolder

LONG_S = 3600


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Base]:
    base = Base(tmp_path)
    yield base
    base.close()


def open_ledger_of(folder: WatchFolder) -> Ledger:
    return Ledger(folder.path / ".rebounce/ledger.sqlite")


# -- one job on the card at a time


def asked_for_by_hand(folder: WatchFolder, preset: str, *paths: str) -> None:
    """Finished bounces are wanted once more, with a preset of their own."""
    with open_ledger_of(folder) as ledger:
        finished = {bounce.path: bounce for bounce in ledger.latest(-1)}
        for path in paths:
            assert ledger.rerun(finished[path].id, preset)


def running_at_each_start(base: Base, folder: WatchFolder) -> list[set[str]]:
    """Filled with what is worked on in each moment in which work on something begins."""
    found: list[set[str]] = []

    def look(line: str) -> None:
        if line.endswith(": started"):
            with open_ledger_of(folder) as ledger:
                found.append({bounce.path for bounce in ledger.in_state(State.RUNNING)})

    base.told.on_say = look
    return found


def test_one_job_at_a_time_is_on_the_card_and_others_pass(base: Base) -> None:
    """A preset that was asked for by hand counts as if it used the card; the folder's own is known not to."""
    paths = ("card 1.wav", "card 2.wav", "none.wav")
    for number, path in enumerate(paths):
        base.drop(f"Bounces/{path}", tiny(number))
    folder = base.folder()
    assert base.once(folder) == 0
    chain = base.path / "half.toml"
    chain.write_text('[[chain]]\nplugin = "Gain"\ngain_db = -6.0\n', encoding="utf-8")
    asked_for_by_hand(folder, str(chain), *paths[:2])
    asked_for_by_hand(folder, "bypass", paths[2])
    running = running_at_each_start(base, folder)
    assert base.once(folder, processes=2) == 0
    assert len(running) == len(paths)
    assert not [together for together in running if {"card 1.wav", "card 2.wav"} <= together]
    assert {"card 1.wav", "none.wav"} in running


# -- folders in turn


@pytest.mark.parametrize("processes", [1, 2])
def test_of_several_folders_none_waits_for_all_of_another(base: Base, processes: int) -> None:
    names, count = ("One", "Two", "Three"), 4
    for name in names:
        for number in range(count):
            base.drop(f"{name}/{number}.wav", tiny(number))
    folders = [base.folder(name) for name in names]
    begun: list[str] = []

    def note(line: str) -> None:
        if line.endswith(": started"):
            begun.append(line.partition(":")[0])

    base.told.on_say = note
    assert base.once(*folders, processes=processes) == 0
    assert sorted(begun) == sorted(names * count)
    for end in range(len(begun)):
        counts = [begun[:end].count(name) for name in names]
        assert max(counts) - min(counts) <= 1, begun


# -- a warm worker


def test_a_warm_worker_is_kept_for_ten_minutes() -> None:
    assert crew.WARM_S == 600
    assert Surroundings(state_folder=Path("state")).warm_s == 600


def test_a_warm_worker_is_let_go_when_its_time_has_come(base: Base) -> None:
    folder = base.folder(settle_s=0.05, give_up_s=0.05)
    with Running(base.service(folder, warm_s=0.5)):
        base.drop("Bounces/Mix.wav", tiny(1))
        base.told.wait_for(folder.path / "Mix.wav")
        wait_until(lambda: not multiprocessing.active_children())
        base.drop("Bounces/New.wav", tiny(2))
        base.told.wait_for(folder.path / "New.wav")


def test_a_warm_worker_is_there_as_long_as_it_may_be(base: Base) -> None:
    folder = base.folder(settle_s=0.05, give_up_s=0.05)
    with Running(base.service(folder)):
        base.drop("Bounces/Mix.wav", tiny(1))
        base.told.wait_for(folder.path / "Mix.wav")
        before = multiprocessing.active_children()
        base.drop("Bounces/New.wav", tiny(2))
        base.told.wait_for(folder.path / "New.wav")
        assert multiprocessing.active_children() == before != []


# -- how changes are seen


def listens() -> bool:
    """Whether the system is asked to tell of changes."""
    return any(isinstance(thread, BaseObserver) for thread in threading.enumerate())


SEEING: list[tuple[dict[str, Any], bool]] = [
    ({"is_share": True}, False),
    ({"is_share": True, "poll": False}, True),
    ({"is_share": False}, True),
    ({"is_share": False, "poll": True}, False),
]


@pytest.mark.parametrize(("settings", "is_told"), SEEING)
def test_a_share_is_looked_through_and_a_disk_listened_to_unless_it_is_said(
    base: Base, settings: dict[str, Any], is_told: bool
) -> None:
    poll_s = LONG_S if is_told else 0.1
    folder = base.folder(settle_s=0.05, give_up_s=0.05, rescan_s=LONG_S, poll_s=poll_s, **settings)
    with Running(base.service(folder)):
        base.told.wait_until(lambda: any("watching" in line for _, line in base.told.lines))
        assert listens() == is_told
        base.drop("Bounces/Mix.wav", tiny(1))
        base.told.wait_for(folder.path / "Mix.wav")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has a table of mounts")
def test_what_the_system_mounts_as_a_share_is_one(base: Base) -> None:
    folder = base.folder(settle_s=0.05, give_up_s=0.05, poll_s=0.1, rescan_s=LONG_S)
    with counted_as_share(folder.path, base.path / "mounts"), Running(base.service(folder)):
        base.drop("Bounces/Mix.wav", tiny(1))
        base.told.wait_for(folder.path / "Mix.wav")
        assert not listens()
    assert not (folder.path / ".rebounce/ledger.sqlite").exists()
    assert len(list((base.path / "state").glob("*/ledger.sqlite"))) == 1


# -- logs and rows


def logs(folder: WatchFolder) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (folder.path / ".rebounce").glob(f"{NAME}*")}


def test_logs_are_as_large_and_as_many_as_the_plan_says(base: Base) -> None:
    for number in range(8):
        base.drop(f"Bounces/{number}.wav", tiny(number))
    folder = base.folder()
    assert base.once(folder, log_mb=0.001, keep_logs=2) == 0
    assert set(logs(folder)) == {NAME, f"{NAME}.1", f"{NAME}.2"}
    assert max(logs(folder).values()) <= 1000


@pytest.mark.parametrize(("ledger_days", "left"), [(0, {}), (1, {State.UNCHANGED: 1})])
def test_what_is_done_is_forgotten_after_the_days_of_the_plan(
    base: Base, ledger_days: float, left: dict[State, int]
) -> None:
    base.drop("Bounces/Mix.wav", tiny(1))
    folder = base.folder()
    assert base.once(folder, ledger_days=ledger_days) == 0
    assert states(folder) == left


# -- whether it is well


def test_a_service_whose_turn_does_not_end_is_not_well(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    """As over a share that does not answer."""
    monkeypatch.setattr(service, "WELL_S", 2.0)
    answers = threading.Event()
    folder = base.folder(settle_s=0.05, give_up_s=0.05)
    with Running(base.service(folder)) as running:
        base.told.wait_until(lambda: any("watching" in line for _, line in base.told.lines))
        wait_until(lambda: running.service.is_well)
        base.told.on_say = lambda line: _wait(answers)
        base.drop("Bounces/Mix.wav", tiny(1))
        wait_until(lambda: not running.service.is_well)
        answers.set()
        wait_until(lambda: running.service.is_well)


def _wait(answers: threading.Event) -> None:
    answers.wait(IN_TIME_S)
