"""Every moment between two steps of every way that a bounce can go: whatever is killed there, the end is the same."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bouncing import HALF, MOMENTS, NOT_AUDIO, Killed, Serving, tiny, watch_folder

import rebounce.watchers.repair
import rebounce.watchers.worker  # noqa: F401 - with the rest of the steps
from rebounce.watchers.bounce import State
from rebounce.watchers.prepared import Presets
from rebounce.watchers.steps import AFTER, BEFORE, STEPS, listen, step

Deed = Callable[[Serving], object]
MIX = "Mix.wav"
# What differs from run to run: how long it took.
MOST_MOMENTS = 200
TAKEN = {"seconds", "realtime_factor"}


@dataclass(frozen=True, kw_only=True)
class Way:
    """What was there before, and what is done while it is killed; `reached` are the steps that make it worth it."""

    before: Deed = lambda serving: None
    deed: Deed = lambda serving: serving.work_off()
    settings: dict[str, Any]
    reached: tuple[str, ...]

    def __str__(self) -> str:
        return "+".join(self.reached)


def dropped(*contents: bytes, path: str = MIX) -> Deed:
    """All but the last are worked off; the last only lies there."""

    def drop(serving: Serving) -> None:
        for number, content in enumerate(contents):
            serving.drop(path, content)
            if number < len(contents) - 1:
                serving.work_off()

    return drop


def retried_with(preset: str | None) -> Deed:
    def retry(serving: Serving) -> None:
        # Asked for by a user, who sees whether it was done and asks again if not.
        for bounce in serving.ledger.in_state(State.FAILED):
            if bounce.preset is None:
                serving.ledger.retry(bounce.id, preset)
        serving.work_off()

    return retry


def both(first: Deed, second: Deed) -> Deed:
    def do(serving: Serving) -> None:
        first(serving)
        second(serving)

    return do


def rerun(serving: Serving) -> None:
    done = serving.ledger.in_state(State.UNCHANGED)
    if not serving.ledger.in_state(State.DONE) and len(done) == 1:
        serving.ledger.rerun(done[0].id, str(serving.layout.root.with_name("half.toml")))
    serving.work_off()


def deleted_when_queued(serving: Serving) -> None:
    serving.notice()
    serving.layout.at(MIX).unlink(missing_ok=True)
    serving.work_off()


def deleted_when_started(serving: Serving) -> None:
    serving.notice()
    if bounce := serving.take():
        serving.layout.at(MIX).unlink(missing_ok=True)
        serving.work(bounce)


def dying_twice(serving: Serving) -> None:
    """Its worker, unless something else is to be done with it already."""
    serving.notice()
    while bounce := serving.take():
        if bounce.plan is None and bounce.preset is None:
            serving.item.died(bounce.id, serving.owner)
        else:
            serving.work(bounce)


def failing_twice(serving: Serving) -> None:
    dropped(NOT_AUDIO, NOT_AUDIO * 2)(serving)


WAYS = [
    Way(settings={}, before=dropped(tiny(1)), reached=("ledger.discover", "ledger.queue", "ledger.finish")),
    Way(settings={}, before=dropped(tiny(1), tiny(2)), reached=("delivery.set_aside", "ledger.replan")),
    Way(settings={}, before=dropped(tiny(1), tiny(2), tiny(1)), reached=("delivery.original",)),
    Way(settings={}, before=dropped(tiny(1), tiny(1)), reached=("ledger.identify", "ledger.plan")),
    Way(
        settings={},
        before=both(dropped(tiny(1)), lambda serving: (serving.work_off(), serving.drop("Album/Other.wav", tiny(1)))),
        reached=("delivery.copy_twin",),
    ),
    Way(settings={"originals": "keep"}, before=dropped(tiny(1), tiny(2)), reached=("delivery.publish",)),
    Way(settings={"saves_chain": True}, before=dropped(tiny(1), tiny(2)), reached=("delivery.stage", "delivery.side")),
    Way(settings={}, before=dropped(NOT_AUDIO), reached=("ledger.start", "delivery.side")),
    Way(settings={}, before=failing_twice, reached=("delivery.set_aside", "delivery.side")),
    Way(
        settings={},
        before=dropped(tiny(1)),
        deed=both(dying_twice, retried_with("bypass")),
        reached=("ledger.retry", "delivery.remove", "delivery.original"),
    ),
    Way(
        settings={},
        before=both(dropped(tiny(1)), lambda serving: serving.work_off()),
        deed=rerun,
        reached=("ledger.rerun",),
    ),
    Way(settings={}, before=dropped(tiny(1)), deed=deleted_when_queued, reached=("ledger.forget",)),
    Way(settings={}, before=dropped(tiny(1)), deed=deleted_when_started, reached=("ledger.lost",)),
]
# Steps of the ledger alone, or of what runs in other processes: their own tests are beside.
ELSEWHERE = {
    *(
        "claims.create",
        "claims.release",
        "claims.take_over",
        "housekeeping.remove",
        "ledger.again",
        "ledger.ignore",
        "ledger.park",
        "ledger.prune",
        "ledger.removed",
        "ledger.settle",
        "ledger.take_errand",
    ),
    *("ledger.told", "ledger.unplan", "ledger.unsettle", "ledger.unpark", "delivery.sweep"),
}


@pytest.fixture(scope="module")
def presets() -> Presets:
    return Presets()


def told(serving: Serving) -> dict[str, object]:
    """What lies in the folder, records as what they say but for the time that it took."""
    root = str(serving.layout.root)
    table: dict[str, object] = {}
    for path, content in serving.files().items():
        if path.endswith(".json"):
            record = json.loads(content.replace(root.encode(), b"ROOT"))
            table[path] = {key: value for key, value in record.items() if key not in TAKEN}
        else:
            table[path] = content
    return table


def ends(way: Way, base: Path, presets: Presets) -> Iterator[tuple[int | None, dict[str, object]]]:
    """How the folder is in the end: unkilled first, then killed at each moment in turn."""
    root, image = base / "Bounces", base / "image"
    (base / "half.toml").write_text(HALF, encoding="utf-8")
    folder = watch_folder(root, **way.settings)
    serving = Serving(folder, presets)
    way.before(serving)
    serving.close()
    root.rename(image)
    for number in (None, *range(MOST_MOMENTS)):
        shutil.copytree(image, root, symlinks=True)
        serving = Serving(folder, presets)
        try:
            is_killed = has_killed(serving, number, way.deed)
            assert not serving.ledger.unfinished(-1), f"killed at {number}"
            yield number, told(serving)
        finally:
            serving.close()
        shutil.rmtree(root)
        if number is not None and not is_killed:
            return


def has_killed(serving: Serving, number: int | None, deed: Deed) -> bool:
    """Do it, killed at a moment, and once more then; False where it was done before that moment."""
    try:
        with serving.killed_at(number):
            deed(serving)
    except Killed:
        serving.restart()
        deed(serving)
        return True
    return False


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_whatever_moment_it_is_killed_at_the_end_is_the_same(way: Way, tmp_path: Path, presets: Presets) -> None:
    results = ends(way, tmp_path, presets)
    _, unkilled = next(results)
    assert set(way.reached) <= {name for name, _ in MOMENTS.told}
    last: int | None = None
    for number, killed in results:
        assert killed == unkilled, f"killed at {number}"
        last = number
    assert last is not None
    assert last in range(2 * len(way.reached), MOST_MOMENTS - 1)


def test_no_step_is_without_its_way() -> None:
    reached = {name for way in WAYS for name in way.reached} | {"delivery.restore"}
    assert reached | ELSEWHERE == set(STEPS)
    assert not reached & ELSEWHERE


def test_who_listens_is_told_before_and_after_and_only_before_where_it_fails() -> None:
    heard: list[tuple[str, str]] = []

    @step("test.divide")
    def divide(value: float, *, by: float) -> float:
        """Divides."""
        return value / by

    listen(lambda name, when: heard.append((name, when)))
    assert divide(6, by=3) == 2
    assert heard == [("test.divide", BEFORE), ("test.divide", AFTER)]
    assert divide.__doc__ == "Divides."
    heard.clear()
    with pytest.raises(ZeroDivisionError):
        divide(6, by=0)
    assert heard == [("test.divide", BEFORE)]
    assert STEPS.pop() == "test.divide"


def test_no_two_steps_have_one_name() -> None:
    assert len(set(STEPS)) == len(STEPS)
    with pytest.raises(AssertionError, match=r"ledger\.start"):
        step("ledger.start")
