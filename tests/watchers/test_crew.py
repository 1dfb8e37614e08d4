import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest
from bouncing import HALF, Serving, discovered, tiny, unfinished_at, watch_folder

from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.claims import Claims
from rebounce.watchers.crew import Crew, Died, Ended
from rebounce.watchers.processes import is_alive, this_process
from rebounce.watchers.settings import WatchFolder
from rebounce.watchers.worker import CLAIMED, Describe, Progressed, Restore

ME = this_process()
IN_TIME_S = 120.0


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(watch_folder(tmp_path / "Bounces"))
    yield serving
    serving.close()


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew(1)
    yield crew
    crew.dismiss()


def order(serving: Serving, id: int, **changes: Any) -> Restore:
    bare = Restore(folder=serving.folder, layout=serving.layout, id=id, uses_claims=False, uses_gpu=False, stale_s=90.0)
    return replace(bare, **changes)


def given(serving: Serving, crew: Crew, path: str = "Mix.wav", **changes: Any) -> Bounce:
    """A bounce that a worker of the crew works on."""
    bounce = unfinished_at(serving.ledger, path) or discovered(serving, path, tiny(1))
    worker = crew.free()
    assert serving.ledger.start(bounce.id, worker.owner, ME)
    worker.give(order(serving, bounce.id, **changes))
    return bounce


def answers(crew: Crew, count: int = 1) -> list[Any]:
    """What became of so many orders."""
    found: list[Any] = []
    while len(found) < count:
        assert wait(crew.connections, IN_TIME_S)
        found += [answer for answer in crew.answers() if not isinstance(answer, Progressed)]
    return found


def test_a_worker_restores_what_it_is_given_and_is_kept(serving: Serving, crew: Crew) -> None:
    owners = set()
    for number in range(3):
        bounce = given(serving, crew, f"{number}.wav")
        assert not crew.has_room()
        assert [one.id for one in crew.orders] == [bounce.id]
        (ended,) = answers(crew)
        assert isinstance(ended, Ended)
        done = serving.ledger.known(bounce.id)
        assert (ended.order.id, ended.worked.state, done.state) == (bounce.id, State.UNCHANGED, State.UNCHANGED)
        assert ended.worked.record is not None
        assert json.loads(json.dumps(ended.worked.record)) == done.record
        assert crew.has_room()
        owners.add(crew.free().owner)
    assert len(owners) == 1


def test_a_preset_is_described_or_refused_with_its_reason(tmp_path: Path, crew: Crew) -> None:
    chain = tmp_path / "half.toml"
    chain.write_text(HALF, encoding="utf-8")
    folder = watch_folder(tmp_path / "Bounces", str(chain))
    said = crew.describe(Describe(folder=folder))
    assert (said.error, said.message, said.uses_gpu) == (None, None, False)
    assert said.preset_hash == crew.describe(Describe(folder=folder)).preset_hash
    refused = crew.describe(Describe(folder=replace(folder, preset="no-such-preset")))
    assert refused.error is not None
    assert "no-such-preset" in refused.error
    assert crew.has_room()


def test_a_worker_that_dies_over_an_order_is_told_and_another_comes(serving: Serving, crew: Crew) -> None:
    worker = crew.free()
    bounce = discovered(serving, "Mix.wav", tiny(1))
    assert serving.ledger.start(bounce.id, worker.owner, ME)
    os.kill(worker.owner.pid, signal.SIGSTOP)
    worker.give(order(serving, bounce.id))
    os.kill(worker.owner.pid, signal.SIGKILL)
    (died,) = answers(crew)
    assert isinstance(died, Died)
    assert (died.order.id, died.owner) == (bounce.id, worker.owner)
    assert not is_alive(worker.owner)
    assert crew.orders == []
    serving.ledger.again(bounce.id, "died")
    given(serving, crew)
    (ended,) = answers(crew)
    assert ended.worked.state == State.UNCHANGED


def test_a_worker_that_dies_over_nothing_is_only_replaced(crew: Crew) -> None:
    worker = crew.free()
    os.kill(worker.owner.pid, signal.SIGKILL)
    assert wait(crew.connections, IN_TIME_S)
    assert list(crew.answers()) == []
    assert crew.connections == []
    assert crew.free().owner != worker.owner


def test_a_worker_that_dies_over_a_question_is_no_hang(tmp_path: Path, crew: Crew) -> None:
    worker = crew.free()
    os.kill(worker.owner.pid, signal.SIGKILL)
    worker.process.join(IN_TIME_S)
    folder = watch_folder(tmp_path / "Bounces")
    assert crew.describe(Describe(folder=folder)).error is None  # a dead one is not asked


def test_several_work_at_once(serving: Serving) -> None:
    crew = Crew(2)
    try:
        for number in range(2):
            discovered(serving, f"{number}.wav", tiny(number))  # one content would wait for the other
            given(serving, crew, f"{number}.wav")
        assert not crew.has_room()
        assert len(crew.connections) == 2
        assert {ended.worked.state for ended in answers(crew, 2)} == {State.UNCHANGED}
    finally:
        crew.dismiss()


def test_dismissed_nobody_is_left_and_what_was_worked_on_is_parked_or_running(serving: Serving) -> None:
    crew = Crew(1)
    bounce = given(serving, crew)
    owner = serving.ledger.known(bounce.id).owner
    assert owner is not None
    crew.dismiss()
    assert not is_alive(owner)
    assert crew.connections == []
    assert serving.ledger.known(bounce.id).state in (State.PARKED, State.RUNNING, State.UNCHANGED)
    crew.dismiss()


def test_idle_workers_are_let_go_all_but_one_soon_and_the_last_after_a_while(serving: Serving) -> None:
    crew = Crew(2, warm_s=1000)
    try:
        for number in range(2):
            given(serving, crew, f"{number}.wav")
        assert crew.next_release_s() is None
        answers(crew, 2)
        crew.release()
        assert len(crew.connections) == 2
        next_s = crew.next_release_s()
        assert next_s is not None
        assert 0 < next_s <= 10
        for worker in crew._workers:
            worker.idle_since_s -= 11
        crew.release()
        assert len(crew.connections) == 1
        for worker in crew._workers:
            worker.idle_since_s -= 1000
        assert crew.next_release_s() == 0
        crew.release()
        assert crew.connections == []
        assert crew.next_release_s() is None
    finally:
        crew.dismiss()


def test_what_another_machine_works_on_is_left_to_it_until_its_beat_has_stood_still(
    serving: Serving, crew: Crew
) -> None:
    theirs = Claims(serving.layout.claims, replace(ME, host="elsewhere"))
    assert theirs.take("Mix.wav")
    bounce = given(serving, crew, uses_claims=True, stale_s=0.3)
    turns = 0
    while True:
        (ended,) = answers(crew)
        if ended.worked.state != State.QUEUED:
            break
        turns += 1
        assert ended.worked.reason == CLAIMED
        waiting = serving.ledger.known(bounce.id)
        assert (waiting.state, waiting.tries) == (State.QUEUED, 0)
        given(serving, crew, uses_claims=True, stale_s=0.3)
    assert turns > 0
    assert ended.worked.state == State.UNCHANGED
    assert list(serving.layout.claims.iterdir()) == []


def test_a_claim_is_given_back_when_its_work_is_done(serving: Serving, crew: Crew) -> None:
    given(serving, crew, uses_claims=True)
    (ended,) = answers(crew)
    assert ended.worked.state == State.UNCHANGED
    assert list(serving.layout.claims.iterdir()) == []


def test_what_cannot_even_be_failed_is_tried_again(serving: Serving, crew: Crew) -> None:
    bounce = discovered(serving, "Mix.wav", b"no audio at all")
    serving.layout.at("Errors").write_bytes(b"no folder")
    given(serving, crew)
    (ended,) = answers(crew)
    again = serving.ledger.known(bounce.id)
    assert (ended.worked.state, again.state, again.tries) == (State.QUEUED, State.QUEUED, 1)
    assert again.due_at > 1e9


def test_what_is_done_first_in_each_worker_is_done(tmp_path: Path) -> None:
    crew = Crew(1, _Touch(tmp_path / "was here"))
    try:
        assert crew.describe(Describe(folder=watch_folder(tmp_path / "Bounces"))).error is None
        assert (tmp_path / "was here").exists()
    finally:
        crew.dismiss()


def test_while_the_service_stops_nobody_waits_for_a_description(tmp_path: Path) -> None:
    crew = Crew(1, is_stopping=lambda: True)
    try:
        os.kill(crew.free().owner.pid, signal.SIGSTOP)
        folder: WatchFolder = watch_folder(tmp_path / "Bounces")
        assert crew.describe(Describe(folder=folder)).error is not None
    finally:
        crew.dismiss()


class _Touch:
    """Leaves a file; can be sent to a worker."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> None:
        self._path.touch()
