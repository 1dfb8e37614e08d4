import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from rebounce.watchers.processes import Owner, is_alive, is_here, owner_from, process_of, this_process

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process was started")


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that lives until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_this_process_is_here_and_alive() -> None:
    me = this_process()
    assert (me.pid, me.host) == (os.getpid(), socket.gethostname())
    assert is_here(me)
    assert is_alive(me)


def test_an_owner_comes_back_from_its_table() -> None:
    me = this_process()
    assert owner_from(me.to_dict()) == me
    older = {"host": "h", "boot": "b", "pid": 1, "started": "2"}
    assert owner_from(older) == Owner(host="h", boot="b", pid=1, started="2")
    assert owner_from(older).to_dict() == older | {"space": ""}


def test_a_process_is_alive_until_it_is_waited_for(child: "subprocess.Popen[bytes]") -> None:
    owner = process_of(child.pid)
    assert is_alive(owner)
    child.kill()
    child.wait()
    assert not is_alive(owner)


@needs_proc
def test_a_killed_process_that_nobody_has_waited_for_is_dead(child: "subprocess.Popen[bytes]") -> None:
    owner = process_of(child.pid)
    child.kill()
    assert os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT) is not None
    assert not is_alive(owner)


@needs_proc
def test_another_process_of_the_same_number_is_not_the_same() -> None:
    me = this_process()
    assert me.started
    assert not is_alive(replace(me, started="1"))


@needs_proc
def test_the_same_number_in_another_run_of_the_machine_is_not_the_same() -> None:
    assert not is_alive(replace(this_process(), boot="another run"))


def test_where_it_is_not_known_when_a_process_was_started_its_number_counts() -> None:
    assert is_alive(replace(this_process(), started=""))


@needs_proc
def test_a_name_with_brackets_and_blanks_in_it_hides_nothing() -> None:
    code = "import ctypes; ctypes.CDLL(None).prctl(15, b') Z ) 1 2 (', 0, 0, 0); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:  # type: ignore[call-overload]
        before = process_of(process.pid)
        assert process.stdout is not None
        process.stdout.readline()
        assert process_of(process.pid) == before
        assert is_alive(before)
        process.kill()


def test_a_process_of_another_machine_cannot_be_known_to_be_gone() -> None:
    stranger = replace(this_process(), host="elsewhere", pid=2**22 + 1, started="1")
    assert not is_here(stranger)
    assert is_alive(stranger)


@needs_proc
def test_a_process_of_another_container_cannot_be_known_to_be_gone() -> None:
    """Which may have the name of this one; its numbers count there alone."""
    stranger = replace(this_process(), space="pid:[1]", pid=2**22 + 1, started="1")
    assert not is_here(stranger)
    assert is_alive(stranger)


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="needs a process of another user")
def test_a_process_of_another_user_is_alive() -> None:
    assert is_alive(process_of(1))
