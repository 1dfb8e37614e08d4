"""The watch-folder service: sees what arrives in its folders, has workers restore it, and says what became of it.

What always holds: this process loads no audio library; it can be stopped at any moment and goes on where it was; and
whatever goes wrong with one file or one folder, the others are served on.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from rebounce.engine.errors import RebounceError, UsageError
from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.config_reload import ConfigFile
from rebounce.watchers.crew import WARM_S, Crew, Died, Ended
from rebounce.watchers.errands import missing_programs
from rebounce.watchers.file_systems import is_share
from rebounce.watchers.former_names import remembering
from rebounce.watchers.journal import Journal, Say
from rebounce.watchers.layout import Layout, layout_of
from rebounce.watchers.leases import STALE_S
from rebounce.watchers.processes import this_process
from rebounce.watchers.settings import WatchFolder, WatchPlan
from rebounce.watchers.status import Watched
from rebounce.watchers.wake import Wake
from rebounce.watchers.watched_folder import Manner, WatchedFolder
from rebounce.watchers.worker import Describe, Progressed, Restore

# A turn takes milliseconds; a share that does not answer may hold one up.
WELL_S = 60.0
# A folder that could not be opened is tried again after so long.
ADD_AGAIN_S = 2.0

OnRecord = Callable[[dict[str, Any]], None]
OnProgress = Callable[[str, float | None], None]


def _nothing(*_: Any) -> None:
    """For those who do not ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a service is given from outside. `state_folder` is this machine's own; `setup` is done first in each worker.

    `read_plan` reads the config again when it has changed; `on_record` is told each file that is finished,
    `on_progress` how much of a file is done, and None when the work on it has ended, and `on_folders` which folders are
    served when they have changed.
    """

    state_folder: Path
    say: Say = _nothing
    on_record: OnRecord = _nothing
    on_progress: OnProgress = _nothing
    on_folders: Callable[[list[Watched]], None] = _nothing
    read_plan: Callable[[], WatchPlan] | None = None
    setup: Callable[[], None] | None = None
    warm_s: float = WARM_S
    stale_s: float = STALE_S


@dataclass(slots=True)
class Tally:
    """What was done in this run."""

    failed: int = 0
    finished: int = 0


class Service:
    """Serves the folders of a plan; `run` returns when `stop` was called, or with `once` when all is done."""

    def __init__(self, plan: WatchPlan, around: Surroundings) -> None:
        self.plan = plan
        self._around = around
        self._wake = Wake()
        self._is_stopping = False
        self._crew = Crew(plan.processes, around.setup, around.warm_s, lambda: self._is_stopping)
        self._needs_gpu: dict[tuple[WatchFolder, str], bool] = {}
        self._paths: dict[tuple[Path, int], str] = {}
        self._config = ConfigFile(plan.config) if plan.config and around.read_plan else None
        self._turned_s = time.monotonic()
        self._coming: list[WatchFolder] = []
        self._add_at_s = 0.0
        self._said: set[str] = set()
        self._is_changing = False
        self._served: WatchedFolder | None = None
        self._shown: list[Watched] = []
        self.tally = Tally()
        self.folders: list[WatchedFolder] = []

    @property
    def watched(self) -> list[Watched]:
        """The folders, for those who show them."""
        return [
            Watched(layout=item.layout, preset=item.folder.preset, name=item.folder.path.name or str(item.folder.path))
            for item in self.folders
        ]

    @property
    def is_well(self) -> bool:
        """True while the turns go round; asked from other threads."""
        return time.monotonic() - self._turned_s < WELL_S

    def wake(self) -> None:
        """Somebody changed a ledger: look at once."""
        self._wake.set()

    def stop(self) -> None:
        """End `run` soon; may be called from a signal handler."""
        self._is_stopping = True
        self._wake.set()

    def prepare(self) -> None:
        """Check every preset and open every folder; whatever is wrong is raised before anything is worked on."""
        for folder in self.plan.folders:
            self._describe(folder)
        for folder in self.plan.folders:
            self.folders.append(self._open(folder))

    def run(self, once: bool = False) -> int:
        """Serve. Returns 1 when, with `once`, some file failed or had to be left."""
        try:
            self._shown = self.watched
            for item in self.folders:
                item.start()
            while not self._is_stopping and not (once and self._is_all_done()):
                self._turn()
            for item in self.folders if once and not self._is_stopping else ():
                item.keep_house()
            return int(once and bool(self.tally.failed or self._is_anything_left()))
        finally:
            self.close()

    def close(self) -> None:
        """Stop the workers and let go of everything."""
        orders = {id(order): order for order in self._crew.orders}
        self._crew.dismiss()
        for item in self.folders:
            mine = [order.id for order in orders.values() if order.layout == item.layout]
            with contextlib.suppress(RebounceError, OSError):  # a disk that is gone is looked after at the next start
                if not item.is_away:
                    item.park_running(mine)
                item.close()
        self.folders = []
        self._wake.close()

    # -- one turn

    def _turn(self) -> None:
        self._turned_s = time.monotonic()
        wait([self._wake.connection, *self._crew.connections], self._timeout_s())
        self._wake.clear()
        for answer in self._crew.answers():
            self._hear(answer)
        for item in self.folders:
            item.tick()
        self._dispatch()
        self._crew.release()
        if self._config is not None and self._config.has_changed():
            self._reload()
        if self._is_changing:
            self._change_folders()

    def _timeout_s(self) -> float:
        dues = [item.due_s() for item in self.folders] or [time.monotonic() + 1.0]
        release_s = self._crew.next_release_s()
        left_s = min(dues) - time.monotonic()
        return max(0.0, left_s if release_s is None else min(left_s, release_s))

    def _dispatch(self) -> None:
        """Give work to whoever is free, one bounce of each folder in turn."""
        is_served = True
        while is_served and self._crew.has_room():
            is_served = any(self._is_served(item) for item in self._in_turn())

    def _in_turn(self) -> list[WatchedFolder]:
        """The folders, those behind the one that was served last first."""
        start = self.folders.index(self._served) + 1 if self._served in self.folders else 0
        return [*self.folders[start:], *self.folders[:start]]

    def _is_served(self, item: WatchedFolder) -> bool:
        try:
            is_given = self._give_next(item)
        except (RebounceError, OSError) as problem:
            item.in_trouble(problem)
            return False
        if is_given:
            self._served = item
        return is_given

    def _give_next(self, item: WatchedFolder) -> bool:
        is_gpu_taken = any(order.uses_gpu for order in self._crew.orders)  # one job on the card at a time
        bounce = item.next_bounce(lambda one: not (is_gpu_taken and self._uses_gpu(item.folder, one)))
        if bounce is None:
            return False
        worker = self._crew.free()
        if not item.ledger.start(bounce.id, worker.owner, this_process()):
            return True  # somebody else has it; there may be another
        item.started(bounce)
        self._paths[item.layout.ledger, bounce.id] = bounce.path
        order = Restore(
            folder=item.folder,
            layout=item.layout,
            id=bounce.id,
            uses_claims=item.uses_claims,
            uses_gpu=self._uses_gpu(item.folder, bounce),
            stale_s=self._around.stale_s,
        )
        with contextlib.suppress(OSError):  # it may have died in this moment, which is heard of next
            worker.give(order)
        return True

    def _hear(self, answer: Any) -> None:
        if isinstance(answer, Progressed):
            item = next((one for one in self.folders if one.layout.ledger == answer.ledger), None)
            path = self._paths.get((answer.ledger, answer.id))
            if item is not None and path is not None:
                self._around.on_progress(str(item.layout.at(path)), answer.fraction)
            return
        assert isinstance(answer, Died | Ended), answer
        order = answer.order
        item = next(one for one in self.folders if one.layout == order.layout)  # closed only when nothing runs in it
        if isinstance(answer, Died):
            item.died(order.id, answer.owner)
            self._ended(item, order.id, "the process that worked on it died", None)
        else:
            if answer.worked.uses_gpu is not None:
                self._needs_gpu[order.folder, answer.worked.preset] = answer.worked.uses_gpu
            self._ended(item, order.id, answer.worked.reason, answer.worked.record)

    def _ended(self, item: WatchedFolder, id_: int, reason: str | None, record: dict[str, Any] | None) -> None:
        path = self._paths.pop((item.layout.ledger, id_))
        self._around.on_progress(str(item.layout.at(path)), None)
        try:
            bounce = item.ended(id_, path, reason)
        except (RebounceError, OSError) as problem:
            item.in_trouble(problem)
            return
        if bounce is None or bounce.state not in (State.DONE, State.UNCHANGED, State.FAILED):
            return
        self.tally.finished += 1
        self.tally.failed += bounce.state is State.FAILED
        shown = record or bounce.record
        if shown is not None:
            self._around.on_record(shown)

    # -- presets and cards

    def _describe(self, folder: WatchFolder) -> None:
        """Have a worker look at the preset of a folder; a UsageError for one that cannot be used."""
        if (folder, folder.preset) in self._needs_gpu:
            return
        said = self._crew.describe(Describe(folder=folder))
        if self._is_stopping:
            raise KeyboardInterrupt
        if said.error:
            raise UsageError(f"{folder.where_preset}: {said.error}")
        if said.message:
            self._around.say("warning", said.message)
        self._needs_gpu[folder, folder.preset] = said.uses_gpu

    def _uses_gpu(self, folder: WatchFolder, bounce: Bounce) -> bool:
        """Whether a bounce needs the card; a preset that was asked for by hand counts as if, until it is known."""
        return self._needs_gpu.get((folder, bounce.preset or folder.preset), True)

    # -- folders

    def _open(self, folder: WatchFolder) -> WatchedFolder:
        for command in missing_programs(folder):
            self._around.say("warning", f"{folder.where}: {command} is no program that is found here; it cannot be run")
        on_share = is_share(folder.path) if folder.is_share is None else folder.is_share
        layout = remembering(layout_of(folder, on_share, self._around.state_folder))
        journal = Journal(
            layout.state, str(folder.path), self._say_of(folder), log_mb=self.plan.log_mb, keep_logs=self.plan.keep_logs
        )
        manner = Manner(
            uses_claims=on_share,
            polls=on_share if folder.poll is None else folder.poll,
            wake=self._wake.set,
            is_stopping=lambda: self._is_stopping,
            ledger_days=self.plan.ledger_days,
            stale_s=self._around.stale_s,
        )
        return WatchedFolder(folder, layout, journal, manner)

    def _say_of(self, folder: WatchFolder) -> Say:
        """Where several folders are served, a line says of which it speaks."""
        if len(self.plan.folders) == 1:
            return self._around.say
        names = [other.path.name for other in self.plan.folders]
        name = folder.path.name if names.count(folder.path.name) == 1 else str(folder.path)
        return lambda level, line: self._around.say(
            level, line if line.startswith(str(folder.path)) else f"{name}: {line}"
        )

    def _reload(self) -> None:
        """The config was changed: folders that stayed the same are served on, the others closed and opened anew."""
        assert self._around.read_plan is not None
        try:
            plan = self._around.read_plan()
            for folder in plan.folders:
                self._describe(folder)
        except (RebounceError, ValueError, OSError) as problem:
            self._around.say("error", f"the config was changed and cannot be used; serving on as before: {problem}")
            return
        if (plan.web, plan.web_token, plan.web_hosts) != (self.plan.web, self.plan.web_token, self.plan.web_hosts):
            self._around.say("warning", "another address, token or name of the page counts from the next start on")
        for item in self.folders:
            item.is_leaving = item.folder not in plan.folders
        served = [item.folder for item in self.folders]
        self._coming = [folder for folder in plan.folders if folder not in served]
        self.plan, self._crew.processes = plan, plan.processes
        self._add_at_s = 0.0
        self._said.clear()
        self._is_changing = True

    def _change_folders(self) -> None:
        """Close the folders that are to be left and in which nothing runs; open those that wait for their places."""
        busy = [order.layout for order in self._crew.orders]
        for item in [item for item in self.folders if item.is_leaving and self._is_at_rest(item, busy)]:
            with contextlib.suppress(RebounceError, OSError):
                item.close()
            self.folders.remove(item)
        taken = [item.folder.path for item in self.folders]
        ready = [folder for folder in self._coming if folder.path not in taken]
        for folder in ready if time.monotonic() >= self._add_at_s else ():
            if self._add(folder):
                self._coming.remove(folder)
        if self._coming or any(item.is_leaving for item in self.folders):
            return  # something runs that was begun with the old settings, or a folder cannot be opened yet
        self._is_changing = False
        if self.watched != self._shown:
            self._shown = self.watched
            self._around.on_folders(self._shown)
        self._around.say("info", f"the config was read again: {len(self.folders)} folders are served")

    def _is_at_rest(self, item: WatchedFolder, busy: list[Layout]) -> bool:
        """True when nothing runs in a folder, and no command of the user's."""
        return item.layout not in busy and (item.is_away or item.errands.are_idle)

    def _add(self, folder: WatchFolder) -> bool:
        """One more folder while the others are served; one that cannot be is said, and tried again soon."""
        item = None
        try:
            item = self._open(folder)
            item.start()
        except (RebounceError, OSError) as problem:
            if item is not None:
                item.close()
            self._add_at_s = time.monotonic() + ADD_AGAIN_S
            sentence = f"{folder.where}: not served yet: {problem}"
            if sentence not in self._said:
                self._said.add(sentence)
                self._around.say("error", sentence)
            return False
        self.folders.append(item)
        return True

    # -- the end of `once`

    def _is_all_done(self) -> bool:
        return not self._crew.orders and all(_is_done(item) for item in self.folders)

    def _is_anything_left(self) -> bool:
        """True when something still waits: for another try, room, its hours, its folder; or was broken off."""
        states = (State.DISCOVERED, State.SETTLING, State.RUNNING) if self._is_stopping else ()
        return any(item.is_away or _count(item, State.QUEUED, State.PARKED, *states) for item in self.folders)


def _count(item: WatchedFolder, *states: State) -> int:
    counts = item.ledger.counts()
    return sum(counts.get(state, 0) for state in states)


def _is_done(item: WatchedFolder) -> bool:
    if item.is_away:
        return True
    is_idle = item.arrivals.are_settled and item.errands.are_done
    return is_idle and (item.pauses.reason is not None or not item.has_work())
