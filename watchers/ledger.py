"""The ledger of one watched folder: what was seen, what is done, what is left to do, in SQLite.

What always holds: each method is one transaction, whole on the disk or not there; a bounce changes its state only from
one of the states that it may come from, so that two services on one folder never both get it; there is at most one
unfinished bounce to a path; and of bounces that may want the same names one at a time is worked on.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rebounce.engine.errors import OutputError
from rebounce.watchers.bounce import Bounce, Stamp, State, bounce_from, error_in, from_bytes, stem_of, to_bytes
from rebounce.watchers.ledger_file import LedgerFile
from rebounce.watchers.processes import Owner, is_alive, is_here, owner_from
from rebounce.watchers.steps import step

# What is due later than any back-off allows is due now: the clock was set back.
LONGEST_WAIT_S = 3600.0
# A service says once a minute that it is there.
UNSEEN_S = 200.0
SQLITE_NOT_ONE = ("file is not a database", "malformed", "unsupported file format")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """What is known of a bounce's content: the same bounce of old, or another that is worked on in this moment."""

    old: Bounce | None = None
    twin_at_work: Bounce | None = None


class Ledger:
    """One connection to a ledger, to be used by one thread. Use it in a `with` statement."""

    def __init__(self, path: Path, now_s: Callable[[], float] = time.time, *, creates: bool = True) -> None:
        """Open the ledger at a path; with `creates` one that is not there is made, else that is an OutputError."""
        self.path = path
        self._now_s = now_s
        self._file = LedgerFile(path, creates=creates)

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def is_there(self) -> bool:
        """False when the file that is open lies at its path no more: somebody removed it, or a disk is gone."""
        return self._file.is_there()

    def version(self) -> int:
        """A number that changes when somebody else has changed the ledger."""
        return self._file.version()

    # -- what the watching side says

    @step("ledger.discover")
    def discover(self, found: Iterable[tuple[str, Stamp]]) -> None:
        """These files are there and were not known; one whose path has an unfinished bounce already is passed over."""
        with self._file.transaction():
            for path, stamp in found:
                names = {"stem": to_bytes(stem_of(path)), "source": to_bytes(path)}
                self._do("discover", **_at(path), **names, **_stamped(stamp))

    @step("ledger.settle")
    def settle(self, waiting: Iterable[tuple[str, Stamp, str]]) -> None:
        """These are still being written, or were written to again before work on them began."""
        with self._file.transaction():
            for path, stamp, reason in waiting:
                self._do("settle", **_at(path), **_stamped(stamp), reason=_plain(reason))

    @step("ledger.queue")
    def queue(self, finished: Iterable[tuple[str, Stamp, str | None]]) -> None:
        """These bounces are finished, or were given up waiting for: work can begin."""
        with self._file.transaction():
            for path, stamp, reason in finished:
                self._do("queue", **_at(path), **_stamped(stamp), reason=reason and _plain(reason))

    @step("ledger.forget")
    def forget(self, paths: Iterable[str]) -> list[str]:
        """These files went away; returns those on which work had not begun, of which nothing is known any more."""
        with self._file.transaction():
            return [path for path in paths if self._do("forget", **_at(path))]

    # -- what the working side says

    def next_due(self, count: int = 1) -> list[Bounce]:
        """The queued bounces whose turn it is, the oldest first; of those of one stem one at a time."""
        return self._all("next", latest=self._now_s() + LONGEST_WAIT_S, count=count)

    @step("ledger.start")
    def start(self, id: int, owner: Owner, service: Owner) -> bool:
        """Take a queued bounce for a process of a service; False when somebody has it, or another of its stem."""
        names = {"owner": json.dumps(owner.to_dict()), "service": json.dumps(service.to_dict())}
        with self._file.transaction():
            return self._do("start", id=id, **names) == 1

    @step("ledger.identify")
    def identify(self, bounce: Bounce, content_sha256: str, preset_hash: str, stamp: Stamp) -> Identified:
        """Say what content a bounce has and what will be made of it; the same bounce of old is forgotten.

        Nothing changes while another bounce of that content is worked on: what becomes of it is to be waited for.
        """
        key = {"content_sha256": content_sha256, "preset_hash": preset_hash}
        with self._file.transaction():
            at_work = next(iter(self._all("twin_at_work", id=bounce.id, **key)), None)
            if at_work is not None:
                return Identified(twin_at_work=at_work)
            old = next(iter(self._all("same_key", id=bounce.id, **_at(bounce.path), **key)), None)
            if old is not None:
                self._do("delete", id=old.id)
            self._do("identify", id=bounce.id, **key, **_stamped(stamp))
        return Identified(old=old)

    def twin(self, id: int, content_sha256: str, preset_hash: str) -> Bounce | None:
        """A finished bounce of the same content and preset, whatever its name."""
        key = {"content_sha256": content_sha256, "preset_hash": preset_hash}
        return next(iter(self._all("twin", id=id, **key)), None)

    def progress(self, id: int, fraction: float) -> None:
        """How much of a running bounce is done."""
        with self._file.transaction():
            self._do("progress", id=id, progress=fraction)

    def beat(self, id: int) -> None:
        """The process that has a running bounce lives."""
        with self._file.transaction():
            self._do("beat", id=id)

    @step("ledger.plan")
    def plan(
        self,
        id: int,
        plan: dict[str, Any],
        record: dict[str, Any] | None,
        result: str | None,
        result_sha256: str | None,
        chain_sha256: str | None = None,
    ) -> None:
        """The result lies ready: what is left to be done with it, so that whoever goes on knows."""
        values = {"plan": json.dumps(plan), "record": None if record is None else json.dumps(record, allow_nan=False)}
        with self._file.transaction():
            self._do(
                "plan",
                id=id,
                **values,
                result=None if result is None else to_bytes(result),
                result_sha256=result_sha256,
                chain_sha256=chain_sha256,
                reason=_reason(record),
            )

    @step("ledger.replan")
    def replan(self, id: int, plan: dict[str, Any], renamed: Iterable[tuple[str, str]] = ()) -> None:
        """A part of the plan is done; older bounces whose files were renamed know them by their new names."""
        with self._file.transaction():
            for old, new in renamed:
                self._do("rename_source", id=id, old=to_bytes(old), new=to_bytes(new))
                self._do("rename_result", id=id, old=to_bytes(old), new=to_bytes(new))
            self._do("replan", id=id, plan=json.dumps(plan))

    @step("ledger.unplan")
    def unplan(self, id: int, reason: str, wait_s: float | None = None) -> None:
        """What the plan was to deliver is not there any more: the bounce is to be worked on anew, with `wait_s` as one
        more try after a time."""
        due_at = self._now_s() + wait_s if wait_s else 0.0
        with self._file.transaction():
            self._do("unplan", id=id, reason=_plain(reason), due_at=due_at, tries=int(wait_s is not None))

    @step("ledger.finish")
    def finish(self, id: int, state: State, source: str, is_told: bool) -> None:
        """All of the plan is done; the original lies at `source` now."""
        values = {"state": state.value, "source": to_bytes(source), "is_told": int(is_told)}
        with self._file.transaction():
            # Said anew: since it was planned something may have come in between, which was the reason for a while.
            self._do("finish", id=id, **values, reason=_reason(self.known(id).record))

    @step("ledger.again")
    def again(
        self,
        id: int,
        reason: str,
        *,
        wait_s: float = 0.0,
        awaits: int | None = None,
        is_try: bool = False,
        is_crash: bool = False,
    ) -> None:
        """A running bounce goes back into the queue; its turn comes after a time, or when another has ended."""
        due = {"due_at": self._now_s() + wait_s if wait_s else 0.0, "awaits": awaits}
        with self._file.transaction():
            self._do("again", id=id, reason=_plain(reason), **due, tries=int(is_try), crashes=int(is_crash))

    @step("ledger.unsettle")
    def unsettle(self, id: int, reason: str) -> None:
        """A running bounce turned out to be still being written."""
        with self._file.transaction():
            self._do("unsettle", id=id, reason=_plain(reason))

    @step("ledger.park")
    def park(self, id: int, reason: str) -> None:
        """A running bounce waits for something outside."""
        with self._file.transaction():
            self._do("park", id=id, reason=_plain(reason))

    @step("ledger.unpark")
    def unpark(self) -> int:
        """What was waited for is there: all parked bounces are queued again."""
        with self._file.transaction():
            return self._do("unpark")

    @step("ledger.lost")
    def lost(self, id: int) -> None:
        """The file of a running bounce went away."""
        with self._file.transaction():
            self._do("lost", id=id)

    @step("ledger.take_errand")
    def take_errand(self, bounce: Bounce, owner: Owner) -> bool:
        """Take it on to run the user's command for a bounce; False when somebody else has done so."""
        before = None if bounce.owner is None else json.dumps(bounce.owner.to_dict())
        with self._file.transaction():
            return self._do("take_errand", id=bounce.id, owner=json.dumps(owner.to_dict()), before=before) == 1

    @step("ledger.told")
    def told(self, id: int) -> None:
        """The user's command was run for this bounce."""
        with self._file.transaction():
            self._do("told", id=id)

    @step("ledger.removed")
    def removed(self, ids: Iterable[int]) -> None:
        """The originals of these bounces were looked after once their days were over."""
        with self._file.transaction():
            for id in ids:
                self._do("removed", id=id)

    @step("ledger.ignore")
    def ignore(self, new: Iterable[str], gone: Iterable[str]) -> None:
        """Files that were said to be ignored, and some of which that is over."""
        with self._file.transaction():
            for path in new:
                self._do("ignore", **_at(path))
            for path in gone:
                self._do("heed", **_at(path))

    # -- what the user asks for

    def retry(self, id: int, preset: str | None = None) -> bool:
        """Queue a failed bounce again, or have one that waits for its next try be tried now; False when it is neither,
        or a newer bounce of its name is under way."""
        return self._retry([id], preset) == 1

    def retry_all(self) -> int:
        """The same with all of them, of what failed under one path with the newest; returns how many that were."""
        return self._retry([row["id"] for row in self._rows("to_retry")], None)

    @step("ledger.retry")
    def _retry(self, ids: Iterable[int], preset: str | None) -> int:
        with self._file.transaction():
            return sum(self._do("retry", id=id, preset=preset) + self._do("hasten", id=id) for id in ids)

    @step("ledger.rerun")
    def rerun(self, id: int, preset: str) -> bool:
        """Queue the original of a finished bounce once more, with a preset of its own."""
        with self._file.transaction():
            return self._do("rerun", id=id, preset=preset) == 1

    @step("ledger.prune")
    def prune(self, before: float, gone: Iterable[str] = ()) -> int:
        """Forget what was finished before a time and was moved away, or lay at one of these paths and is gone."""
        with self._file.transaction():
            kept = sum(self._do("prune_kept", before=before, **_at(path)) for path in gone)
            return kept + self._do("prune", before=before)

    # -- what is there

    def bounce(self, id: int) -> Bounce | None:
        """One bounce."""
        return next(iter(self._all("one", id=id)), None)

    def known(self, id: int) -> Bounce:
        """One bounce that is there."""
        bounce = self.bounce(id)
        assert bounce is not None, id
        return bounce

    def in_state(self, state: State) -> list[Bounce]:
        """All bounces in a state, the oldest first."""
        return self._all("in_state", state=state.value)

    def unfinished(self, count: int) -> list[Bounce]:
        """What is not finished, in the order in which it will be."""
        return self._all("unfinished", count=count)

    def latest(self, count: int) -> list[Bounce]:
        """What was finished last."""
        return self._all("latest", count=count)

    def failed(self, count: int) -> list[Bounce]:
        """What failed last."""
        return self._all("failed", count=count)

    def older(self, before: tuple[float, int], count: int, state: State | None = None) -> list[Bounce]:
        """What was finished before a moment, or at that moment with a smaller number; all of it, or in one state."""
        finished_at, before_id = before
        values = {"finished_at": finished_at, "before_id": before_id, "state": state and state.value}
        return self._all("older", count=count, **values)

    def untold(self) -> list[Bounce]:
        """What is finished and has not been told to the user's commands."""
        return self._all("untold")

    def done_before(self, before: float, count: int) -> list[Bounce]:
        """What succeeded before a time, and whose original was moved and is not looked after yet."""
        return self._all("done_before", before=before, count=count)

    def open_paths(self) -> set[str]:
        """The paths that have an unfinished bounce."""
        return {from_bytes(row["path"]) for row in self._rows("open_paths")}

    def ignored(self) -> set[str]:
        """The files that were said to be ignored."""
        return {from_bytes(row["path"]) for row in self._rows("ignored")}

    def counts(self) -> dict[State, int]:
        """How many bounces there are in each state."""
        return {State(row["state"]): row["count"] for row in self._rows("counts")}

    def kept(self) -> dict[str, Stamp]:
        """The finished files that still lie where they were dropped."""
        rows = self._rows("kept")
        return {from_bytes(row["path"]): Stamp(size=row["size"], mtime_ns=row["mtime_ns"]) for row in rows}

    # -- services

    def serve(self, owner: Owner, preset: str) -> None:
        """A service works on this folder, with this preset."""
        with self._file.transaction():
            for row in self._rows("services"):
                if not self._is_serving(row):
                    self._do("leave", owner=row["owner"])
            self._do("serve", owner=json.dumps(owner.to_dict()), preset=_plain(preset))

    def attend(self, owner: Owner) -> None:
        """The service is there still; to be said once a minute."""
        with self._file.transaction():
            self._do("attend", owner=json.dumps(owner.to_dict()))

    def leave(self, owner: Owner) -> None:
        """The service ended."""
        with self._file.transaction():
            self._do("leave", owner=json.dumps(owner.to_dict()))

    def wait(self, owner: Owner, reason: str | None) -> None:
        """The service lets all its work wait, for this reason; or goes on with it."""
        with self._file.transaction():
            self._do("wait", owner=json.dumps(owner.to_dict()), waits=reason and _plain(reason))

    def waits(self) -> dict[Owner, str | None]:
        """Why each of the services lets all its work wait; None where it goes on."""
        return {owner_from(json.loads(row["owner"])): row["waits"] for row in self._serving()}

    def services(self) -> dict[Owner, str]:
        """The services that are there, as far as can be known, each with its preset."""
        return {owner_from(json.loads(row["owner"])): row["preset"] for row in self._serving()}

    def _serving(self) -> list[sqlite3.Row]:
        return [row for row in self._rows("services") if self._is_serving(row)]

    def _is_serving(self, row: sqlite3.Row) -> bool:
        """False for a process that is gone, or that cannot be asked and has said nothing for long."""
        owner = owner_from(json.loads(row["owner"]))
        return is_alive(owner) and (is_here(owner) or abs(self._now_s() - row["seen_at"]) < UNSEEN_S)

    def _do(self, name: str, **values: Any) -> int:
        """Run a statement; returns how many rows it changed."""
        return self._file.change(name, {"now": self._now_s()} | values)

    def _rows(self, name: str, **values: Any) -> list[sqlite3.Row]:
        return self._file.rows(name, {"now": self._now_s()} | values)

    def _all(self, name: str, **values: Any) -> list[Bounce]:
        return [bounce_from(dict(row)) for row in self._rows(name, **values)]


def open_ledger(path: Path, now_s: Callable[[], float] = time.time) -> tuple[Ledger, str | None]:
    """The ledger at a path; one that is damaged is set aside for a new one, and what is to be said about it."""
    try:
        return Ledger(path, now_s), None
    except sqlite3.DatabaseError as problem:
        if not any(words in str(problem) for words in SQLITE_NOT_ONE):
            raise OutputError(
                f"{path}: the ledger cannot be opened ({problem}); check the disk that it is on"
            ) from problem
    aside = path.with_name(f"{path.name}.damaged-{int(now_s())}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    message = (
        f"the ledger was damaged and is now {aside.name}; a new one was begun, and results that are there are kept"
    )
    return Ledger(path, now_s), message


def _plain(text: str) -> str:
    """A sentence that SQLite can hold, whatever bytes are in the names that it mentions."""
    return text.encode("utf-8", "backslashreplace").decode()


def _reason(record: dict[str, Any] | None) -> str | None:
    return _plain(error_in(record) or "") or None


def _at(path: str) -> dict[str, bytes]:
    return {"path": to_bytes(path)}


def _stamped(stamp: Stamp) -> dict[str, int]:
    return {"size": stamp.size, "mtime_ns": stamp.mtime_ns}
