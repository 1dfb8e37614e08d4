"""What the running service is told and tells: by its config, its page, its records, and the signals of a terminal."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from commands import DEADLINE_S, wait_until
from killing_service import HOLD, Deed
from page_asking import Asker
from watch_expectations import delivered, faults
from watch_service import Ground, Running, make_ground, tone_file

from rebounce.watchers.bounce import State
from rebounce.watchers.steps import BEFORE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes as POSIX has them")

FIRST, SECOND = tone_file(1), tone_file(2)


def count_running(ground: Ground) -> int:
    return sum(bounce.state is State.RUNNING for bounce in ground.bounces())


def held(ground: Ground) -> Deed:
    """Work begins and goes on when `go` is there."""
    return Deed(at="delivery.restore", when=BEFORE, what=HOLD, times=2, path=str(ground.base / "go"))


def test_more_jobs_in_a_changed_config_are_begun_at_once(tmp_path: Path) -> None:
    ground = make_ground(tmp_path, jobs=1)
    for path, content in {"a.wav": FIRST, "b.wav": SECOND}.items():
        ground.drop(path, content)
    with ground.start(deeds=[held(ground)]) as service:
        service.wait_until(lambda: {bounce.state for bounce in ground.bounces()} == {State.RUNNING, State.QUEUED})
        ground.configure(jobs=2)
        service.wait_until(lambda: count_running(ground) == 2)
        (tmp_path / "go").touch()
        service.wait_until(lambda: ground.count_finished() == 2)
        service.stop()
    assert faults(ground, delivered({"a.wav": [FIRST], "b.wav": [SECOND]})) == []


def page_of(service: Running) -> Asker:
    service.wait_for_word("the page is at ")
    return Asker(url=service.said.partition("the page is at ")[2].split()[0])


def test_the_page_says_that_the_service_is_well_and_what_it_has_done(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    ground.drop("a.wav", FIRST)
    with ground.start("--web-address", "127.0.0.1:0") as service:
        page = page_of(service)
        service.wait_until(lambda: ground.count_finished() == 1)
        answer = page.ask("/health")
        told = answer.json()
        assert (answer.status, told["ok"], told["folders"], told["out_of_reach"]) == (200, True, 1, 0)
        assert {state: count for state, count in told["counts"].items() if count} == {"unchanged": 1}
        service.stop()


def test_when_nobody_reads_the_records_any_more_it_ends_in_order(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    ground.drop("a.wav", FIRST)
    command = [sys.executable, "-m", "rebounce", "watch", "--config", str(ground.config), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as service:
        assert service.stdout is not None
        assert service.stderr is not None
        assert json.loads(service.stdout.readline())["input"] == str(ground.root / "a.wav")
        service.stdout.close()
        ground.drop("b.wav", SECOND)
        try:
            assert service.wait(DEADLINE_S) == 0
        finally:
            service.kill()
        assert b"Traceback" not in service.stderr.read()
    wait_until(lambda: all(bounce.owner is None for bounce in ground.bounces()))
    assert ground.events()[-1]["event"] == "stopped"
    assert faults(ground, delivered({"a.wav": [FIRST], "b.wav": [SECOND]})) == []
