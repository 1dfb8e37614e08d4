"""What is removed in time: what the user asked for, and nothing by a clock that jumped."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rebounce.watchers.bounce import State, stamp_of
from rebounce.watchers.delivery_plan import Plan
from rebounce.watchers.housekeeping import DAY_S, EVERY_S, Housekeeping
from rebounce.watchers.journal import Journal
from rebounce.watchers.layout import Layout, layout_of
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.processes import this_process
from rebounce.watchers.settings import WatchFolder

BEGIN_S = 1_800_000_000.0


class Clocks:
    """A time of day and a clock that only counts, both set by hand."""

    def __init__(self) -> None:
        self.day_s = BEGIN_S
        self.counted_s = 50.0

    def __call__(self) -> tuple[float, float]:
        return self.day_s, self.counted_s

    def go_on(self, seconds: float) -> None:
        self.day_s += seconds
        self.counted_s += seconds


class House:
    """A folder with one bounce that was done at the beginning."""

    def __init__(self, root: Path, keep_done_days: float | None, ledger_days: float) -> None:
        self.clocks = Clocks()
        folder = WatchFolder(path=root, keep_done_days=keep_done_days)
        self.layout: Layout = layout_of(folder, False, root)
        self.ledger = Ledger(self.layout.ledger, lambda: self.clocks.day_s)
        self.journal = Journal(root / "log", "house", lambda level, line: None, log_mb=1, keep_logs=1)
        self.keeping = Housekeeping(folder, self.layout, self.journal, ledger_days, self.clocks)
        self.original = self.layout.at("Done/Mix.wav")
        self.original.parent.mkdir()
        self.original.write_bytes(b"audio")
        self._do_bounce()

    def _do_bounce(self) -> None:
        stamp = stamp_of(self.original.stat())
        self.ledger.discover([("Mix.wav", stamp)])
        self.ledger.queue([("Mix.wav", stamp, None)])
        (bounce,) = self.ledger.next_due()
        self.ledger.start(bounce.id, this_process(), this_process())
        self.ledger.identify(bounce, "content", "preset", stamp)
        self.ledger.plan(bounce.id, Plan(outcome=State.DONE, stamp=stamp).to_dict(), None, None, None)
        self.ledger.finish(bounce.id, State.DONE, "Done/Mix.wav", True)

    def tick(self) -> None:
        self.keeping.tick(self.ledger)


@pytest.fixture
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    keep_done_days, ledger_days = getattr(request, "param", (7.0, 30.0))
    made = House(tmp_path, keep_done_days, ledger_days)
    yield made
    made.ledger.close()
    made.journal.close()


def pass_days(house: House, days: float) -> None:
    """Time goes by as it does: an hour at a time, and the house is kept in each."""
    for _ in range(int(days * DAY_S / EVERY_S)):
        house.clocks.go_on(EVERY_S)
        house.tick()


def test_an_original_stays_for_its_days_and_not_longer(house: House) -> None:
    pass_days(house, 6.9)
    assert house.original.read_bytes() == b"audio"
    pass_days(house, 0.3)
    assert not house.original.exists()


@pytest.mark.parametrize("house", [(None, 30.0)], indirect=True)
def test_without_a_word_originals_stay_for_ever(house: House) -> None:
    pass_days(house, 40)
    assert house.original.exists()
    assert house.ledger.counts() == {}  # the row went, the file did not


def test_an_original_that_was_changed_in_done_is_somebodys(house: House) -> None:
    house.original.write_bytes(b"louder")
    pass_days(house, 10)
    assert house.original.read_bytes() == b"louder"


def test_a_touched_original_stays_too(house: House) -> None:
    os.utime(house.original, ns=(1, 1))
    pass_days(house, 10)
    assert house.original.exists()


def test_rows_are_forgotten_after_their_days(house: House) -> None:
    pass_days(house, 29)
    assert house.ledger.counts() == {State.DONE: 1}
    pass_days(house, 2)
    assert house.ledger.counts() == {}


@pytest.mark.parametrize("jump_days", [400.0, -400.0])
def test_nothing_is_removed_once_the_clock_has_jumped(house: House, jump_days: float) -> None:
    house.clocks.day_s += jump_days * DAY_S
    pass_days(house, 10)
    assert house.original.exists()
    assert house.ledger.counts() == {State.DONE: 1}


def test_it_works_once_an_hour(house: House) -> None:
    house.clocks.go_on(8 * DAY_S)
    house.tick()
    assert not house.original.exists()
    house.original.write_bytes(b"audio")
    house.clocks.go_on(EVERY_S - 1)
    house.tick()
    assert house.original.exists()


def test_a_run_that_does_not_last_keeps_house_at_its_end(house: House) -> None:
    house.clocks.go_on(8 * DAY_S)
    house.keeping.at_the_end(house.ledger)
    assert not house.original.exists()
