"""One bounce as the ledger knows it, and the states that it goes through.

discovered -> settling -> queued -> running -> done | unchanged | failed
                 ^          ^ |        |
                 |          | +--------+-> parked: it waits for something outside, and is queued again
                 +----------+----------+   (changed while it was read; a failure that may pass)
"""

import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from rebounce.watchers.processes import Owner, owner_from


class State(StrEnum):
    """Where a bounce stands."""

    DISCOVERED = "discovered"
    SETTLING = "settling"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    PARKED = "parked"


FINISHED = (State.DONE, State.UNCHANGED, State.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What tells at a glance whether a file was written to."""

    size: int
    mtime_ns: int


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp in what the system says of a file."""
    return Stamp(size=status.st_size, mtime_ns=status.st_mtime_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """One row. Paths count from the watched folder, with slashes; times are seconds since 1970."""

    id: int
    path: str
    source: str
    stamp: Stamp
    content_sha256: str | None
    preset: str | None
    preset_hash: str | None
    state: State
    reason: str | None
    tries: int
    crashes: int
    due_at: float
    awaits: int | None
    owner: Owner | None
    service: Owner | None
    beat: int
    progress: float
    plan: dict[str, Any] | None
    record: dict[str, Any] | None
    result: str | None
    result_sha256: str | None
    chain_sha256: str | None
    is_told: bool
    seen_at: float
    queued_at: float | None
    started_at: float | None
    finished_at: float | None


def bounce_from(row: dict[str, Any]) -> Bounce:
    """A row of the ledger."""
    del row["stem"], row["is_removed"]  # which are asked for and never told
    stamp = Stamp(size=row.pop("size"), mtime_ns=row.pop("mtime_ns"))
    told = {
        "path": from_bytes(row["path"]),
        "source": from_bytes(row["source"]),
        "state": State(row["state"]),
        "owner": _owner(row["owner"]),
        "service": _owner(row["service"]),
        "plan": _parsed(row["plan"]),
        "record": _parsed(row["record"]),
        "result": None if row["result"] is None else from_bytes(row["result"]),
        "is_told": bool(row["is_told"]),
    }
    return Bounce(**(row | told), stamp=stamp)


def _owner(text: str | None) -> Owner | None:
    return None if text is None else owner_from(json.loads(text))


def _parsed(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def error_in(record: dict[str, Any] | None) -> str | None:
    """The sentence of a failure, without the file that it is about."""
    record = record or {}
    return str(record.get("error") or "").removeprefix(f"{record.get('input')}: ") or None


def to_bytes(path: str) -> bytes:
    """A path as the file system has it, since a name may hold bytes that are no text."""
    return path.encode("utf-8", errors="surrogateescape")


def stem_of(path: str) -> str:
    """What bounces have in common that may want the same names for their results and records."""
    return PurePosixPath(path).with_suffix("").as_posix().lower() if PurePosixPath(path).name else path


def from_bytes(path: bytes) -> str:
    """The inverse of `to_bytes`."""
    return path.decode("utf-8", errors="surrogateescape")
