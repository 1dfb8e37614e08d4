"""Several services of one machine on one folder, with one ledger."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from killing_service import HOLD, Deed
from watch_expectations import delivered, faults
from watch_service import drop_many, make_ground, times, tone_file

from rebounce.watchers.steps import BEFORE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with signals")

FIRST, SECOND = tone_file(1), tone_file(2)
HELD = Deed(at="delivery.restore", when=BEFORE, what=HOLD, path="/never")


@pytest.mark.parametrize("count", [2, 3])
def test_services_on_one_folder_do_nothing_twice(tmp_path: Path, count: int) -> None:
    ground = make_ground(tmp_path)
    with ExitStack() as stack:
        services = [stack.enter_context(ground.start()) for _ in range(count)]
        for service in services:
            service.wait_for_word("watching")
        dropped = drop_many(ground, 24)
        services[0].wait_until(lambda: ground.count_finished() == 24)
        for service in services:
            service.stop()
    assert times(ground, "started") == dict.fromkeys(dropped, 1)
    assert faults(ground, delivered(dropped)) == []


def test_services_that_start_in_the_same_moment_both_serve(tmp_path: Path) -> None:
    """The ledger is made anew by one of them, while the others open it."""
    ground = make_ground(tmp_path)
    with ExitStack() as stack:
        services = [stack.enter_context(ground.start()) for _ in range(4)]
        for service in services:
            service.wait_for_word("watching")
        ground.drop("a.wav", FIRST)
        services[0].wait_until(lambda: ground.count_finished() == 1)
        for service in services:
            service.stop()
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []


OPEN_MANY = """
import sys
from pathlib import Path
from rebounce.watchers.ledger import open_ledger
for number in range(150):
    open_ledger(Path(sys.argv[1]) / f"{number}.sqlite")[0].close()
"""


def test_a_new_ledger_may_be_opened_by_several_processes_in_one_moment(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN_MANY, str(tmp_path)], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [process.communicate()[1] for process in processes] == [""] * 4


@pytest.mark.parametrize("others", [1, 2])
def test_what_a_killed_service_had_goes_to_another(tmp_path: Path, others: int) -> None:
    ground = make_ground(tmp_path)
    ground.drop("a.wav", FIRST)
    with ground.start(deeds=[HELD]) as killed, ExitStack() as stack:
        killed.wait_until(lambda: ground.undone() == [])
        rest = [stack.enter_context(ground.start()) for _ in range(others)]
        for service in rest:
            service.wait_for_word("watching")
        ground.drop("b.wav", SECOND)
        rest[0].wait_until(lambda: ground.count_finished() == 1)  # a.wav is not theirs
        killed.kill()
        rest[0].wait_until(lambda: ground.count_finished() == 2)
        for service in rest:
            service.stop()
    assert faults(ground, delivered({"a.wav": [FIRST], "b.wav": [SECOND]})) == []
