import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import wait

import pytest

from rebounce.watchers.wake import Wake

IN_TIME_S = 30.0


@pytest.fixture
def wake() -> Iterator[Wake]:
    wake = Wake()
    yield wake
    wake.close()


def is_awake(wake: Wake) -> bool:
    return bool(wait([wake.connection], 0))


def test_it_wakes_once_however_often_it_was_set(wake: Wake) -> None:
    assert not is_awake(wake)
    for _ in range(100_000):
        wake.set()  # a pipe would be full by now
    assert is_awake(wake)
    wake.clear()
    assert not is_awake(wake)
    wake.set()
    assert is_awake(wake)


def test_clearing_what_was_not_set_is_nothing(wake: Wake) -> None:
    wake.clear()
    wake.clear()
    wake.set()
    assert is_awake(wake)


def test_another_thread_wakes_who_waits(wake: Wake) -> None:
    thread = threading.Thread(target=wake.set)
    thread.start()
    assert wait([wake.connection], IN_TIME_S) == [wake.connection]
    thread.join()


def test_no_waking_is_lost_between_threads(wake: Wake) -> None:
    turns = 2000
    heard = threading.Semaphore(0)

    def ask() -> None:
        for _ in range(turns):
            wake.set()
            assert heard.acquire(timeout=IN_TIME_S)

    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(turns):
        assert wait([wake.connection], IN_TIME_S)
        wake.clear()
        heard.release()
    thread.join()


def test_after_it_was_closed_setting_it_disturbs_nobody() -> None:
    wake = Wake()
    wake.close()
    wake.set()


@pytest.mark.skipif(sys.platform == "win32", reason="needs timers that signal")
def test_a_signal_in_the_middle_of_clearing_is_no_deadlock() -> None:
    code = (
        "import signal\n"
        "from rebounce.watchers.wake import Wake\n"
        "wake = Wake()\n"
        "count = 0\n"
        "def ring(number, frame):\n"
        "    global count\n"
        "    count += 1\n"
        "    wake.set()\n"
        "signal.signal(signal.SIGALRM, ring)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.00005, 0.00005)\n"
        "while count < 5000:\n"
        "    wake.set(); wake.clear()\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
