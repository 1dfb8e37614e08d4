"""What arrives in one watched folder: files are seen, followed until they are finished, and put into the queue.

What always holds: the disk is asked and never an event alone, so that an event too many or too few changes nothing
but the time at which a file is noticed; and what is known of a file ends with the file.
"""

import heapq
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rebounce.watchers import settling
from rebounce.watchers.bounce import FINISHED, Bounce, Stamp, State, stamp_of
from rebounce.watchers.finished import examine
from rebounce.watchers.journal import INFO, SMALL, Journal
from rebounce.watchers.layout import Layout
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.names import Ignored, why_ignored
from rebounce.watchers.open_writers import has_writer
from rebounce.watchers.scan import scan
from rebounce.watchers.settings import WatchFolder
from rebounce.watchers.settling import Settling

# The ledger is not kept from others for long, and a stop is heard between two portions.
PORTION = 1000
LOOKS_AT_ONCE = 200


@dataclass(slots=True)
class _Followed:
    """A file on its way to being finished."""

    settling: Settling
    stamp: Stamp
    next_look_s: float
    reason: str = ""


class Arrivals:
    """The files of one folder that are not being worked on.

    `is_here` says whether the folder is: what is not seen in it is gone only then. `is_stopping` is asked now and then.
    """

    def __init__(
        self,
        folder: WatchFolder,
        layout: Layout,
        ledger: Ledger,
        journal: Journal,
        *,
        is_here: Callable[[], bool] = lambda: True,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._folder = folder
        self._layout = layout
        self._ledger = ledger
        self._journal = journal
        self._is_here = is_here
        self._is_stopping = is_stopping
        self._root = os.fspath(layout.root)
        self._known: dict[str, Stamp] = ledger.kept()
        self._queued: dict[str, Stamp] = {}
        self._running: set[str] = set()
        self._followed: dict[str, _Followed] = {}
        self._looks: list[tuple[float, str]] = []
        self._ignored = ledger.ignored()
        self._written_ignored = set(self._ignored)
        self._met_ignored: set[str] = set()
        self._blind: set[str] = set()
        self._met_blind: set[str] = set()
        self._version = ledger.version()
        self._pick_up()

    @property
    def next_look_s(self) -> float | None:
        """When the next file is to be looked at."""
        return self._looks[0][0] if self._looks else None

    @property
    def are_settled(self) -> bool:
        """True when no file is waited for; an empty one is not."""
        return all(followed.stamp.size == 0 for followed in self._followed.values())

    def scan(self, now_s: float, below: str = "") -> None:
        """Look through the whole folder, or one below it, for what is new, what changed, and what is gone."""
        if not below:
            self._reconcile()
        found: set[str] = set()
        new: list[tuple[str, Stamp]] = []
        told, self._met_ignored = self._ignored, set[str]()
        self._met_blind = set()
        start = len(self._root) + 1
        for entry in scan(self._root, below, self._layout.is_reserved, self._cannot_read):
            path = entry.path[start:] if os.sep == "/" else entry.path[start:].replace(os.sep, "/")
            stamp = self._stamp_of_entry(path, entry)
            if stamp is not None:
                found.add(path)
                self._meet(path, stamp, now_s, new)
        self._take_up(new)
        # What is ignored is told once for as long as it is there.
        self._ignored = told | self._met_ignored if below else self._met_ignored
        if not below:
            self._note_ignored()
            self._blind = self._met_blind
            gone = (path for path in (*self._known, *self._queued, *self._followed) if path not in found)
            self._lose(path for path in gone if not self._is_below_blind(path))

    def notice(self, paths: Iterable[str], now_s: float) -> bool:
        """Something happened at these paths; True when there are folders among them."""
        has_folder = False
        new: list[tuple[str, Stamp]] = []
        gone = []
        for path in paths:
            try:
                status = os.lstat(self._layout.at(path))
            except OSError:
                gone.append(path)
                continue
            if stat.S_ISDIR(status.st_mode):
                has_folder = True
                self.scan(now_s, path)
            elif self._is_wanted(path, stat.S_ISLNK(status.st_mode)) and stat.S_ISREG(status.st_mode):
                self._meet(path, stamp_of(status), now_s, new)
        self._take_up(new)
        self._lose(gone)
        return has_folder

    def look(self, now_s: float) -> int:
        """Look at the files whose time has come; returns how many were put into the queue."""
        waiting: list[tuple[str, Stamp, str]] = []
        finished: list[tuple[str, Stamp, str | None]] = []
        gone: list[str] = []
        for _ in range(LOOKS_AT_ONCE):  # those that are left come with the next turn
            if not self._looks or self._looks[0][0] > now_s:
                break
            _, path = heapq.heappop(self._looks)
            followed = self._followed.get(path)
            if followed is None or followed.next_look_s > now_s:
                continue
            try:
                self._look_at(path, followed, now_s, waiting, finished)
            except FileNotFoundError:
                gone.append(path)
            except OSError as problem:
                self._postpone(path, followed, now_s + self._folder.settle_s)
                self._journal.once("unreadable", f"{path}: {problem.strerror or problem}; it is tried again", path=path)
        self._write_down(waiting, finished)
        self._lose(gone)
        return len(finished)

    def started(self, path: str) -> None:
        """Work on this bounce has begun."""
        self._running.add(path)

    def ended(self, path: str, bounce: Bounce | None, now_s: float) -> None:
        """Work on this bounce has ended, with the row of the ledger as it is now."""
        self._running.discard(path)
        self._queued.pop(path, None)
        self._followed.pop(path, None)  # which had no row of its own as long as this one was unfinished
        if bounce is not None and bounce.source == path:
            if bounce.state in FINISHED:
                self._known[path] = bounce.stamp
            elif bounce.state is State.SETTLING:
                self._follow(path, bounce.stamp, now_s)
            else:
                self._queued[path] = bounce.stamp
        self.notice([path], now_s)

    def _reconcile(self) -> None:
        """What other services did to the ledger since the last scan."""
        version, self._version = self._version, self._ledger.version()
        if version == self._version:
            return
        self._known = self._ledger.kept()
        open_ones = self._ledger.open_paths()
        self._queued = {path: stamp for path, stamp in self._queued.items() if path in open_ones}

    def _pick_up(self) -> None:
        """Go on from where the ledger says that an earlier run was."""
        for bounce in self._ledger.unfinished(-1):
            if bounce.source != bounce.path:
                continue
            if bounce.state in (State.DISCOVERED, State.SETTLING):
                self._follow(bounce.path, bounce.stamp, 0.0)
            else:
                self._queued[bounce.path] = bounce.stamp

    def _stamp_of_entry(self, path: str, entry: "os.DirEntry[str]") -> Stamp | None:
        if path not in self._known and path not in self._queued and not self._is_wanted(path, entry.is_symlink()):
            return None
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return None
        return stamp_of(status) if stat.S_ISREG(status.st_mode) else None

    def _meet(self, path: str, stamp: Stamp, now_s: float, new: list[tuple[str, Stamp]]) -> None:
        if path in self._running or self._known.get(path) == stamp or self._queued.get(path) == stamp:
            return
        if path in self._followed:
            self._postpone(path, self._followed[path], now_s)
            return
        if self._is_of_another(path):
            return
        if path in self._queued:
            del self._queued[path]  # it was written to before its turn came
        new.append((path, stamp))
        self._known.pop(path, None)
        self._follow(path, stamp, now_s)

    def _is_of_another(self, path: str) -> bool:
        """True for what lies in a folder that is watched by itself, where its own service sees to it."""
        for folder in PurePosixPath(path).parents:
            place = folder.as_posix()
            if place != "." and self._layout.mark_of(place).exists():
                sentence = f"{place}: passed over, as it is a watched folder of its own; its .rebounce says so"
                self._journal.once("nested", sentence, "warning", path=place)
                return True
        return False

    def _follow(self, path: str, stamp: Stamp, now_s: float) -> None:
        settling_ = Settling(self._folder.settle_s, self._folder.give_up_s)
        followed = _Followed(settling=settling_, stamp=stamp, next_look_s=now_s)
        self._followed[path] = followed
        self._postpone(path, followed, now_s)

    def _postpone(self, path: str, followed: _Followed, look_s: float) -> None:
        followed.next_look_s = look_s
        heapq.heappush(self._looks, (look_s, path))

    def _look_at(
        self,
        path: str,
        followed: _Followed,
        now_s: float,
        waiting: list[tuple[str, Stamp, str]],
        finished: list[tuple[str, Stamp, str | None]],
    ) -> None:
        place = self._layout.at(path)
        followed.stamp = stamp = stamp_of(os.stat(place))
        verdict = followed.settling.look(
            stamp.size, stamp.mtime_ns, now_s, lambda: examine(place), lambda: has_writer(place)
        )
        if verdict.state is settling.State.WAITING:
            self._postpone(path, followed, verdict.next_look_s)
            if verdict.reason != followed.reason:
                followed.reason = verdict.reason
                waiting.append((path, stamp, verdict.reason))
            return
        reason = None if verdict.state is settling.State.FINISHED else f"given up waiting for it: {verdict.reason}"
        finished.append((path, stamp, reason))

    def _take_up(self, new: list[tuple[str, Stamp]]) -> None:
        waiting = list(new)
        try:
            while waiting and not self._is_stopping():
                self._ledger.discover(waiting[:PORTION])
                for path, stamp in waiting[:PORTION]:
                    self._journal.event("discovered", f"{path}: seen", SMALL, path=path, size=stamp.size)
                del waiting[:PORTION]
        finally:
            for path, _ in waiting:
                self._followed.pop(path, None)  # without a row it would never be worked on; the next scan meets it anew

    def _write_down(self, waiting: list[tuple[str, Stamp, str]], finished: list[tuple[str, Stamp, str | None]]) -> None:
        if waiting:
            self._ledger.settle(waiting)
        if not finished:
            return
        self._ledger.queue(finished)
        for path, stamp, reason in finished:
            del self._followed[path]
            self._queued[path] = stamp
            level = INFO if reason else SMALL
            self._journal.event("queued", f"{path}: {reason or 'finished, queued'}", level, path=path, reason=reason)

    def _lose(self, paths: Iterable[str]) -> None:
        """These files are gone."""
        gone = {path for path in paths if path not in self._running}
        if not gone or not self._is_here():
            return
        waited = [path for path in gone if path in self._followed or path in self._queued]
        for path in gone:
            self._known.pop(path, None)
            self._followed.pop(path, None)
            self._queued.pop(path, None)
        for path in self._ledger.forget(waited) if waited else ():
            self._journal.event("gone", f"{path}: went away before work on it began", path=path)

    def _is_wanted(self, path: str, is_link: bool) -> bool:
        ignored = why_ignored(path)
        if ignored is None and is_link:
            ignored = Ignored(reason="a link, whose file may be changed by others; drop the file itself", is_junk=False)
        if ignored is None:
            return self._folder.is_wanted(path)
        self._met_ignored.add(path)
        if not ignored.is_junk and path not in self._ignored:
            self._ignored.add(path)
            self._journal.event("ignored", f"{path}: ignored, {ignored.reason}", path=path)
        return False

    def _note_ignored(self) -> None:
        """Write down what was said to be ignored, so that the next start does not say it again."""
        if self._ignored != self._written_ignored and self._is_here():
            self._ledger.ignore(self._ignored - self._written_ignored, self._written_ignored - self._ignored)
            self._written_ignored = set(self._ignored)

    def _is_below_blind(self, path: str) -> bool:
        """True for what lies in a folder that could not be looked into: nobody knows whether it is gone."""
        return any(path.startswith(f"{folder}/") for folder in self._blind)

    def _cannot_read(self, folder: str, problem: OSError) -> None:
        self._met_blind.add(folder)
        if folder not in self._blind:
            sentence = f"{folder}: the folder cannot be read ({problem.strerror}); check its permissions"
            self._journal.event("unreadable", sentence, "warning", path=folder)


def is_there(root: Path) -> bool:
    """True when the folder can be looked into."""
    try:
        os.scandir(root).close()
    except OSError:
        return False
    return True
