"""Who counts as gone: a process that is, at once; one that cannot be asked, when its beat stood still for long."""

from dataclasses import replace
from pathlib import Path

import pytest

from rebounce.watchers.bounce import Bounce, Stamp
from rebounce.watchers.leases import Leases
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.processes import Owner, this_process

STALE_S = 90.0


class Clock:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def running(tmp_path: Path) -> Bounce:
    """A bounce that this very process works on."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        stamp = Stamp(size=1, mtime_ns=1)
        ledger.discover([("Mix.wav", stamp)])
        ledger.queue([("Mix.wav", stamp, None)])
        (bounce,) = ledger.next_due()
        assert ledger.start(bounce.id, this_process(), this_process())
        return ledger.known(bounce.id)


def elsewhere() -> Owner:
    return replace(this_process(), host="another-machine")


def test_a_process_that_lives_keeps_its_bounce_however_long_its_beat_stands_still(running: Bounce) -> None:
    clock = Clock()
    leases = Leases(STALE_S, clock)
    assert leases.abandoned([running]) == []
    clock.now_s += 100 * STALE_S
    assert leases.abandoned([running]) == []


@pytest.mark.parametrize("change", [{"pid": 2**22 + 1}, {"started": "1"}, {"boot": "an-earlier-one"}])
def test_a_process_of_this_machine_that_is_gone_is_known_to_be_gone_at_once(
    running: Bounce, change: dict[str, str]
) -> None:
    gone = replace(running, owner=replace(this_process(), **change))  # type: ignore[arg-type]
    assert Leases(STALE_S, Clock()).abandoned([gone]) == [gone]


def test_a_bounce_without_an_owner_is_abandoned(running: Bounce) -> None:
    orphan = replace(running, owner=None)
    assert Leases(STALE_S, Clock()).abandoned([orphan]) == [orphan]


def test_another_machine_is_waited_for_as_long_as_its_beat_grows(running: Bounce) -> None:
    clock = Clock()
    leases = Leases(STALE_S, clock)
    for beat in range(10):
        assert leases.abandoned([replace(running, owner=elsewhere(), beat=beat)]) == []
        clock.now_s += STALE_S - 1


def test_another_machine_whose_beat_stands_still_is_gone_after_a_while(running: Bounce) -> None:
    clock = Clock()
    leases = Leases(STALE_S, clock)
    theirs = replace(running, owner=elsewhere(), beat=7)
    assert leases.abandoned([theirs]) == []
    clock.now_s += STALE_S - 1
    assert leases.abandoned([theirs]) == []
    clock.now_s += 1
    assert leases.abandoned([theirs]) == [theirs]


def test_time_counts_from_the_first_look_and_not_from_what_the_ledger_says(running: Bounce) -> None:
    clock = Clock()
    old = replace(running, owner=elsewhere(), started_at=0.0)
    assert Leases(STALE_S, clock).abandoned([old]) == []
    assert Leases(STALE_S, clock).abandoned([old]) == []
