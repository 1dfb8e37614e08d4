"""What a service is doing, as plain data: for `watch --status`, for the page, and for programs.

What always holds: everything is read from the ledger, so that it is the same whoever asks and whether a service runs.
"""

import time
from dataclasses import dataclass
from typing import Any

from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.layout import Layout
from rebounce.watchers.ledger import Ledger

MOST_LISTED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One folder of a service: its places, and the preset that counts where a bounce has none of its own."""

    layout: Layout
    preset: str
    name: str


def folder_status(watched: Watched, ledger: Ledger, now_s: float | None = None) -> dict[str, Any]:
    """One folder: how many bounces are in each state, what runs and waits, and what was finished last."""
    now_s = time.time() if now_s is None else now_s
    counts = ledger.counts()
    serving = {owner.pid: preset for owner, preset in ledger.services().items()}
    return {
        "folder": str(watched.layout.root),
        "name": watched.name,
        "preset": next(iter(serving.values()), watched.preset),
        "services": list(serving),
        "waits": waits(ledger),
        "counts": {state.value: counts.get(state, 0) for state in State},
        "unfinished": [bounce_status(bounce, now_s) for bounce in ledger.unfinished(MOST_LISTED)],
        "finished": [bounce_status(bounce, now_s) for bounce in ledger.latest(MOST_LISTED)],
    }


def waits(ledger: Ledger) -> str | None:
    """Why all work in a folder waits, in one sentence; None while a service works on it, or where none lives."""
    reasons = list(ledger.waits().values())
    return reasons[0] if reasons and all(reasons) else None


def bounce_status(bounce: Bounce, now_s: float) -> dict[str, Any]:
    """One bounce; `record` is what lies beside its result, None until there is one."""
    table = {
        "id": bounce.id,
        "path": bounce.path,
        "state": bounce.state.value,
        "reason": bounce.reason,
        "preset": bounce.preset,
        "progress": bounce.progress,
        "eta_s": eta_s(bounce, now_s),
        "seen_at": bounce.seen_at,
        "queued_at": bounce.queued_at,
        "started_at": bounce.started_at,
        "finished_at": bounce.finished_at,
        "result": bounce.result,
        "original": bounce.source,
        "record": bounce.record,
    }
    return {name: _plain(value) for name, value in table.items()}


def _plain(value: Any) -> Any:
    """The value with every text such that it can be written as UTF-8, whatever bytes are in the names it mentions."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def eta_s(bounce: Bounce, now_s: float) -> float | None:
    """How long a running bounce will take still, going by what is done of it."""
    if bounce.state is not State.RUNNING or bounce.started_at is None or bounce.progress <= 0.02:
        return None
    taken_s = max(0.0, now_s - bounce.started_at)
    return taken_s * (1 - bounce.progress) / bounce.progress
