"""Services on machines that share nothing but the watched folder: each has a ledger of its own, and claims what it
works on.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from killing_service import HOLD, KILL_ALL, Deed
from watch_expectations import delivered, faults
from watch_service import Ground, Machine, Running, claims_elsewhere, drop_many, make_ground, times, tone_file

from rebounce.watchers.bounce import FINISHED
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.steps import BEFORE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with signals")

FIRST = tone_file(1)
ONE, OTHER = Machine(state="state-a"), Machine(state="state-b")
STALE_S = 1.5
DELIVERY = ("delivery.stage", "ledger.plan", "delivery.publish", "delivery.side", "delivery.original", "ledger.finish")


def is_all_done(ground: Ground) -> bool:
    return bool(ground.bounces()) and all(bounce.state in FINISHED for bounce in ground.bounces())


def test_machines_that_share_only_the_folder_do_nothing_twice(tmp_path: Path) -> None:
    ground = make_ground(tmp_path, share=True, poll_s=0.2)
    with ground.start(machine=ONE) as one, ground.start(machine=OTHER) as other:
        for service in (one, other):
            service.wait_for_word("watching")
        dropped = drop_many(ground, 24)
        one.wait_until(lambda: not list(ground.root.glob("Album*/*")))
        one.wait_until(lambda: is_all_done(ground))  # whoever came too late for a bounce finds that it is gone
        one.stop()
        other.stop()
    assert len(ground.ledgers) == 2
    assert times(ground, "done", "unchanged") == dict.fromkeys(dropped, 1)
    assert faults(ground, delivered(dropped)) == []


@pytest.mark.parametrize("at", ["ledger.identify", "delivery.restore", *DELIVERY, "claims.release"])
def test_another_machine_ends_what_a_killed_one_began(tmp_path: Path, at: str) -> None:
    ground = make_ground(tmp_path, share=True)
    ground.drop("a.wav", FIRST)
    ground.run("--once", deeds=[Deed(at=at, when=BEFORE, what=KILL_ALL)], machine=ONE)
    assert ground.undone() == []
    ground.run("--once", machine=OTHER)
    expected = delivered({"a.wav": [FIRST]})
    wrong = [fault for fault in faults(ground, expected) if not fault.startswith("the ledger")]
    assert wrong == [], ground.journal()
    ground.run("--once", machine=ONE)  # which knows of its own plan only
    assert faults(ground, expected) == []


@pytest.fixture
def far() -> Machine:
    """A machine whose processes nobody here can ask for, as it has another name. With REBOUNCE_REQUIRE_NAMESPACES=1
    it is a failure when there cannot be one."""
    machine = Machine(state="state-far", name="far-away", stale_s=STALE_S)
    tried = subprocess.run([*machine.under, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        if os.environ.get("REBOUNCE_REQUIRE_NAMESPACES") == "1":
            pytest.fail(f"no machine of another name can be had: {tried.stderr}")
        pytest.skip(f"needs a namespace for a machine's name ({tried.stderr.strip()}): run the tests as root")
    return machine


NEAR = Machine(state="state-near", stale_s=STALE_S)


def is_idle(ground: Ground, machine: Machine) -> bool:
    """Whether a machine has nothing to do; which may be that it has seen nothing."""
    found = [path for path in ground.ledgers if machine.state in path.parts]
    with Ledger(found[0]) as ledger:
        return ledger.unfinished(-1) == []


@contextmanager
def begun(ground: Ground, machine: Machine, at: str, go: Path) -> Iterator[Running]:
    """A service that stands still at this step of its work."""
    with ground.start(deeds=[Deed(at=at, when=BEFORE, what=HOLD, path=str(go))], machine=machine) as service:
        service.wait_until(lambda: ground.undone() == [])
        yield service


def test_what_a_machine_had_that_died_is_taken_over_when_its_beat_stands_still(tmp_path: Path, far: Machine) -> None:
    ground = make_ground(tmp_path, share=True, poll_s=0.2)
    ground.drop("a.wav", FIRST)
    with begun(ground, far, "delivery.restore", tmp_path / "never") as died, ground.start(machine=NEAR) as service:
        service.wait_for_word("another machine works on it")
        died.kill()
        service.wait_until((ground.root / "Done/a.wav").exists)
        service.stop()
    expected = delivered({"a.wav": [FIRST]})
    assert [fault for fault in faults(ground, expected) if not fault.startswith("the ledger")] == []


def test_a_claim_that_says_nothing_is_taken_over_when_it_stands_still(tmp_path: Path) -> None:
    """As a machine leaves it that dies while it writes it."""
    ground = make_ground(tmp_path, share=True, poll_s=0.2)
    assert claims_elsewhere(ground).take("a.wav")
    (claim,) = (ground.root / ".rebounce/claims").iterdir()
    claim.write_bytes(b"")
    ground.drop("a.wav", FIRST)
    with ground.start(machine=NEAR) as service:
        service.wait_until(lambda: ground.count_finished() == 1)
        service.stop()
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []


@pytest.mark.parametrize("at", ["delivery.restore", *DELIVERY, "claims.release"])
def test_a_machine_that_slept_through_the_work_of_another_does_nothing_twice(
    tmp_path: Path, far: Machine, at: str
) -> None:
    ground = make_ground(tmp_path, share=True, poll_s=0.2)
    ground.drop("a.wav", FIRST)
    go = tmp_path / "go"
    with begun(ground, far, at, go) as sleeping, ground.start(machine=NEAR) as service:
        os.killpg(sleeping.process.pid, signal.SIGSTOP)
        service.wait_for_word("watching")
        service.wait_until(lambda: not (ground.root / "a.wav").exists() and is_idle(ground, NEAR))
        service.stop()
        go.touch()
        os.killpg(sleeping.process.pid, signal.SIGCONT)
        sleeping.wait_until(lambda: is_all_done(ground) or not ground.bounces())
        sleeping.stop()
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []
