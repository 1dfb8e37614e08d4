import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest
from bouncing import HALF, Serving, discovered, gone_process, tiny, watch_folder
from rewriting import wav
from watch_service import tone_file

from rebounce.watchers.bounce import State
from rebounce.watchers.processes import process_of, this_process
from rebounce.watchers.repair import OVERTAKEN
from rebounce.watchers.worker import Describe, Described, Progressed, Restore, Worked, work

IN_TIME_S = 120.0
LONG = wav(bytes(4 * 48_000 * 240))
"""Minutes of silence: long enough to be broken off."""

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


class Hired:
    """A worker in a process of its own, and the service's end of the line."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.line: Connection
        self.line, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=work, args=(theirs, 1, None))
        self.process.start()
        theirs.close()

    def hear(self) -> object:
        assert wait([self.line], IN_TIME_S)
        return self.line.recv()

    def send_signal(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def ended(self) -> int | None:
        self.process.join(IN_TIME_S)
        return self.process.exitcode

    def dismiss(self) -> None:
        self.process.kill()
        self.process.join()
        self.line.close()


@pytest.fixture
def hired() -> Iterator[Hired]:
    hired = Hired()
    yield hired
    hired.dismiss()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    chain = tmp_path / "half.toml"
    chain.write_text(HALF, encoding="utf-8")
    serving = Serving(watch_folder(tmp_path / "Bounces", str(chain)))
    yield serving
    serving.close()


def give(hired: Hired, serving: Serving, content: bytes) -> int:
    bounce = discovered(serving, "Mix.wav", content)
    assert hired.process.pid is not None
    assert serving.ledger.start(bounce.id, process_of(hired.process.pid), this_process())
    layout = serving.layout
    hired.line.send(
        Restore(folder=serving.folder, layout=layout, id=bounce.id, uses_claims=False, uses_gpu=False, stale_s=90)
    )
    return bounce.id


def test_orders_are_answered_one_after_the_other(hired: Hired, serving: Serving) -> None:
    hired.line.send(Describe(folder=serving.folder))
    described = hired.hear()
    assert isinstance(described, Described)
    id = give(hired, serving, tiny(1))
    worked = hired.hear()
    assert isinstance(worked, Worked)
    assert (worked.id, worked.state, worked.reason) == (id, State.DONE, None)
    assert serving.ledger.known(id).preset_hash == described.preset_hash


def test_it_ends_when_nobody_holds_the_line(hired: Hired) -> None:
    hired.line.close()
    assert hired.ended() == 0


@needs_signals
def test_a_polite_stop_while_it_waits_ends_it(hired: Hired, serving: Serving) -> None:
    hired.line.send(Describe(folder=serving.folder))
    hired.hear()
    hired.send_signal(signal.SIGTERM)
    assert hired.ended() == 0


@needs_signals
def test_a_ctrl_c_at_the_terminal_is_the_services_to_hear(hired: Hired, serving: Serving) -> None:
    hired.line.send(Describe(folder=serving.folder))
    hired.hear()
    hired.send_signal(signal.SIGINT)
    give(hired, serving, tiny(1))
    worked = hired.hear()
    assert isinstance(worked, Worked)
    assert worked.state == State.DONE


@needs_signals
def test_a_polite_stop_breaks_off_what_it_works_on_and_leaves_nothing_half_written(
    hired: Hired, serving: Serving
) -> None:
    id = give(hired, serving, LONG)
    progressed = hired.hear()
    assert isinstance(progressed, Progressed)
    assert (progressed.id, progressed.ledger) == (id, serving.layout.ledger)
    assert 0 <= progressed.fraction <= 1
    hired.send_signal(signal.SIGTERM)
    while isinstance(worked := hired.hear(), Progressed):
        pass
    assert isinstance(worked, Worked)
    assert worked.state == State.PARKED
    assert hired.ended() == 0
    assert serving.ledger.known(id).state is State.PARKED
    assert set(serving.files()) == {"Mix.wav"}


@needs_signals
def test_it_ends_with_its_service_however_that_ends(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from rebounce.watchers.crew import Crew\n"
        "from rebounce.watchers.settings import WatchFolder\n"
        "from rebounce.watchers.worker import Describe\n"
        "if __name__ == '__main__':\n"
        "    crew = Crew(1)\n"
        "    crew.describe(Describe(folder=WatchFolder(path=Path(sys.argv[2]), preset='bypass')))\n"
        "    with open(sys.argv[1], 'w') as fifo:\n"
        "        print(crew.free().owner.pid, file=fifo)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    (tmp_path / "service.py").write_text(code, encoding="utf-8")
    # The worker has the output of the service too: it is at its end when both are gone.
    pid = tmp_path / "pid"
    command = [sys.executable, str(tmp_path / "service.py"), str(pid), str(tmp_path)]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=IN_TIME_S)
    assert run.returncode == -signal.SIGKILL
    assert run.stdout == b""
    assert int(pid.read_text(encoding="ascii")) > 0


def test_a_bounce_that_was_taken_over_is_left_to_whoever_has_it(hired: Hired, serving: Serving) -> None:
    Path(serving.folder.preset).write_text('[[chain]]\nplugin = "Reverb"\n' * 8, encoding="utf-8")
    id = give(hired, serving, tone_file(1, seconds=40))
    while not serving.ledger.known(id).progress:
        time.sleep(0.01)
    serving.ledger.again(id, "its process seemed to be gone")
    other = gone_process()
    assert serving.ledger.start(id, other, other)
    while isinstance(worked := hired.hear(), Progressed):
        continue
    assert isinstance(worked, Worked)
    assert (worked.state, worked.reason) == (State.QUEUED, OVERTAKEN)
    left = serving.ledger.known(id)
    assert (left.state, left.owner, left.plan) == (State.RUNNING, other, None)
    assert [path for path in serving.files() if path.startswith(("Restored", "Done"))] == []
