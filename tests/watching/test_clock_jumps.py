"""A clock that is set forward and back by days while the service runs."""

import os
import random
import sys
from pathlib import Path

import pytest
from killing_service import HOLD, KILL_ALL, Deed
from watch_expectations import delivered, faults
from watch_service import claims_elsewhere, make_ground, tone_file

from rebounce.watchers.bounce import State
from rebounce.watchers.steps import AFTER

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with signals")

DAY_S = 86_400.0
FIRST, SECOND = tone_file(1), tone_file(2)


def test_bounces_are_delivered_whatever_the_clock_does(tmp_path: Path) -> None:
    ground = make_ground(tmp_path, keep_done_days=30)
    ground.set_clock()
    days = random.Random(5)
    contents = {f"{number}.wav": [tone_file(number, seconds=0.05)] for number in range(20)}
    with ground.start() as service:
        service.wait_for_word("watching")
        for count, (path, (content,)) in enumerate(contents.items(), start=1):
            target = ground.drop(path, content)
            moment_s = target.stat().st_mtime + days.uniform(-2, 2) * DAY_S
            if count % 3 == 0 and target.exists():
                os.utime(target, (moment_s, moment_s))
            ground.set_clock(wrong_s=days.uniform(-1, 1) * DAY_S)
        service.wait_until(lambda: ground.count_finished() == len(contents))
        ground.set_clock(wrong_s=-1 * DAY_S)
        service.stop()
    assert faults(ground, delivered(contents)) == []


@pytest.mark.parametrize("days", [-1, 1])
def test_a_bounce_that_waits_for_its_next_try_does_not_wait_for_days(tmp_path: Path, days: float) -> None:
    ground = make_ground(tmp_path, share=True, poll_s=0.2)
    ground.set_clock()
    claims = claims_elsewhere(ground)
    assert claims.take("a.wav")
    ground.drop("a.wav", FIRST)
    with ground.start() as service:
        service.wait_for_word("another machine works on it")
        claims.release("a.wav")
        ground.set_clock(wrong_s=days * DAY_S)
        service.wait_until(lambda: ground.count_finished() == 1)
        service.stop()
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []


@pytest.mark.parametrize("days", [-1, 1])
def test_what_another_service_works_on_is_not_taken_from_it(tmp_path: Path, days: float) -> None:
    ground = make_ground(tmp_path)
    ground.set_clock()
    go = tmp_path / "go"
    ground.drop("a.wav", FIRST)
    with ground.start(deeds=[Deed(at="delivery.restore", when=AFTER, what=HOLD, path=str(go))]) as one:
        one.wait_until(lambda: ground.undone() == [])
        with ground.start() as other:
            other.wait_for_word("watching")
            ground.set_clock(wrong_s=days * DAY_S)
            ground.drop("b.wav", SECOND)
            other.wait_until(lambda: ground.count_finished() == 1)
            assert [bounce.path for bounce in ground.bounces() if bounce.state is State.RUNNING] == ["a.wav"]
            go.touch()
            other.wait_until(lambda: ground.count_finished() == 2)
            other.stop()
        one.stop()
    started = [event["path"] for event in ground.events() if event["event"] == "started"]
    assert sorted(started) == ["a.wav", "b.wav"]
    assert faults(ground, delivered({"a.wav": [FIRST], "b.wav": [SECOND]})) == []


@pytest.mark.parametrize("days", [-1, 1])
def test_a_restart_on_another_day_takes_over_what_was_running(tmp_path: Path, days: float) -> None:
    ground = make_ground(tmp_path)
    ground.set_clock()
    ground.drop("a.wav", FIRST)
    with ground.start(deeds=[Deed(at="delivery.restore", when=AFTER, what=KILL_ALL)]) as service:
        service.wait()
    ground.set_clock(wrong_s=days * DAY_S)
    ground.finish()
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []


def test_originals_are_kept_for_their_days_and_no_longer(tmp_path: Path) -> None:
    ground = make_ground(tmp_path, keep_done_days=10)
    ground.set_clock()
    contents = {f"{number}.wav": [tone_file(number, seconds=0.05)] for number in range(3)}
    with ground.start() as service:
        service.wait_for_word("watching")
        for count, (path, (content,)) in enumerate(contents.items(), start=1):
            ground.drop(path, content)
            service.wait_until(lambda count=count: ground.count_finished() == count)  # type: ignore[misc]
            ground.set_clock(passed_s=count * 5.5 * DAY_S)
        service.wait_until(lambda: not (ground.root / "Done/0.wav").exists())
        service.wait_until(lambda: not (ground.root / "Done/1.wav").exists())
        service.stop()
    expected = delivered(contents)
    del expected.originals["0.wav"]
    del expected.originals["1.wav"]
    assert faults(ground, expected) == []


def test_a_clock_that_jumps_removes_no_original(tmp_path: Path) -> None:
    ground = make_ground(tmp_path, keep_done_days=10)
    ground.set_clock()
    ground.drop("a.wav", FIRST)
    with ground.start() as service:
        service.wait_until(lambda: ground.count_finished() == 1)
        ground.set_clock(wrong_s=400 * DAY_S, passed_s=DAY_S)
        service.wait_for_word("the clock has jumped")
        service.stop()
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []
