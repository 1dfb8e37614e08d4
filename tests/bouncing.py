"""A watched folder in one process, served as a service does it, one step at a time.

What always holds: folder, ledger, arrivals, work and delivery are the real ones on a real disk; the test decides what
is done next and at which step the process is gone. A process is gone when a BaseException of the test's own has passed
through it, and what it cleaned up on its way has been undone: the disk is as it was at the moment of the kill.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rewriting import wav

from rebounce.watchers.bounce import Bounce, State, stamp_of
from rebounce.watchers.journal import Journal
from rebounce.watchers.layout import layout_of
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.prepared import Presets
from rebounce.watchers.processes import Owner, this_process
from rebounce.watchers.repair import Bench, Outcome, work_on
from rebounce.watchers.settings import WatchFolder
from rebounce.watchers.steps import listen
from rebounce.watchers.watched_folder import Manner, WatchedFolder

HALF = '[[chain]]\nplugin = "Gain"\ngain_db = -6.0\n'
NOT_AUDIO = b"these are no samples"


def unfinished_at(ledger: Ledger, path: str) -> Bounce | None:
    """The unfinished bounce of a path, of which there is one at most."""
    return next((bounce for bounce in ledger.unfinished(-1) if bounce.path == path), None)


class Killed(BaseException):
    """Stands for the end of the process."""


class Moments:
    """Every moment before and after a step; at the one that was asked for the process is gone."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self._left: int | None = None
        self._keep: Callable[[], None] = lambda: None
        listen(self._hear)

    @contextmanager
    def killed_at(self, number: int | None, keep: Callable[[], None]) -> Iterator[None]:
        """Within the block the moment of that number, counted from 0, is the last one; None for none. `keep` is called
        then, to hold fast what is on the disk."""
        self.told, self._left, self._keep = [], number, keep
        try:
            yield
        finally:
            self._left = None

    def _hear(self, name: str, when: str) -> None:
        self.told.append((name, when))
        if self._left is None:
            return
        self._left -= 1
        if self._left < 0:
            self._left = None
            self._keep()
            raise Killed(f"{when} {name}")


MOMENTS = Moments()  # one for all tests, since nobody stops listening


def tiny(number: int) -> bytes:
    """A WAV file of a few frames, another one for each number."""
    return wav(bytes((number * 16 + place * 6) % 128 for place in range(64)))


def gone_process(number: int = 0) -> Owner:
    """A process that is dead, whatever is asked of it."""
    return replace(this_process(), started=f"gone {number}")


def watch_folder(root: Path, preset: str = "bypass", **settings: Any) -> WatchFolder:
    """Settings without any waiting."""
    root.mkdir(parents=True, exist_ok=True)
    wanted: dict[str, Any] = {"spare_mb": 0, "settle_s": 0, "give_up_s": 0} | settings
    return WatchFolder(path=root, preset=preset, **wanted)


class Serving:
    """One folder while it is served; `restart` is what a new service does after the old one was killed."""

    def __init__(self, folder: WatchFolder, presets: Presets | None = None) -> None:
        self.folder = folder
        self.layout = layout_of(folder, False, folder.path)
        self.presets = presets or Presets()
        self.said: list[tuple[str, str]] = []
        self._runs = 0
        self._image = folder.path.with_name(f"{folder.path.name}.killed")
        self._mtime_ns = 1_700_000_000_000_000_000
        self._ahead_s = 0.0
        self.item = self._open()

    @property
    def ledger(self) -> Ledger:
        return self.item.ledger

    @property
    def owner(self) -> Owner:
        """Works here; taken for dead by whoever asks, as it will be after the next restart."""
        return gone_process(self._runs)

    def close(self) -> None:
        self.item.close()

    def drop_hands(self) -> None:
        """What the system closes when a process is gone."""
        self.item.ledger.close()
        self.item.journal.close()

    @contextmanager
    def killed_at(self, number: int | None) -> Iterator[None]:
        """Within the block this process is killed at that moment; `restart` is to follow then."""
        with MOMENTS.killed_at(number, self._keep_disk):
            yield

    def restart(self) -> None:
        """A new service after the old one was killed."""
        self.drop_hands()
        self._runs += 1
        self._restore_disk()
        self.item = self._open()

    def _keep_disk(self) -> None:
        shutil.copytree(self.layout.root, self._image, symlinks=True)

    def _restore_disk(self) -> None:
        if not self._image.exists():
            return
        for entry in os.scandir(self.layout.root):
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
        shutil.copytree(self._image, self.layout.root, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(self._image)

    def _open(self) -> WatchedFolder:
        say = self.said.append
        journal = Journal(self.layout.state, "test", lambda level, line: say((level, line)), log_mb=1, keep_logs=1)
        manner = Manner(uses_claims=False, polls=True, wake=lambda: None)
        # In two steps, since it may be killed over what it takes over.
        item = WatchedFolder.__new__(WatchedFolder)
        try:
            WatchedFolder.__init__(item, self.folder, self.layout, journal, manner)
        except Killed:
            item.ledger.close()
            journal.close()
            raise
        return item

    # -- what a user does

    def drop(self, path: str, content: bytes) -> Path:
        """A whole file comes, with a time that no other had."""
        place = self.layout.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_name("hand.tmp")
        aside.write_bytes(content)
        self._mtime_ns += 1_000_000_000
        os.utime(aside, ns=(self._mtime_ns, self._mtime_ns))
        aside.replace(place)
        return place

    # -- what a service does

    def notice(self) -> None:
        """See what is there; what is whole is queued."""
        self._ahead_s += 1.0
        now_s = time.monotonic() + self._ahead_s
        self.item.arrivals.scan(now_s)
        self.item.arrivals.look(now_s)

    def take(self) -> Bounce | None:
        """Start the next bounce."""
        while bounce := self.item.next_bounce():
            if self.ledger.start(bounce.id, self.owner, self.owner):
                self.item.started(bounce)
                return bounce
        return None

    def work(self, bounce: Bounce) -> Outcome:
        """Work on a bounce that was started."""
        outcome = self.repair(bounce)
        self.item.ended(bounce.id, bounce.path, outcome.reason)
        return outcome

    def repair(self, bounce: Bounce) -> Outcome:
        """What a worker does, of which the service has not heard yet."""
        with Ledger(self.layout.ledger) as ledger:
            bench = Bench(folder=self.folder, layout=self.layout, ledger=ledger, on_progress=lambda fraction: None)
            return work_on(bench, bounce.id, lambda asked: self.presets.get(self.folder, asked.preset))

    def work_off(self, on_end: Callable[[], None] = lambda: None) -> list[Outcome]:
        """Whatever is there, until nothing is left; `on_end` is called after each bounce."""
        outcomes = []
        self.notice()
        while bounce := self.take():
            outcomes.append(self.work(bounce))
            on_end()
            self.notice()
        return outcomes

    def bounce(self, path: str, content: bytes) -> Bounce:
        """Drop a file and work on it; the ledger's row of it afterwards."""
        self.drop(path, content)
        self.notice()
        (found,) = [one for one in self.ledger.in_state(State.QUEUED) if one.path == path]
        taken = self.take()
        assert taken is not None
        assert taken.id == found.id
        self.work(taken)
        return self.ledger.known(taken.id)

    # -- what lies there

    def files(self) -> dict[str, bytes]:
        """Every file but what is ours alone, by its path."""
        found = {}
        for place, folders, names in os.walk(self.layout.root):
            if Path(place) == self.layout.root and ".rebounce" in folders:
                folders.remove(".rebounce")
            for name in names:
                path = Path(place, name)
                found[path.relative_to(self.layout.root).as_posix()] = path.read_bytes()
        return found


def discovered(serving: Serving, path: str, content: bytes) -> Bounce:
    """A row for a file that was dropped, queued, without arrivals."""
    stamp = stamp_of(serving.drop(path, content).stat())
    serving.ledger.discover([(path, stamp)])
    serving.ledger.queue([(path, stamp, None)])
    bounce = unfinished_at(serving.ledger, path)
    assert bounce is not None
    return bounce
