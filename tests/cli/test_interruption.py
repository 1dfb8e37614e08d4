"""A stop is heard wherever Python happens to be when it comes."""

import subprocess
import sys

import pytest

SWALLOWS = """
import os, signal, sys
from rebounce.interruption import hear_stops

class Finalised:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        for _ in range(1000):
            pass

hear_stops()
try:
    thing = Finalised()
    del thing
    print("lost", flush=True)
    signal.pause()
    signal.pause()
except KeyboardInterrupt:
    print("heard")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_stop_that_a_finaliser_swallowed_is_raised_once_more(name: str) -> None:
    code = SWALLOWS.format(name=name)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "lost\nheard\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_other_exceptions_of_a_finaliser_are_told_as_ever() -> None:
    code = SWALLOWS.format(name="SIGINT").replace("os.kill(os.getpid(), signal.SIGINT)", "raise ValueError('told')")
    code = code.replace("    signal.pause()\n    signal.pause()\n", "")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "lost\n")
    assert "ValueError: told" in done.stderr
