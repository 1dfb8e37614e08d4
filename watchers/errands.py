"""Runs the user's on_done and on_failed commands, beside the work and never in its way.

What always holds: a command is run at least once for its bounce, however often the service is killed; it gets no shell,
and what it does wrong is written down and changes nothing.
"""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.journal import Journal
from rebounce.watchers.layout import Layout
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.processes import is_alive, is_here, this_process
from rebounce.watchers.setting_checks import filled
from rebounce.watchers.settings import WatchFolder
from rebounce.watchers.side_files import record_place, text_of

MOST_AT_ONCE = 4
LIMIT_S = 600.0


def missing_programs(folder: WatchFolder) -> list[str]:
    """The settings whose program is not found, with its name; those that are named by a path were looked at before."""
    commands = {"on_done": folder.on_done, "on_failed": folder.on_failed}
    return [f"{key}: {told[0]!r}" for key, told in commands.items() if told and shutil.which(told[0]) is None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errand:
    bounce: Bounce
    process: "subprocess.Popen[bytes]"
    since_s: float


class Errands:
    """The commands of one folder."""

    def __init__(self, folder: WatchFolder, layout: Layout, ledger: Ledger, journal: Journal) -> None:
        self._folder = folder
        self._layout = layout
        self._ledger = ledger
        self._journal = journal
        self._running: list[_Errand] = []
        self._begun: set[int] = set()
        self._others: dict[int, float] = {}
        self._may_be_due = True

    @property
    def are_done(self) -> bool:
        """True when no command runs, and none is known to be due, of an earlier run perhaps."""
        return not self._running and not self._may_be_due

    @property
    def are_idle(self) -> bool:
        """True when no command runs."""
        return not self._running

    def expect(self) -> None:
        """Something was finished."""
        self._may_be_due = True

    def tick(self) -> None:
        """Look after the commands that run, and start those that are due."""
        self._running = [errand for errand in self._running if not self._has_ended(errand)]
        free = MOST_AT_ONCE - len(self._running)
        if not self._may_be_due or not free:
            return
        due = [bounce for bounce in self._ledger.untold() if bounce.id not in self._begun]
        new = [bounce for bounce in due if self._is_free(bounce)]
        for bounce in new[:free]:
            if self._ledger.take_errand(bounce, this_process()):
                self._start(bounce)
        self._may_be_due = len(new) > free

    def _is_free(self, bounce: Bounce) -> bool:
        """True unless another service sees to it; one that cannot be asked for has had time enough after a while."""
        if bounce.owner is None or not is_alive(bounce.owner) or bounce.owner == this_process():
            return True
        since_s = self._others.setdefault(bounce.id, time.monotonic())
        return not is_here(bounce.owner) and time.monotonic() - since_s > LIMIT_S

    def _start(self, bounce: Bounce) -> None:
        is_failure = bounce.state is State.FAILED
        command = self._folder.on_failed if is_failure else self._folder.on_done
        self._begun.add(bounce.id)
        if not command:
            self._tell(bounce)
        else:
            try:
                process = subprocess.Popen(
                    filled(command, self._values(bounce)),
                    cwd=self._layout.root,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                self._running.append(_Errand(bounce=bounce, process=process, since_s=time.monotonic()))
            except OSError as problem:
                self._complain(bounce, f"could not be started: {command[0]} ({problem.strerror or problem})")
                self._tell(bounce)

    def _tell(self, bounce: Bounce) -> None:
        """Its command has ended, and is not run again."""
        self._ledger.told(bounce.id)
        self._begun.discard(bounce.id)
        self._others.pop(bounce.id, None)

    def _values(self, bounce: Bounce) -> dict[str, str]:
        layout = self._layout
        values = {
            "input": layout.at(bounce.path),
            "original": layout.at(bounce.source),
            "status": bounce.record.get("status", "") if bounce.record else "",
            "error": (bounce.reason or "") if bounce.state is State.FAILED else "",
        }
        if bounce.result is not None:
            values |= {"output": layout.at(bounce.result), "record": layout.at(record_place(layout, bounce.result))}
        elif bounce.state is State.FAILED:
            values["record"] = layout.at(self._sentence(bounce))
        return {name: os.fspath(value) for name, value in values.items()}

    def _sentence(self, bounce: Bounce) -> str:
        """Where NAME.txt of a failure is."""
        is_there = bounce.source.partition("/")[0] == self._layout.errors
        about = bounce.source if is_there else self._layout.failure(bounce.path)
        return text_of(self._layout, about, Path(bounce.path).name).path

    def _has_ended(self, errand: _Errand) -> bool:
        code = errand.process.poll()
        if code is not None:
            self._tell(errand.bounce)
        if code is None and time.monotonic() - errand.since_s > LIMIT_S:
            errand.process.kill()
            errand.process.wait()
            self._tell(errand.bounce)
            self._complain(errand.bounce, f"took longer than {LIMIT_S / 60:.0f} minutes and was stopped")
            return True
        if code:
            self._complain(errand.bounce, f"ended with code {code}")
        return code is not None

    def _complain(self, bounce: Bounce, what: str) -> None:
        key = "on_failed" if bounce.state is State.FAILED else "on_done"
        self._journal.event("command", f"the {key} command for {bounce.path} {what}", "warning", path=bounce.path)
