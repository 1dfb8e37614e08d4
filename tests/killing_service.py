"""The command line with deeds done at named steps of the watch folder service: the process killed, a file deleted.

Run as a program in place of `rebounce`, with the path of a file of deeds in the environment; each worker runs this
module again before anything else, and so does its own deeds. What always holds: each deed is done so many times as it
says and leaves a note each time, which is how a test knows that the step was reached. Other
files say by how many seconds the clock of the day is wrong in all these processes, and how many more have passed than
really did; both may change while they run.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rebounce.watchers.steps import listen

DEEDS, CLOCK, STALE = "REBOUNCE_TEST_DEEDS", "REBOUNCE_TEST_CLOCK", "REBOUNCE_TEST_STALE_S"
PARENT, WORKER, ANY = "parent", "worker", "any"
EVERY_STEP = "*"
KILL, KILL_ALL, STOP, STOP_DEAF, HOLD, DELETE, APPEND, REPLACE, DEAFEN, MUFFLE, TRACE = (
    *("kill", "kill all", "stop", "stop deaf", "hold", "delete", "append", "replace", "deafen", "muffle", "trace"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Do something to a path before or after the nth of a step in one kind of process; no more than `times` times.

    KILL ends the process in which the step happens, KILL_ALL the service with all its workers; STOP asks the service
    to end and waits for its word, which STOP_DEAF does not hear; HOLD waits until `path` is there; DELETE takes all
    that `path` matches; APPEND makes a file longer; REPLACE puts `source` in its place; DEAFEN ends the thread that
    hears of changes; TRACE writes every step that comes by into `path`, with its process and role.
    """

    at: str
    when: str
    what: str
    role: str = WORKER
    nth: int = 1
    times: int = 1
    path: str = ""
    source: str = ""


def write_deeds(file: Path, deeds: Sequence[Deed]) -> dict[str, str]:
    """Write the deeds of one run down; returns what has to be in the environment of the run."""
    file.write_text(json.dumps([asdict(deed) for deed in deeds]), encoding="utf-8")
    return {DEEDS: str(file)}


def is_done(file: Path, number: int) -> bool:
    """Whether the deed of that number was done at least once."""
    return _note(file, number, 1).exists()


def _note(file: Path, number: int, time_: int) -> Path:
    return file.with_name(f"{file.name}.{number}.{time_}")


class _Doer:
    """Does the deeds of one process."""

    def __init__(self, file: Path, role: str) -> None:
        self._file = file
        deeds = [Deed(**table) for table in json.loads(file.read_text(encoding="utf-8"))]
        self._mine = [(number, deed) for number, deed in enumerate(deeds) if deed.role in (role, ANY)]
        self._role = role
        self._count = dict.fromkeys(range(len(deeds)), 0)

    def hear(self, name: str, when: str) -> None:
        for number, deed in self._mine:
            if deed.what == TRACE:
                _trace(deed, self._role, name, when)
            elif (deed.at, deed.when) == (name, when):
                self._count[number] += 1
                if self._count[number] >= deed.nth and self._is_left(number, deed):
                    _do(deed)

    def _is_left(self, number: int, deed: Deed) -> bool:
        """Claims one of the times that the deed is to be done; the notes are shared by all processes."""
        for time_ in range(1, deed.times + 1):
            try:
                os.close(os.open(_note(self._file, number, time_), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            return True
        return False


def _trace(deed: Deed, role: str, name: str, when: str) -> None:
    with Path(deed.path).open("a", encoding="ascii") as file:
        file.write(f"{os.getpid()} {role} {name} {when}\n")


def _do(deed: Deed) -> None:
    _HOW[deed.what](deed)


def _kill(deed: Deed) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _kill_all(deed: Deed) -> None:
    os.killpg(0, signal.SIGKILL)


def _stop(deed: Deed) -> None:
    if deed.role == PARENT:
        os.kill(os.getpid(), signal.SIGTERM)
        return
    os.kill(os.getppid(), signal.SIGTERM)
    while True:
        time.sleep(0.005)  # until the service's word comes, as a signal


def _stop_deaf(deed: Deed) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _stop(deed)


def _hold(deed: Deed) -> None:
    while not Path(deed.path).exists():
        time.sleep(0.005)


def _delete(deed: Deed) -> None:
    path = Path(deed.path)
    for found in path.parent.glob(path.name):
        found.unlink()


def _append(deed: Deed) -> None:
    with Path(deed.path).open("ab") as file:
        file.write(b"more")


def _replace(deed: Deed) -> None:
    os.replace(deed.source, deed.path)


def _deafen(deed: Deed) -> None:
    from watchdog.observers.api import BaseObserver

    for thread in threading.enumerate():
        if isinstance(thread, BaseObserver):
            thread.stop()


def _muffle(deed: Deed) -> None:
    from watchdog.observers.api import BaseObserver

    for thread in threading.enumerate():
        if isinstance(thread, BaseObserver):
            for handlers in thread._handlers.values():
                handlers.clear()


_HOW = {
    KILL: _kill,
    KILL_ALL: _kill_all,
    STOP: _stop,
    STOP_DEAF: _stop_deaf,
    HOLD: _hold,
    DELETE: _delete,
    APPEND: _append,
    REPLACE: _replace,
    DEAFEN: _deafen,
    MUFFLE: _muffle,
}


def _set_clocks(file: Path) -> None:
    """Before anybody takes hold of them: the clock of the day, and the one that counts while the machine runs."""
    day: Any = time.time
    count: Any = time.clock_gettime
    time.time = lambda: float(day() + sum(_shift(file)))
    time.clock_gettime = lambda clock: float(count(clock) + (_shift(file)[1] if clock == time.CLOCK_BOOTTIME else 0))


def _shift(file: Path) -> tuple[float, float]:
    wrong_s, passed_s = map(float, file.read_text(encoding="ascii").split())
    return wrong_s, passed_s


def _hurry(stale_s: float) -> None:
    """Take over other machines' claims after so many seconds, and beat the faster."""
    from rebounce.watchers import claims, leases

    leases.STALE_S, claims.BEAT_S = stale_s, stale_s / 20


def _begin(role: str) -> None:
    if clock := os.environ.get(CLOCK):
        _set_clocks(Path(clock))
    if stale_s := os.environ.get(STALE):
        _hurry(float(stale_s))
    if file := os.environ.get(DEEDS):
        listen(_Doer(Path(file), role).hear)


if __name__ == "__mp_main__":
    _begin(WORKER)


def _rerun(ledger: str, id: int, preset: str) -> None:
    """What the page does for somebody who wants another preset tried; asked once more it changes nothing."""
    from rebounce.watchers.ledger import Ledger

    with Ledger(Path(ledger)) as opened:
        opened.rerun(id, preset)


if __name__ == "__main__":
    _begin(PARENT)
    if sys.argv[1] == "rerun":
        _rerun(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        from rebounce.__main__ import run

        run()
