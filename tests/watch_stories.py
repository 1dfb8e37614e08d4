"""Stories of the watch folder service up to a kill: each brings it to certain steps, and says what is to be in the end,
whatever was killed on the way.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from killing_service import (
    ANY,
    DELETE,
    EVERY_STEP,
    HOLD,
    KILL,
    KILL_ALL,
    PARENT,
    REPLACE,
    STOP,
    STOP_DEAF,
    TRACE,
    WORKER,
    Deed,
)
from watch_expectations import Expectation, Result, by_chain, delivered, faults
from watch_service import Ground, Machine, claims_elsewhere, gain_chain, make_ground, tone_file

from rebounce.watchers.steps import AFTER, BEFORE

FIRST, SECOND, THIRD = tone_file(1), tone_file(2), tone_file(3)
DAY_S = 86_400.0
NO_AUDIO = b"RIFF, but nothing that is known" * 100
DELIVERY = ("delivery.side", "delivery.original", "ledger.finish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kill: in which story, at which step, and of whom."""

    story: "Story"
    kill: Deed

    def __str__(self) -> str:
        whom = "all" if self.kill.what == KILL_ALL else self.kill.role
        turn = f"-{self.kill.nth}" if self.kill.nth > 1 else ""
        return f"{self.story.name}-{self.kill.when}-{self.kill.at}{turn}-{whom}"


Play = Callable[[Ground, Deed], Expectation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happens up to the kill. `steps` are those that it comes by, in processes of this role, and how often;
    `whom` says who is killed there.
    """

    role: str
    steps: dict[str, int]
    whom: tuple[str, ...]
    play: Play

    @property
    def name(self) -> str:
        return self.play.__name__

    def cases(self) -> Iterator[Case]:
        for step, turns in self.steps.items():
            for nth, when, what in product(range(1, turns + 1), (BEFORE, AFTER), self.whom):
                yield Case(story=self, kill=Deed(at=step, when=when, what=what, role=self.role, nth=nth))


STORIES: list[Story] = []
SERVICE, ALL, EITHER = (KILL,), (KILL_ALL,), (KILL, KILL_ALL)
"""Who is killed: the service alone, so that its workers are left for a moment; all; or the worker alone, and then all
in a story of its own."""


def story(role: str, whom: tuple[str, ...], *steps: str) -> Callable[[Play], Play]:
    """Make a function a story: it brings the service to the step, has it killed there, and says what is to be.

    A step that is named twice is killed at its second time too.
    """

    def decorate(play: Play) -> Play:
        STORIES.append(Story(role=role, steps=dict(Counter(steps)), whom=whom, play=play))
        return play

    return decorate


# -- the plain way


@story(PARENT, SERVICE, "ledger.discover", "ledger.settle", "ledger.queue", "ledger.start")
def seen(ground: Ground, kill: Deed) -> Expectation:
    ground.drop("a.wav", FIRST)
    ground.run("--once", deeds=[kill])
    return delivered({"a.wav": [FIRST]})


@story(
    *(WORKER, EITHER, "ledger.identify", "delivery.restore", "delivery.stage", "ledger.plan"),
    *("delivery.publish", "delivery.publish", *DELIVERY),
)
def restored(ground: Ground, kill: Deed) -> Expectation:
    chain = gain_chain(ground.base)
    ground.configure(preset=str(chain), save_chain=True)
    ground.drop("Album/a.wav", FIRST)
    ground.run("--once", deeds=[kill])
    expected = delivered({"Album/a.wav": [FIRST]}, by_chain(chain))
    return replace(expected, others=frozenset({"Restored/Album/a.chain.toml"}))


@story(WORKER, ALL, *["delivery.set_aside"] * 3, "ledger.replan", "delivery.publish", "delivery.side")
def bounced_again(ground: Ground, kill: Deed) -> Expectation:
    for content in (FIRST, SECOND):
        ground.drop("a.wav", content)
        ground.finish()
    ground.drop("a.wav", THIRD)
    ground.run("--once", deeds=[kill])
    return delivered({"a.wav": [FIRST, SECOND, THIRD]})


@story(WORKER, ALL, "delivery.copy_twin", "ledger.plan")
def the_same_under_another_name(ground: Ground, kill: Deed) -> Expectation:
    chain = gain_chain(ground.base)
    ground.configure(preset=str(chain))
    ground.drop("a.wav", FIRST)
    ground.finish()
    ground.drop("b.wav", FIRST)
    ground.run("--once", deeds=[kill])
    return delivered({"a.wav": [FIRST], "b.wav": [FIRST]}, by_chain(chain))


@story(WORKER, ALL, "ledger.again")
def the_same_side_by_side(ground: Ground, kill: Deed) -> Expectation:
    """The one that comes second waits for the first, which goes on when it does."""
    chain, ready, go = gain_chain(ground.base), ground.base / "ready", ground.base / "go"
    ground.configure(preset=str(chain), jobs=2)
    ready.touch()
    hold = Deed(at="delivery.restore", when=BEFORE, what=HOLD, path=str(go))
    release = Deed(at="ledger.again", when=AFTER, what=REPLACE, path=str(go), source=str(ready))
    for path in ("a.wav", "b.wav"):
        ground.drop(path, FIRST)
    ground.run("--once", deeds=[hold, kill] if kill.when == BEFORE else [hold, release, kill])
    return delivered({"a.wav": [FIRST], "b.wav": [FIRST]}, by_chain(chain))


# -- what users do meanwhile


@story(PARENT, SERVICE, "ledger.forget")
def deleted_before_work(ground: Ground, kill: Deed) -> Expectation:
    path = ground.drop("a.wav", FIRST)
    ground.drop("b.wav", SECOND)
    ground.run("--once", deeds=[Deed(at="ledger.discover", when=AFTER, what=DELETE, role=PARENT, path=str(path)), kill])
    return delivered({"b.wav": [SECOND]})


@story(WORKER, ALL, "ledger.lost")
def deleted_during_work(ground: Ground, kill: Deed) -> Expectation:
    path = ground.drop("a.wav", FIRST)
    ground.run("--once", deeds=[Deed(at="delivery.restore", when=BEFORE, what=DELETE, path=str(path)), kill])
    return delivered({})


@story(WORKER, ALL, "ledger.unsettle")
def replaced_during_work(ground: Ground, kill: Deed) -> Expectation:
    path = ground.drop("a.wav", FIRST)
    newer = ground.base / "newer"
    newer.write_bytes(SECOND)
    deed = Deed(at="delivery.restore", when=BEFORE, what=REPLACE, path=str(path), source=str(newer))
    ground.run("--once", deeds=[deed, kill])
    return delivered({"a.wav": [SECOND]})


@story(WORKER, EITHER, "ledger.unplan")
def tidied_up_during_work(ground: Ground, kill: Deed) -> Expectation:
    """Somebody takes the parts away."""
    ground.drop("a.wav", FIRST)
    parts = str(ground.root / "Restored/.*.part")
    ground.run("--once", deeds=[Deed(at="ledger.plan", when=AFTER, what=DELETE, path=parts), kill])
    return delivered({"a.wav": [FIRST]})


# -- stops and deaths


STOPPED = Deed(at="delivery.restore", when=BEFORE, what=STOP)


@story(WORKER, EITHER, "ledger.park")
def stopped(ground: Ground, kill: Deed) -> Expectation:
    ground.drop("a.wav", FIRST)
    ground.run(deeds=[STOPPED, kill])
    return delivered({"a.wav": [FIRST]})


@story(PARENT, SERVICE, "ledger.park")
def stopped_with_a_worker_that_hears_nothing(ground: Ground, kill: Deed) -> Expectation:
    ground.drop("a.wav", FIRST)
    ground.run(deeds=[Deed(at="delivery.restore", when=BEFORE, what=STOP_DEAF), kill])
    return delivered({"a.wav": [FIRST]})


@story(PARENT, SERVICE, "ledger.unpark")
def started_after_a_stop(ground: Ground, kill: Deed) -> Expectation:
    ground.drop("a.wav", FIRST)
    ground.run(deeds=[STOPPED])
    ground.run("--once", deeds=[kill])
    return delivered({"a.wav": [FIRST]})


@story(PARENT, SERVICE, "ledger.again", "ledger.unpark", "delivery.sweep")
def started_after_a_kill(ground: Ground, kill: Deed) -> Expectation:
    ground.drop("a.wav", FIRST)
    ground.run("--once", deeds=[Deed(at="ledger.plan", when=BEFORE, what=KILL_ALL)])
    assert list((ground.root / "Restored").iterdir())
    ground.run("--once", deeds=[kill])
    return delivered({"a.wav": [FIRST]})


@story(PARENT, SERVICE, "ledger.again")
def a_worker_died(ground: Ground, kill: Deed) -> Expectation:
    ground.drop("a.wav", FIRST)
    ground.run("--once", deeds=[Deed(at="delivery.restore", when=AFTER, what=KILL), kill])
    return delivered({"a.wav": [FIRST]})


@story(PARENT, SERVICE, "delivery.stage", "ledger.plan", *DELIVERY)
def a_worker_died_twice(ground: Ground, kill: Deed) -> Expectation:
    ground.drop("a.wav", FIRST)
    ground.run("--once", deeds=[Deed(at="delivery.restore", when=AFTER, what=KILL, times=2), kill])
    # Killed before the failure was written down, it is tried once more, and nothing kills it then.
    return replace(delivered({"a.wav": [FIRST]}), may_fail=frozenset({"a.wav"}))


# -- failures


@story(WORKER, ALL, "delivery.stage", "ledger.plan", "delivery.side", "delivery.original")
def failed(ground: Ground, kill: Deed) -> Expectation:
    ground.drop("a.wav", NO_AUDIO)
    ground.run("--once", deeds=[kill])
    return delivered({}, failed={"a.wav": [NO_AUDIO]})


@story(WORKER, ALL, *["delivery.set_aside"] * 2, "ledger.replan")
def failed_again_under_the_name(ground: Ground, kill: Deed) -> Expectation:
    ground.drop("a.wav", NO_AUDIO)
    ground.finish()
    ground.drop("a.wav", NO_AUDIO * 2)
    ground.run("--once", deeds=[kill])
    return delivered({}, failed={"a.wav": [NO_AUDIO, NO_AUDIO * 2]})


def _have_failed(ground: Ground) -> None:
    """A good file, at which the worker dies twice."""
    ground.drop("Album/a.wav", FIRST)
    ground.run("--once", deeds=[Deed(at="delivery.restore", when=BEFORE, what=KILL, times=2)])
    assert (ground.root / "Errors/Album/a.txt").exists()


@story(WORKER, ALL, "delivery.remove", "delivery.original")
def retried(ground: Ground, kill: Deed) -> Expectation:
    _have_failed(ground)
    ground.run("--retry", "--once", deeds=[kill])
    ground.run("--retry", "--once")
    return delivered({"Album/a.wav": [FIRST]})


@story(PARENT, SERVICE, "ledger.retry")
def retry_asked_for(ground: Ground, kill: Deed) -> Expectation:
    _have_failed(ground)
    ground.run("--retry", deeds=[kill])
    ground.run("--retry")
    return delivered({"Album/a.wav": [FIRST]})


@story(WORKER, ALL, "delivery.side")
def retried_in_vain(ground: Ground, kill: Deed) -> Expectation:
    ground.drop("a.wav", NO_AUDIO)
    ground.finish()
    ground.run("--retry", "--once", deeds=[kill])
    return delivered({}, failed={"a.wav": [NO_AUDIO]})


@story(PARENT, SERVICE, "ledger.rerun")
def asked_for_with_another_preset(ground: Ground, kill: Deed) -> Expectation:
    chain = gain_chain(ground.base)
    ground.drop("a.wav", FIRST)
    ground.finish()
    (bounce,) = ground.bounces()
    for deeds in ([kill], []):
        with ground.call("rerun", ground.ledgers[0], bounce.id, chain, deeds=deeds) as running:
            running.wait()
    first, then = (Result(path="a.wav", content=FIRST, made=made) for made in (FIRST, by_chain(chain)(FIRST)))
    return Expectation(results={"a (1).wav": first, "a.wav": then}, originals={"a.wav": FIRST})


# -- all else


@story(PARENT, SERVICE, "ledger.prune")
def forgotten_after_its_days(ground: Ground, kill: Deed) -> Expectation:
    ground.configure(ledger_days=1)
    ground.set_clock()
    ground.drop("a.wav", FIRST)
    with ground.start(deeds=[kill]) as service:
        service.wait_until(lambda: ground.count_finished() == 1)
        ground.set_clock(passed_s=2 * DAY_S)
        service.wait()
    return delivered({"a.wav": [FIRST]})


@story(PARENT, SERVICE, "ledger.removed")
def removed_after_its_days(ground: Ground, kill: Deed) -> Expectation:
    ground.configure(keep_done_days=0)
    ground.drop("a.wav", FIRST)
    ground.run("--once", deeds=[kill])
    return replace(delivered({"a.wav": [FIRST]}), originals={})


@story(PARENT, SERVICE, "ledger.ignore")
def ignored(ground: Ground, kill: Deed) -> Expectation:
    ground.drop("a.wav", FIRST)
    ground.drop("notes.txt", NO_AUDIO)
    ground.run("--once", deeds=[kill])
    return replace(delivered({"a.wav": [FIRST]}), others=frozenset({"notes.txt"}))


@story(PARENT, SERVICE, "housekeeping.remove")
def an_original_removed_after_its_days(ground: Ground, kill: Deed) -> Expectation:
    ground.configure(keep_done_days=1)
    ground.set_clock()
    ground.drop("a.wav", FIRST)
    with ground.start(deeds=[kill]) as service:
        service.wait_until(lambda: ground.count_finished() == 1)
        assert (ground.root / "Done/a.wav").read_bytes() == FIRST
        ground.set_clock(passed_s=2 * DAY_S)
        service.wait()
    return replace(delivered({"a.wav": [FIRST]}), originals={})


@story(PARENT, SERVICE, "ledger.take_errand", "ledger.told")
def told_to_a_command(ground: Ground, kill: Deed) -> Expectation:
    told = ground.base / "told"
    ground.configure(on_done=["sh", "-c", 'echo "$1" >> "$2"', "tell", "{input}", str(told)])
    ground.drop("a.wav", FIRST)
    ground.run("--once", deeds=[kill])
    ground.finish()
    # At least once, and only ever about this one.
    assert set(told.read_text(encoding="utf-8").splitlines()) == {str(ground.root / "a.wav")}
    return delivered({"a.wav": [FIRST]})


@story(WORKER, EITHER, "claims.create", "claims.release")
def claimed_on_a_share(ground: Ground, kill: Deed) -> Expectation:
    ground.configure(share=True)
    ground.drop("a.wav", FIRST)
    ground.run("--once", deeds=[kill])
    return delivered({"a.wav": [FIRST]})


@story(WORKER, ALL, "ledger.again")
def claimed_by_another_machine(ground: Ground, kill: Deed) -> Expectation:
    ground.configure(share=True)
    ground.drop("a.wav", FIRST)
    claims = claims_elsewhere(ground)
    assert claims.take("a.wav")
    ground.run("--once", deeds=[kill])
    claims.release("a.wav")
    return delivered({"a.wav": [FIRST]})


@story(PARENT, SERVICE, "claims.take_over")
def started_after_a_kill_on_a_share(ground: Ground, kill: Deed) -> Expectation:
    ground.configure(share=True)
    ground.drop("a.wav", FIRST)
    ground.run("--once", deeds=[Deed(at="ledger.plan", when=BEFORE, what=KILL_ALL)])
    ground.run("--once", deeds=[kill])
    return delivered({"a.wav": [FIRST]})


@story(WORKER, ALL, "claims.take_over")
def claimed_by_a_machine_that_is_gone(ground: Ground, kill: Deed) -> Expectation:
    ground.configure(share=True)
    ground.drop("a.wav", FIRST)
    claims = claims_elsewhere(ground)
    assert claims.take("a.wav")
    ground.run(deeds=[kill], machine=Machine(stale_s=0.3))
    claims.release("a.wav")  # where the kill came before; nobody has so long to wait here
    return delivered({"a.wav": [FIRST]})


# -- how they are told


def all_cases(story: Story, base: Path) -> list[Case]:
    """A kill of all at every single step that a story comes by when nothing is killed, however often it does."""
    trace = base / "trace"
    ground = make_ground(base / story.name)
    story.play(ground, Deed(at=EVERY_STEP, when=ANY, what=TRACE, role=ANY, path=str(trace)))
    passed = Counter(tuple(line.split()) for line in trace.read_text(encoding="ascii").splitlines())
    turns: dict[tuple[str, ...], int] = {}
    for (_, *place), count in passed.items():
        turns[*place,] = max(turns.get((*place,), 0), count)
    return [
        Case(story=story, kill=Deed(at=step, when=when, what=KILL_ALL, role=role, nth=nth))
        for (role, step, when), count in turns.items()
        for nth in range(1, count + 1)
    ]


def played(case: Case, base: Path) -> list[str]:
    """Play a case; returns what is wrong afterwards."""
    ground = make_ground(base)
    expected = case.story.play(ground, case.kill)
    never = [f"{deed} was never reached" for deed in ground.undone()]
    ground.finish()
    wrong = [*never, *faults(ground, expected)]
    return [*wrong, ground.journal()] if wrong else []


def played_at_once(cases: Iterable[Case], base: Path) -> dict[str, Future[list[str]]]:
    """Have all these cases played, some at a time, as each waits most of its time; `base` is there."""
    pool = ThreadPoolExecutor(max_workers=os.cpu_count())
    told = {str(case): pool.submit(played, case, base / str(number)) for number, case in enumerate(cases)}
    pool.shutdown(wait=False)
    return told
