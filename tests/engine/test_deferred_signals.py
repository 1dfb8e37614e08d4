import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rebounce.engine.deferred_signals import signals_wait


def test_an_interrupt_waits_until_the_call_is_over() -> None:
    def work() -> None:
        with signals_wait():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest of the call")

    done: list[str] = []
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["the rest of the call"]
    assert signal.getsignal(signal.SIGINT) is handler


def test_signals_are_left_alone_in_other_threads(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with signals_wait():
                soundfile.write(tmp_path / "x.wav", np.zeros(10), 48_000)
        except BaseException as problem:
            failures.append(problem)

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert failures == []


WORK = """
import itertools, sys
from pathlib import Path
from rewriting import rewrite
source, target = Path(sys.argv[1]), Path(sys.argv[2])
try:
    for number in itertools.count():
        rewrite(source, target / f"{number}.wav")
        print(number, flush=True)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that is sent to one process")
def test_an_interrupt_at_any_time_leaves_whole_files_alone_and_no_message_from_a_callback(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    soundfile.write(tmp_path / "in.wav", np.zeros((700_000, 2)), 48_000)
    command = [sys.executable, "-c", WORK, str(tmp_path / "in.wav"), str(tmp_path / "out")]
    environment = {"PYTHONPATH": str(Path(__file__).parents[1])}
    for files in (1, 2, 3):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            for _ in range(files):
                process.stdout.readline()
            process.send_signal(signal.SIGINT)
            out, problems = process.communicate(timeout=60)
        assert problems == ""
        assert out.endswith("interrupted\n")
        found = list((tmp_path / "out").iterdir())
        assert {path.suffix for path in found} == {".wav"}
        assert all(soundfile.info(path).frames == 700_000 for path in found)
        for path in found:
            path.unlink()
