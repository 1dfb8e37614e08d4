"""A plugin that crashes, hangs or is killed, and a parent that is: with a real plugin in a real process.

ZaMaximX2 works for some 70 ms on one message of eight blocks, long enough to be hit in the middle of it.
"""

import gc
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.board import Board
from rebounce.engine.errors import PluginCrashed, UsageError
from rebounce.engine.vst3 import Vst3
from rebounce.engine.vst3_link import Link

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals to processes, as Linux has them")

RATE_HZ = 48_000
PATIENCE_S = 30.0


@pytest.fixture
def maxim(zam_folder: Path) -> Iterator[Vst3]:
    plugin = Vst3(str(zam_folder / "ZaMaximX2.vst3"), threshold_db=-12, plugin_timeout_s=1)
    yield plugin
    plugin.close()


def long_piece() -> Audio:
    return noise(8192 * 24, 2, level=0.4)


class Strike(threading.Thread):
    """Sends a signal as soon as the plugin is in the middle of a block."""

    def __init__(self, link: Link, number: int, receiver: int | None = None) -> None:
        super().__init__()
        self._link = link
        self._number = number
        self._receiver = link.pid if receiver is None else receiver
        self.has_hit = False

    def run(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self._link.is_busy and time.monotonic() < deadline:
            pass
        self.has_hit = self._link.is_busy
        os.kill(self._receiver, self._number)


def wait_for_end(child: int) -> bool:
    """True once the process has ended, whoever reaps it."""
    try:
        handle = os.pidfd_open(child)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], PATIENCE_S)[0])
    finally:
        os.close(handle)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGSEGV, "its process died of SIGSEGV"),
        (signal.SIGKILL, "its process died of SIGKILL"),
        (signal.SIGSTOP, "it gave none within 1 s and was ended"),
    ],
)
def test_a_signal_in_mid_block_is_an_error_that_names_the_plugin_and_the_next_piece_succeeds(
    maxim: Vst3, number: int, said: str
) -> None:
    board = Board([maxim])
    expected = board(long_piece(), RATE_HZ)
    child = maxim.guest.link().pid
    strike = Strike(maxim.guest.link(), number)
    strike.start()
    with pytest.raises(PluginCrashed) as caught:
        board(long_piece(), RATE_HZ)
    strike.join()
    assert strike.has_hit
    assert said in str(caught.value)
    assert f"ZaMaximX2 ({maxim.path})" in str(caught.value)
    with pytest.raises(ProcessLookupError):  # killed and reaped already
        os.kill(child, 0)
    assert np.array_equal(board(long_piece(), RATE_HZ), expected)
    assert maxim.guest.link().pid != child


def test_a_plugin_stopped_before_its_block_is_ended_too(maxim: Vst3) -> None:
    maxim.process(noise(100), RATE_HZ, reset=False)
    os.kill(maxim.guest.link().pid, signal.SIGSTOP)
    with pytest.raises(PluginCrashed, match="it gave none within 1 s"):
        maxim.flush()
    assert maxim(noise(100), RATE_HZ).shape == (2, 100)


def test_a_run_whose_process_is_gone_does_not_go_on_in_the_next_one(maxim: Vst3) -> None:
    run = maxim.stream(RATE_HZ, 2)
    run.push(noise(8192))
    maxim.close()
    assert maxim(noise(100), RATE_HZ).shape == (2, 100)
    with pytest.raises(PluginCrashed, match="its process had ended before"):
        run.finish()


def test_one_bad_file_does_not_stop_the_next(maxim: Vst3, tmp_path: Path) -> None:
    import soundfile

    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, long_piece().T, RATE_HZ, subtype="FLOAT")
    board = Board([maxim])
    strike = Strike(maxim.guest.link(), signal.SIGSEGV)
    strike.start()
    with pytest.raises(PluginCrashed, match="ZaMaximX2"):
        board.restore_file(tmp_path / "a.wav", tmp_path / "a.out.wav")
    strike.join()
    assert not list(tmp_path.glob("*.out.wav*"))
    board.restore_file(tmp_path / "b.wav", tmp_path / "b.out.wav")
    restored = soundfile.read(tmp_path / "b.out.wav", dtype="float32", always_2d=True)[0].T
    np.testing.assert_allclose(restored, board(long_piece(), RATE_HZ), rtol=0, atol=1e-6)


def test_ctrl_c_does_not_wait_for_the_plugin(maxim: Vst3) -> None:
    maxim.plugin_timeout_s = 600
    child = maxim.guest.link().pid

    class StopThenInterrupt(Strike):
        def run(self) -> None:
            super().run()
            os.kill(os.getpid(), signal.SIGINT)

    strike = StopThenInterrupt(maxim.guest.link(), signal.SIGSTOP)
    strike.start()
    with pytest.raises(KeyboardInterrupt):
        maxim(long_piece(), RATE_HZ)
    strike.join()
    assert wait_for_end(child)
    assert maxim(noise(100), RATE_HZ).shape == (2, 100)


def test_a_thread_that_built_the_plugin_may_end(zam_folder: Path) -> None:
    built: list[Vst3] = []
    builder = threading.Thread(target=lambda: built.append(Vst3(str(zam_folder / "ZamEQ2.vst3"))))
    builder.start()
    builder.join()
    child = built[0].guest.link().pid
    assert np.array_equal(built[0](noise(9000), RATE_HZ), noise(9000))
    assert built[0].guest.link().pid == child
    built[0].close()


# The parent's end.

BUILD = """
import os, sys
from rebounce.engine.vst3 import Vst3
plugin = Vst3(sys.argv[1])
print(plugin.guest.link().pid, flush=True)
"""


def script(code: str, bundle: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", BUILD + code, str(bundle)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("is_stopped", [False, True])
def test_the_child_ends_with_a_parent_that_is_killed(zam_folder: Path, is_stopped: bool) -> None:
    with script("sys.stdin.read()", zam_folder / "ZamEQ2.vst3") as parent:
        child = int(first_line(parent))
        if is_stopped:
            os.kill(child, signal.SIGSTOP)
        parent.kill()
        assert wait_for_end(child)


def test_a_script_that_just_ends_leaves_nothing_and_prints_nothing(zam_folder: Path) -> None:
    # ZamVerb prints a line for every impulse response it reads.
    code = "import numpy as np; plugin(np.zeros((2, 9000), dtype='float32'), 44100)"
    with script(code, zam_folder / "ZamVerb.vst3") as parent:
        said, complained = parent.communicate(timeout=PATIENCE_S)
    assert (parent.returncode, complained) == (0, "")
    assert not Path(f"/proc/{int(said)}").exists()


def test_a_forked_copy_starts_a_process_of_its_own_and_leaves_the_first_alone(zam_folder: Path) -> None:
    forked = """
import gc, warnings, numpy as np
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 and later warn of any fork beside a thread
audio = np.random.default_rng(0).standard_normal((2, 20000)).astype("float32")
expected = plugin(audio, 48000)
first = plugin.guest.link().pid
if (copy := os.fork()) == 0:
    same = np.array_equal(plugin(audio, 48000), expected) and plugin.guest.link().pid != first
    plugin.close()
    del plugin
    gc.collect()
    os._exit(0 if same else 1)
assert os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]) == 0
assert np.array_equal(plugin(audio, 48000), expected) and plugin.guest.link().pid == first
"""
    with script(forked, zam_folder / "ZaMaximX2.vst3") as parent:
        _, complained = parent.communicate(timeout=PATIENCE_S)
    assert (parent.returncode, complained) == (0, "")


def test_an_unused_plugin_leaves_no_thread_and_no_open_file_behind(zam_folder: Path) -> None:
    open_before = len(os.listdir("/proc/self/fd"))
    threads_before = threading.active_count()
    plugin = Vst3(str(zam_folder / "ZamEQ2.vst3"))
    plugin(noise(100), RATE_HZ)
    plugin.close()
    del plugin
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= open_before
    assert threading.active_count() <= threads_before + 1  # the last one may be on its way out


def test_too_many_channels_are_refused_before_the_plugin_hears_of_them(maxim: Vst3) -> None:
    with pytest.raises(UsageError, match="channels-last"):
        maxim(np.zeros((1000, 2), dtype=np.float32), RATE_HZ)
