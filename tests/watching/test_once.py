"""What a run with `--once` says in the end: 0 only where nothing is left to do."""

import signal
import sys
from pathlib import Path

import pytest
from commands import parts
from killing_service import HOLD, KILL_ALL, Deed
from mounting import mount_again, mount_memory, own_mounts, unmount
from watch_expectations import delivered, faults
from watch_service import Machine, claims_elsewhere, make_ground, tone_file

from rebounce.watchers.bounce import State
from rebounce.watchers.steps import BEFORE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and mounts as Linux has them")

FIRST = tone_file(1)
HELD = Deed(at="delivery.restore", when=BEFORE, what=HOLD, path="/never")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_was_stopped_in_the_middle_of_a_file_says_so(tmp_path: Path, number: signal.Signals) -> None:
    ground = make_ground(tmp_path)
    ground.drop("a.wav", FIRST)
    with ground.start("--once", deeds=[HELD]) as service:
        service.wait_until(lambda: ground.undone() == [])
        service.process.send_signal(number)
        assert service.wait() == 1
    assert [bounce.state for bounce in ground.bounces()] == [State.PARKED]
    assert parts(ground.root) == []
    assert ground.run("--once") == 0
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []


def test_a_run_whose_folder_vanishes_says_so(tmp_path: Path) -> None:
    """Also where the folder below it is looked through before it is known to be gone."""
    with own_mounts():
        ground = make_ground(tmp_path / "ground", share=True, poll_s=0.05, settle_s=3.0, give_up_s=9.0)
        server = mount_memory(tmp_path / "server", megabytes=64)
        mount_again(server, ground.root)
        (server / "a.wav").write_bytes(FIRST)
        with ground.start("--once") as service:
            service.wait_for_word("a.wav: seen")
            unmount(ground.root)
            assert service.wait() == 1
            assert "the folder is gone or unmounted" in service.said
            assert "went away before work on it began" not in service.said
        mount_again(server, ground.root)
        assert ground.run("--once") == 0
        assert faults(ground, delivered({"a.wav": [FIRST]})) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills with signals")
def test_what_a_machine_of_another_name_left_is_waited_for_and_done(tmp_path: Path) -> None:
    """As a container has another name each time that it is started."""
    ground = make_ground(tmp_path)
    ground.drop("a.wav", FIRST)
    box = Machine(name="box-a", stale_s=1.5)
    ground.run("--once", deeds=[Deed(at="delivery.restore", when=BEFORE, what=KILL_ALL)], machine=box)
    assert [bounce.state for bounce in ground.bounces()] == [State.RUNNING]
    assert ground.run("--once", machine=Machine(name="box-b", stale_s=1.5)) == 0
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []


def test_what_a_machine_that_is_gone_had_claimed_is_waited_for_and_done(tmp_path: Path) -> None:
    ground = make_ground(tmp_path, share=True)
    ground.drop("a.wav", FIRST)
    assert claims_elsewhere(ground).take("a.wav")
    assert ground.run("--once", machine=Machine(stale_s=1.5)) == 0
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []
