import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from bouncing import gone_process, unfinished_at
from hypothesis import given, settings
from hypothesis import strategies as st

from rebounce.engine.errors import OutputError
from rebounce.watchers.bounce import FINISHED, Bounce, Stamp, State
from rebounce.watchers.ledger import LONGEST_WAIT_S, UNSEEN_S, Identified, Ledger, open_ledger
from rebounce.watchers.named_sql import migrations, queries
from rebounce.watchers.processes import Owner, this_process

STAMP = Stamp(size=100, mtime_ns=1)
ME = this_process()
UNFINISHED = tuple(state for state in State if state not in FINISHED)


@dataclass
class Clock:
    """A clock that is turned by hand."""

    now_s: float = 1_000_000.0

    def __call__(self) -> float:
        self.now_s += 0.001
        return self.now_s


@dataclass
class Book:
    """A ledger with shortcuts to rows in each state."""

    ledger: Ledger
    clock: Clock = field(default_factory=Clock)

    def queued(self, path: str = "Mix.wav", stamp: Stamp = STAMP) -> Bounce:
        self.ledger.discover([(path, stamp)])
        self.ledger.queue([(path, stamp, None)])
        return self.at(path)

    def running(self, path: str = "Mix.wav", owner: Owner = ME) -> Bounce:
        bounce = self.queued(path)
        assert self.ledger.start(bounce.id, owner, ME)
        return self.ledger.known(bounce.id)

    def finished(
        self, path: str = "Mix.wav", content: str = "c", state: State = State.DONE, source: str = ""
    ) -> Bounce:
        bounce = self.running(path)
        self.ledger.identify(bounce, content, "hash", STAMP)
        result = None if state is State.FAILED else f"Restored/{path}"
        self.ledger.plan(bounce.id, {"left": 1}, {"status": state.value}, result, result and "r")
        self.ledger.finish(bounce.id, state, source or f"Done/{path}", is_told=True)
        return self.ledger.known(bounce.id)

    def at(self, path: str) -> Bounce:
        bounce = unfinished_at(self.ledger, path)
        assert bounce is not None
        return bounce


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    clock = Clock()
    with Ledger(tmp_path / ".rebounce" / "ledger.sqlite", clock) as ledger:
        yield Book(ledger, clock)


def in_state(book: Book, state: State) -> Bounce:
    """A row that came to a state by the ways there are."""
    ledger = book.ledger
    if state in FINISHED:
        return book.finished(state=state)
    if state is State.DISCOVERED:
        ledger.discover([("Mix.wav", STAMP)])
    elif state is State.SETTLING:
        ledger.discover([("Mix.wav", STAMP)])
        ledger.settle([("Mix.wav", STAMP, "it grows")])
    elif state is State.QUEUED:
        book.queued()
    elif state is State.RUNNING:
        book.running()
    else:
        ledger.park(book.running().id, "no room")
    bounce = book.at("Mix.wav")
    assert bounce.state is state
    return bounce


def test_what_was_said_is_there_when_it_is_opened_again(book: Book) -> None:
    bounce = book.finished("Album/Mix.wav")
    with Ledger(book.ledger.path) as again:
        assert again.known(bounce.id) == bounce
    assert (bounce.path, bounce.source, bounce.state) == ("Album/Mix.wav", "Done/Album/Mix.wav", State.DONE)
    assert (bounce.plan, bounce.owner, bounce.progress, bounce.result) == (None, None, 1, "Restored/Album/Mix.wav")
    assert bounce.seen_at < (bounce.queued_at or 0) < (bounce.started_at or 0) < (bounce.finished_at or 0)


def test_there_is_one_unfinished_bounce_to_a_path(book: Book) -> None:
    first = book.queued()
    book.ledger.discover([("Mix.wav", Stamp(size=7, mtime_ns=7)), ("Other.wav", STAMP)])
    assert book.at("Mix.wav") == first
    assert book.at("Other.wav").state is State.DISCOVERED
    assert book.ledger.counts() == {State.QUEUED: 1, State.DISCOVERED: 1}


@pytest.mark.parametrize("state", FINISHED)
def test_a_path_whose_bounce_is_finished_may_have_another(book: Book, state: State) -> None:
    first = in_state(book, state)
    book.ledger.discover([("Mix.wav", STAMP)])
    assert book.at("Mix.wav").id != first.id
    assert book.ledger.known(first.id).state is state


CHANGES: list[tuple[str, Callable[[Book, Bounce], object], dict[State, State | None]]] = [
    (
        "settle",
        lambda book, bounce: book.ledger.settle([("Mix.wav", Stamp(size=9, mtime_ns=9), "it grows")]),
        {State.DISCOVERED: State.SETTLING, State.SETTLING: State.SETTLING, State.QUEUED: State.SETTLING},
    ),
    (
        "queue",
        lambda book, bounce: book.ledger.queue([("Mix.wav", STAMP, None)]),
        {State.DISCOVERED: State.QUEUED, State.SETTLING: State.QUEUED},
    ),
    (
        "forget",
        lambda book, bounce: book.ledger.forget(["Mix.wav"]),
        dict.fromkeys((State.DISCOVERED, State.SETTLING, State.QUEUED, State.PARKED)),
    ),
    ("start", lambda book, bounce: book.ledger.start(bounce.id, ME, ME), {State.QUEUED: State.RUNNING}),
    (
        "finish",
        lambda book, bounce: book.ledger.finish(bounce.id, State.UNCHANGED, "Done/Mix.wav", True),
        {State.RUNNING: State.UNCHANGED},
    ),
    ("again", lambda book, bounce: book.ledger.again(bounce.id, "why"), {State.RUNNING: State.QUEUED}),
    ("unsettle", lambda book, bounce: book.ledger.unsettle(bounce.id, "why"), {State.RUNNING: State.SETTLING}),
    ("unplan", lambda book, bounce: book.ledger.unplan(bounce.id, "why"), {State.RUNNING: State.QUEUED}),
    ("park", lambda book, bounce: book.ledger.park(bounce.id, "why"), {State.RUNNING: State.PARKED}),
    ("unpark", lambda book, bounce: book.ledger.unpark(), {State.PARKED: State.QUEUED}),
    ("lost", lambda book, bounce: book.ledger.lost(bounce.id), {State.RUNNING: None}),
    ("retry", lambda book, bounce: book.ledger.retry(bounce.id), {State.FAILED: State.QUEUED}),
    ("progress", lambda book, bounce: book.ledger.progress(bounce.id, 0.5), {}),
    ("beat", lambda book, bounce: book.ledger.beat(bounce.id), {}),
    ("told", lambda book, bounce: book.ledger.told(bounce.id), {}),
]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(("name", "change", "changed"), CHANGES, ids=[change[0] for change in CHANGES])
def test_a_bounce_changes_its_state_only_from_those_that_it_may_come_from(
    book: Book, name: str, change: Callable[[Book, Bounce], object], changed: dict[State, State | None], state: State
) -> None:
    before = in_state(book, state)
    change(book, before)
    after = book.ledger.bounce(before.id)
    assert (None if after is None else after.state) == changed.get(state, state)
    if state not in changed and name not in ("progress", "beat", "told"):
        assert after == before


@pytest.mark.parametrize("state", State)
def test_a_re_run_is_a_bounce_of_its_own_of_what_succeeded(book: Book, state: State) -> None:
    first = in_state(book, state)
    assert book.ledger.rerun(first.id, "bypass") == (state in (State.DONE, State.UNCHANGED))
    assert book.ledger.known(first.id) == first
    if state in (State.DONE, State.UNCHANGED):
        second = book.at("Mix.wav")
        assert (second.state, second.source, second.preset) == (State.QUEUED, "Done/Mix.wav", "bypass")
        assert not book.ledger.rerun(first.id, "bypass")


def test_what_is_running_or_has_a_plan_is_not_settled_or_forgotten(book: Book) -> None:
    bounce = book.running()
    book.ledger.plan(bounce.id, {"left": 1}, None, None, None)
    book.ledger.again(bounce.id, "the disk is gone")
    planned = book.ledger.known(bounce.id)
    book.ledger.settle([("Mix.wav", Stamp(size=9, mtime_ns=9), "it grows")])
    book.ledger.forget(["Mix.wav"])
    assert book.ledger.known(bounce.id) == planned


def test_what_happens_at_a_path_does_not_touch_a_bounce_whose_file_lies_elsewhere(book: Book) -> None:
    failed = book.finished(state=State.FAILED, source="Errors/Mix.wav")
    assert book.ledger.retry(failed.id)
    retried = book.at("Mix.wav")
    book.ledger.discover([("Mix.wav", Stamp(size=9, mtime_ns=9))])
    book.ledger.settle([("Mix.wav", Stamp(size=9, mtime_ns=9), "it grows")])
    book.ledger.queue([("Mix.wav", Stamp(size=9, mtime_ns=9), None)])
    book.ledger.forget(["Mix.wav"])
    assert book.at("Mix.wav") == retried


def test_a_queued_bounce_that_another_service_sees_for_the_first_time_stays_queued(book: Book) -> None:
    queued = book.queued()
    book.ledger.settle([("Mix.wav", STAMP, "it has just been seen")])
    assert book.at("Mix.wav") == queued


def test_of_two_that_start_a_bounce_one_gets_it(book: Book) -> None:
    bounce = book.queued()
    with Ledger(book.ledger.path) as other:
        assert other.start(bounce.id, gone_process(), ME)
        assert not book.ledger.start(bounce.id, ME, ME)
        assert other.known(bounce.id).owner == gone_process()


def test_of_many_processes_at_once_each_bounce_goes_to_one(book: Book) -> None:
    ids = [book.queued(f"{number}.wav").id for number in range(20)]
    ready = threading.Barrier(4)

    def take(number: int) -> list[int]:
        with Ledger(book.ledger.path) as mine:
            ready.wait()
            return [id for id in ids if mine.start(id, gone_process(number), ME)]

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(take, range(4)))
    assert sorted(id for mine in taken for id in mine) == ids
    for number, mine in enumerate(taken):
        assert all(book.ledger.known(id).owner == gone_process(number) for id in mine)


def test_the_oldest_of_those_whose_turn_it_is_comes_first(book: Book) -> None:
    ids = [book.queued(f"{number}.wav").id for number in range(5)]
    assert [bounce.id for bounce in book.ledger.next_due(3)] == ids[:3]
    assert book.ledger.start(ids[0], ME, ME)
    assert [bounce.id for bounce in book.ledger.next_due(10)] == ids[1:]
    book.ledger.again(ids[0], "once more")
    assert book.ledger.next_due()[0].id == ids[0]


@pytest.mark.parametrize("path", ["Mix.flac", "MIX.wav", "mix.Aif"])
def test_of_bounces_that_may_want_the_same_names_one_at_a_time_is_worked_on(book: Book, path: str) -> None:
    first, second = book.running(), book.queued(path)
    other = book.queued("Album/Mix.flac")
    assert [bounce.id for bounce in book.ledger.next_due(9)] == [other.id]
    assert not book.ledger.start(second.id, ME, ME)
    book.ledger.plan(first.id, {"left": 1}, None, None, None)
    book.ledger.park(first.id, "no room")
    assert not book.ledger.start(second.id, ME, ME)
    book.ledger.unpark()
    assert [bounce.id for bounce in book.ledger.next_due(9)] == [first.id, other.id]
    assert book.ledger.start(first.id, ME, ME)
    book.ledger.finish(first.id, State.DONE, "Done/Mix.wav", is_told=True)
    assert book.ledger.start(second.id, ME, ME)
    assert book.ledger.rerun(first.id, "bypass")
    assert not book.ledger.start(book.at("Mix.wav").id, ME, ME)


def test_a_bounce_that_waits_for_another_try_is_not_due_before_its_time(book: Book) -> None:
    bounce = book.running()
    book.ledger.again(bounce.id, "busy", wait_s=60, is_try=True)
    assert book.ledger.next_due() == []
    assert (book.at("Mix.wav").tries, book.at("Mix.wav").reason) == (1, "busy")
    book.clock.now_s += 61
    assert [due.id for due in book.ledger.next_due()] == [bounce.id]


def test_a_clock_that_was_set_back_delays_nothing_for_ever(book: Book) -> None:
    bounce = book.running()
    book.ledger.again(bounce.id, "busy", wait_s=60)
    book.clock.now_s -= 10 * LONGEST_WAIT_S
    assert [due.id for due in book.ledger.next_due()] == [bounce.id]


def test_tries_and_crashes_are_counted_and_forgotten_with_a_retry(book: Book) -> None:
    bounce = book.running()
    book.ledger.again(bounce.id, "died", is_crash=True)
    assert book.ledger.start(bounce.id, ME, ME)
    book.ledger.again(bounce.id, "busy", is_try=True)
    assert (book.at("Mix.wav").crashes, book.at("Mix.wav").tries) == (1, 1)
    assert book.ledger.start(bounce.id, ME, ME)
    book.ledger.finish(bounce.id, State.FAILED, "Errors/Mix.wav", is_told=True)
    assert book.ledger.retry(bounce.id, "bypass")
    retried = book.at("Mix.wav")
    assert (retried.crashes, retried.tries, retried.preset, retried.is_told) == (0, 0, "bypass", False)
    assert (retried.content_sha256, retried.record, retried.result, retried.finished_at) == (None, None, None, None)


def test_a_failure_is_not_retried_while_a_newer_bounce_of_its_name_is_under_way(book: Book) -> None:
    failed = book.finished(state=State.FAILED, source="Errors/Mix.wav")
    newer = book.queued()
    assert not book.ledger.retry(failed.id)
    assert book.ledger.start(newer.id, ME, ME)
    book.ledger.lost(newer.id)
    assert book.ledger.retry(failed.id)


def test_the_same_bounce_of_old_is_forgotten_for_the_new_one(book: Book) -> None:
    old = book.finished(content="c")
    other = book.finished(content="d")
    new = book.running()
    assert book.ledger.identify(new, "c", "hash", Stamp(size=5, mtime_ns=6)).old == old
    assert book.ledger.bounce(old.id) is None
    assert book.ledger.known(other.id) == other
    identified = book.ledger.known(new.id)
    assert (identified.content_sha256, identified.preset_hash) == ("c", "hash")
    assert identified.stamp == Stamp(size=5, mtime_ns=6)


def test_the_same_content_with_another_preset_or_name_is_another_bounce(book: Book) -> None:
    book.finished(content="c")
    book.finished("Other.wav", content="c")
    again = book.running()
    assert book.ledger.identify(again, "c", "another hash", STAMP).old is None
    assert len(book.ledger.in_state(State.DONE)) == 2


def test_a_bounce_that_is_started_anew_is_not_taken_for_what_it_was(book: Book) -> None:
    bounce = book.running()
    book.ledger.identify(bounce, "c", "hash", STAMP)
    book.ledger.again(bounce.id, "killed")
    assert book.ledger.start(bounce.id, ME, ME)
    assert book.ledger.known(bounce.id).content_sha256 is None
    book.ledger.identify(bounce, "c", "hash", STAMP)
    book.ledger.plan(bounce.id, {"left": 1}, None, None, None)
    book.ledger.again(bounce.id, "killed")
    assert book.ledger.start(bounce.id, ME, ME)
    assert book.ledger.known(bounce.id).content_sha256 == "c"  # what lies ready was made of it


def test_a_twin_is_what_was_finished_last_with_the_same_content_and_preset(book: Book) -> None:
    book.finished("One.wav", content="c")
    twin = book.finished("Two.wav", content="c", state=State.UNCHANGED)
    book.finished("Three.wav", content="d")
    book.finished("Four.wav", content="c", state=State.FAILED)
    mine = book.running()
    found = book.ledger.twin(mine.id, "c", "hash")
    assert found == twin
    assert book.ledger.twin(mine.id, "c", "another") is None
    assert book.ledger.twin(twin.id, "d", "hash") == book.ledger.in_state(State.DONE)[-1]


def test_older_bounces_are_known_by_the_names_that_their_files_have_now(book: Book) -> None:
    older = book.finished(content="c")
    other = book.finished("Other.wav", content="c")
    mine = book.running()
    book.ledger.plan(mine.id, {"left": 2}, None, "Restored/Mix.wav", None)
    renamed = [("Restored/Mix.wav", "Restored/Mix (1).wav"), ("Done/Mix.wav", "Done/Mix (1).wav")]
    book.ledger.replan(mine.id, {"left": 1}, renamed)
    known = book.ledger.known(older.id)
    assert (known.result, known.source) == ("Restored/Mix (1).wav", "Done/Mix (1).wav")
    assert book.ledger.known(other.id) == other
    now = book.ledger.known(mine.id)
    assert (now.result, now.source, now.plan) == ("Restored/Mix.wav", "Mix.wav", {"left": 1})


def test_a_plan_that_came_to_nothing_is_forgotten(book: Book) -> None:
    bounce = book.running()
    book.ledger.plan(bounce.id, {"left": 1}, {"status": "restored"}, "Restored/Mix.wav", "r")
    book.ledger.unplan(bounce.id, "it is gone")
    again = book.at("Mix.wav")
    assert (again.state, again.plan, again.record, again.result, again.owner) == (State.QUEUED, None, None, None, None)


def test_what_is_told_is_told_no_more(book: Book) -> None:
    told = book.finished("Told.wav")
    running = book.running()
    book.ledger.finish(running.id, State.FAILED, "Errors/Mix.wav", is_told=False)
    assert [bounce.id for bounce in book.ledger.untold()] == [running.id]
    book.ledger.told(running.id)
    assert book.ledger.untold() == []
    assert book.ledger.known(told.id).is_told


def test_what_was_finished_long_ago_is_forgotten_unless_it_lies_there_still(book: Book) -> None:
    old = book.finished("Old.wav")
    kept = book.finished("Kept.wav", source="Kept.wav")
    book.queued("Queued.wav")
    before = book.clock()
    recent = book.finished("Recent.wav")
    assert [bounce.id for bounce in book.ledger.done_before(before, 9)] == [old.id]
    book.ledger.removed([old.id])
    assert book.ledger.done_before(before, 9) == []
    assert book.ledger.prune(before) == 1
    assert [bounce.id for bounce in book.ledger.in_state(State.DONE)] == [kept.id, recent.id]
    assert book.at("Queued.wav").state is State.QUEUED


def test_files_that_stay_where_they_were_dropped_are_known_by_their_last_stamp(book: Book) -> None:
    book.finished("Kept.wav", content="c", source="Kept.wav")
    last = book.running("Kept.wav")
    book.ledger.identify(last, "d", "hash", Stamp(size=5, mtime_ns=6))
    book.ledger.finish(last.id, State.FAILED, "Kept.wav", is_told=True)
    book.finished("Moved.wav", content="e")
    assert book.ledger.kept() == {"Kept.wav": Stamp(size=5, mtime_ns=6)}


def test_what_is_unfinished_is_told_in_the_order_in_which_it_will_be_done(book: Book) -> None:
    book.ledger.discover([("c.wav", STAMP)])
    book.queued("b.wav")
    book.running("a.wav")
    book.finished("z.wav")
    assert [bounce.path for bounce in book.ledger.unfinished(-1)] == ["a.wav", "b.wav", "c.wav"]
    assert [bounce.path for bounce in book.ledger.unfinished(2)] == ["a.wav", "b.wav"]


def test_what_was_finished_last_comes_first(book: Book) -> None:
    ids = [book.finished(f"{number}.wav").id for number in range(4)]
    assert [bounce.id for bounce in book.ledger.latest(3)] == ids[:0:-1]


def test_what_was_finished_is_told_page_by_page_from_any_moment_on(book: Book) -> None:
    states = [State.DONE, State.FAILED, State.UNCHANGED, State.FAILED, State.DONE]
    made = [book.finished(f"{number}.wav", state=state) for number, state in enumerate(states)]
    ids = [bounce.id for bounce in made]

    def told(last: Bounce, count: int, state: State | None = None) -> list[int]:
        assert last.finished_at is not None
        return [bounce.id for bounce in book.ledger.older((last.finished_at, last.id), count, state)]

    assert told(made[4], 2) == [ids[3], ids[2]]
    assert told(made[2], 100) == [ids[1], ids[0]]
    assert told(made[4], 100, State.FAILED) == [ids[3], ids[1]]
    assert told(made[0], 100) == []
    assert [bounce.id for bounce in book.ledger.failed(1)] == [ids[3]]


def test_pages_of_what_was_finished_in_one_moment_leave_nothing_out(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite", lambda: 1000.0) as ledger:
        ids = [Book(ledger).finished(f"{number}.wav").id for number in range(3)]
        assert [bounce.id for bounce in ledger.older((1000.0, ids[2]), 2)] == [ids[1], ids[0]]


def test_all_failures_are_queued_again_and_of_one_path_the_newest(book: Book) -> None:
    old = book.finished("Mix.wav", "first", State.FAILED)
    new = book.finished("Mix.wav", "second", State.FAILED)
    other, done = book.finished("Song.wav", state=State.FAILED), book.finished("Done.wav")
    under_way = book.finished("Busy.wav", state=State.FAILED)
    book.queued("Busy.wav")
    later = book.running("Later.wav")
    book.ledger.again(later.id, "busy", wait_s=500, is_try=True)
    assert book.ledger.retry_all() == 3
    states = {one.path: book.ledger.known(one.id).state for one in (new, other, done)}
    assert states == {"Mix.wav": State.QUEUED, "Song.wav": State.QUEUED, "Done.wav": State.DONE}
    assert [book.ledger.known(one.id).state for one in (old, under_way)] == [State.FAILED] * 2
    assert later.id in [bounce.id for bounce in book.ledger.next_due(9)]
    assert book.ledger.retry_all() == 0


def test_what_was_finished_is_read_in_its_order_and_not_sorted_anew(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as database:
        for script in migrations():
            database.executescript(script)
        for name in ("latest", "older", "failed"):
            steps = _plan_of(database, queries()[name])
            assert all("USING INDEX bounces_" in step for step in steps), (name, steps)


def test_each_state_is_counted(book: Book) -> None:
    book.finished("a.wav")
    book.finished("b.wav")
    book.queued("c.wav")
    assert book.ledger.counts() == {State.DONE: 2, State.QUEUED: 1}


def test_progress_and_beats_are_those_of_the_running(book: Book) -> None:
    bounce = book.running()
    book.ledger.progress(bounce.id, 0.25)
    book.ledger.beat(bounce.id)
    book.ledger.beat(bounce.id)
    assert (book.at("Mix.wav").progress, book.at("Mix.wav").beat) == (0.25, 2)
    book.ledger.park(bounce.id, "no room")
    book.ledger.beat(bounce.id)
    assert book.at("Mix.wav").beat == 2


def test_names_and_sentences_of_any_bytes_are_kept(book: Book) -> None:
    path = "M\udcff\udc80ix.wav"
    bounce = book.running(path)
    assert bounce.path == path
    book.ledger.plan(bounce.id, {"left": path}, {"error": f"{path}: broken"}, f"Restored/{path}", None)
    planned = book.ledger.known(bounce.id)
    assert (planned.plan, planned.record, planned.result) == (
        {"left": path},
        {"error": f"{path}: broken"},
        f"Restored/{path}",
    )
    for say in (book.ledger.park, book.ledger.again, book.ledger.unsettle, book.ledger.unplan):
        say(bounce.id, f"{path} is in the way")
        book.ledger.unpark()
        book.ledger.settle([(path, STAMP, f"{path} grows")])
        book.ledger.queue([(path, Stamp(size=3, mtime_ns=3), f"{path} was given up")])
        assert book.ledger.start(bounce.id, ME, ME)
    book.ledger.finish(bounce.id, State.FAILED, path, is_told=True)
    assert book.ledger.retry(bounce.id)
    book.ledger.serve(ME, path)


def test_why_a_service_waits_is_known_while_it_does(book: Book) -> None:
    book.ledger.serve(ME, "auto")
    assert book.ledger.waits() == {ME: None}
    book.ledger.wait(ME, "the disk of M\udcff is nearly full")
    assert book.ledger.waits() == {ME: "the disk of M\\udcff is nearly full"}
    book.ledger.wait(ME, None)
    assert book.ledger.waits() == {ME: None}
    book.ledger.wait(ME, "its hours begin at noon")
    book.ledger.serve(ME, "auto")
    assert book.ledger.waits() == {ME: None}


def test_services_are_known_until_they_leave_or_are_gone(book: Book) -> None:
    book.ledger.serve(gone_process(), "auto")
    assert book.ledger.services() == {}
    book.ledger.serve(ME, "bypass")
    assert book.ledger.services() == {ME: "bypass"}
    book.ledger.serve(ME, "auto")
    assert book.ledger.services() == {ME: "auto"}
    book.ledger.leave(ME)
    assert book.ledger.services() == {}


def test_what_somebody_else_changes_can_be_told_at_a_glance(book: Book) -> None:
    with Ledger(book.ledger.path) as other:
        version = other.version()
        assert other.version() == version
        book.queued()
        assert other.version() != version
        version = other.version()
        other.discover([("Mine.wav", STAMP)])
        assert other.version() == version


def test_a_change_is_whole_or_not_there(book: Book) -> None:
    class Broken(Exception):
        """Comes in the middle."""

    def found() -> Iterator[tuple[str, Stamp]]:
        yield "One.wav", STAMP
        raise Broken

    with pytest.raises(Broken):
        book.ledger.discover(found())
    assert book.ledger.counts() == {}
    book.queued()


def test_a_process_killed_in_the_middle_of_a_change_leaves_nothing_of_it(book: Book) -> None:
    code = (
        "import os, sys; from pathlib import Path; from rebounce.watchers.ledger import Ledger\n"
        "from rebounce.watchers.bounce import Stamp\n"
        "def found():\n"
        "    yield 'One.wav', Stamp(size=1, mtime_ns=1)\n"
        "    os._exit(9)\n"
        "Ledger(Path(sys.argv[1])).discover(found())"
    )
    run = subprocess.run([sys.executable, "-c", code, str(book.ledger.path)], check=False)
    assert run.returncode == 9
    assert book.ledger.counts() == {}
    book.queued("One.wav")


def test_a_damaged_ledger_is_put_aside_for_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"no database at all" * 100)
    ledger, message = open_ledger(path, lambda: 1234.5)
    with ledger:
        assert ledger.counts() == {}
    assert (tmp_path / "ledger.sqlite.damaged-1234").read_bytes() == b"no database at all" * 100
    assert message is not None
    assert "ledger.sqlite.damaged-1234" in message


def test_a_whole_ledger_is_opened_without_a_word(book: Book) -> None:
    bounce = book.queued()
    ledger, message = open_ledger(book.ledger.path)
    with ledger:
        assert ledger.known(bounce.id) == bounce
    assert message is None


def test_a_ledger_that_is_a_folder_is_an_error_and_not_put_aside(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(OutputError, match="cannot be opened"):
        open_ledger(tmp_path / "ledger.sqlite")
    assert (tmp_path / "ledger.sqlite").is_dir()


def test_a_ledger_of_a_newer_version_is_left_alone(book: Book) -> None:
    database = sqlite3.connect(book.ledger.path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(OutputError, match=r"newer rebounce.*schema 99"):
        open_ledger(book.ledger.path)


def test_a_ledger_of_the_first_version_is_brought_up_to_date_with_all_that_it_knows(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(migrations()[0])
        database.execute("PRAGMA user_version = 1")
        database.execute(
            "INSERT INTO bounces (path, stem, source, size, mtime_ns, state, reason, seen_at) "
            "VALUES (CAST('Mix.wav' AS BLOB), CAST('mix' AS BLOB), CAST('Mix.wav' AS BLOB), 3, 4, 'queued', 'why', 5)"
        )
        database.commit()
    ledger, message = open_ledger(path)
    with ledger:
        (bounce,) = ledger.next_due()
        assert (bounce.path, bounce.stamp, bounce.reason) == ("Mix.wav", Stamp(size=3, mtime_ns=4), "why")
        assert ledger.start(bounce.id, ME, ME)
    assert message is None


def test_the_same_content_waits_until_the_bounce_that_is_worked_on_has_ended(book: Book) -> None:
    first, second = book.running("1.wav"), book.running("2.wav")
    assert book.ledger.identify(first, "c", "hash", STAMP) == Identified()
    assert book.ledger.identify(second, "c", "another hash", STAMP) == Identified()
    assert book.ledger.identify(second, "c", "hash", STAMP).twin_at_work == book.ledger.known(first.id)
    book.ledger.again(second.id, "it waits", awaits=first.id)
    assert book.ledger.next_due() == []
    book.ledger.again(first.id, "its worker died", wait_s=60)
    assert [bounce.id for bounce in book.ledger.next_due()] == [second.id]
    assert book.ledger.start(second.id, ME, ME)
    assert book.ledger.known(second.id).awaits is None
    assert book.ledger.identify(second, "c", "hash", STAMP) == Identified()


def test_a_failure_that_was_broken_off_ends_with_its_own_reason(book: Book) -> None:
    bounce = book.running()
    book.ledger.plan(bounce.id, {"left": 1}, {"input": "Mix.wav", "error": "Mix.wav: too short"}, None, None)
    book.ledger.again(bounce.id, "the service that worked on it ended")
    assert book.ledger.start(bounce.id, ME, ME)
    book.ledger.finish(bounce.id, State.FAILED, "Errors/Mix.wav", is_told=True)
    assert book.ledger.known(bounce.id).reason == "too short"


def test_a_file_is_found_by_its_path_however_many_there_are(tmp_path: Path) -> None:
    """Where each is looked for among all of its state, a folder of some thousands holds the service up for minutes."""
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as database:
        for script in migrations():
            database.executescript(script)
        plans = {
            name: _plan_of(database, text) for name, text in queries().items() if ":path" in text or ":old" in text
        }
    by_path = {name: steps for name, steps in plans.items() if not name.startswith(("discover", "ignore"))}
    assert len(by_path) >= 6
    for name, steps in by_path.items():
        assert any("(path=?" in step or "(source=?" in step or "(result=?" in step for step in steps), (name, steps)


def _plan_of(database: sqlite3.Connection, statement: str) -> list[str]:
    values = dict.fromkeys(re.findall(r":(\w+)", statement), 0)
    return [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", values)]


def test_what_is_written_anew_has_all_its_tries_again(book: Book) -> None:
    bounce = book.running()
    book.ledger.again(bounce.id, "busy", wait_s=500, is_try=True, is_crash=True)
    book.ledger.settle([("Mix.wav", bounce.stamp, "its size has changed")])
    assert book.ledger.next_due() == []
    other = Stamp(size=7, mtime_ns=8)
    book.ledger.settle([("Mix.wav", other, "its size has changed")])
    book.ledger.queue([("Mix.wav", other, None)])
    (again,) = book.ledger.next_due()
    assert (again.id, again.tries, again.crashes, again.due_at) == (bounce.id, 0, 0, 0)


def test_what_waits_for_its_next_try_can_be_tried_now(book: Book) -> None:
    bounce = book.running()
    book.ledger.again(bounce.id, "busy", wait_s=500, is_try=True)
    assert book.ledger.retry(bounce.id)
    assert [due.id for due in book.ledger.next_due()] == [bounce.id]
    assert not book.ledger.retry(bounce.id)


def test_a_command_is_run_by_one_service(book: Book) -> None:
    bounce = book.running()
    book.ledger.plan(bounce.id, {"left": 1}, None, None, None)
    book.ledger.finish(bounce.id, State.DONE, "Done/Mix.wav", is_told=False)
    (due,) = book.ledger.untold()
    other = gone_process()
    assert book.ledger.take_errand(due, other)
    assert not book.ledger.take_errand(due, ME)
    (taken,) = book.ledger.untold()
    assert taken.owner == other
    assert book.ledger.take_errand(taken, ME)
    book.ledger.told(bounce.id)
    assert book.ledger.untold() == []
    assert book.ledger.known(bounce.id).owner is None


def test_files_that_are_ignored_are_known_as_long_as_they_are_there(book: Book) -> None:
    book.ledger.ignore(["notes.txt", "cover.jpg"], [])
    book.ledger.ignore(["notes.txt"], ["cover.jpg"])
    assert book.ledger.ignored() == {"notes.txt"}


def test_a_service_that_cannot_be_asked_is_there_as_long_as_it_says_so(book: Book) -> None:
    """As one in a container, of which nothing is left when that is gone."""
    elsewhere = replace(ME, host="box-a")
    book.ledger.serve(elsewhere, "auto")
    book.clock.now_s += UNSEEN_S - 1
    assert list(book.ledger.services()) == [elsewhere]
    book.ledger.attend(elsewhere)
    book.clock.now_s += UNSEEN_S - 1
    assert list(book.ledger.services()) == [elsewhere]
    book.clock.now_s += 2
    assert book.ledger.services() == {} == book.ledger.waits()
    book.ledger.serve(ME, "bypass")
    book.clock.now_s += 10 * UNSEEN_S
    assert book.ledger.services() == {ME: "bypass"}


def test_several_processes_may_make_a_ledger_at_once(tmp_path: Path) -> None:
    ready = threading.Barrier(6)

    def make(number: int) -> None:
        ready.wait()
        with Ledger(tmp_path / "new" / "ledger.sqlite") as ledger:
            ledger.discover([(f"{number}.wav", STAMP)])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(make, range(6)))
    with Ledger(tmp_path / "new" / "ledger.sqlite") as ledger:
        assert ledger.counts() == {State.DISCOVERED: 6}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_what_the_disk_refuses_is_an_error_about_the_ledger_and_leaves_it_usable(book: Book) -> None:
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from rebounce.engine.errors import OutputError\n"
        "from rebounce.watchers.ledger import Ledger\n"
        "from rebounce.watchers.bounce import Stamp\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "with Ledger(Path(sys.argv[1])) as ledger:\n"
        "    ledger.discover([('One.wav', Stamp(size=1, mtime_ns=1))])\n"
        "    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))\n"
        "    for _ in range(2):\n"
        "        try:\n"
        "            ledger.discover([('Two.wav', Stamp(size=1, mtime_ns=1))])\n"
        "        except OutputError as problem:\n"
        "            print('the ledger cannot be used' in str(problem))\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))\n"
        "    ledger.discover([('Three.wav', Stamp(size=1, mtime_ns=1))])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(book.ledger.path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["True", "True"]
    assert [bounce.path for bounce in book.ledger.in_state(State.DISCOVERED)] == ["One.wav", "Three.wav"]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_no_order_of_calls_breaks_a_rule_of_the_schema(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with Ledger(tmp_path_factory.mktemp("ledger") / "ledger.sqlite") as ledger:
        calls = data.draw(st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(1, 4)), max_size=25))
        for (_, change, _), number in calls:
            ledger.discover([("Mix.wav", STAMP)])
            bounce = ledger.bounce(number)
            if bounce is not None:
                change(Book(ledger), bounce)
        states = [bounce.state for bounce in ledger.unfinished(-1)]
        assert len(states) <= 1
        assert set(states) <= set(UNFINISHED)


def test_it_is_safe_on_the_disk_when_a_call_returns(book: Book) -> None:
    """Another process sees it, and the log of changes is synced with each of them."""
    book.queued()
    database = sqlite3.connect(f"file:{book.ledger.path}?mode=ro", uri=True)
    try:
        assert database.execute("SELECT count(*) FROM bounces").fetchone() == (1,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    finally:
        database.close()
    assert os.path.exists(f"{book.ledger.path}-wal")
