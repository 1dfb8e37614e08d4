"""`rebounce watch --status` and `--retry`: what the ledgers hold, and another try for what failed."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from rebounce.engine.errors import OutputError
from rebounce.printable import printable
from rebounce.watchers.bounce import State
from rebounce.watchers.file_systems import is_share
from rebounce.watchers.layout import Layout, layout_of
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.settings import WatchFolder, WatchPlan
from rebounce.watchers.status import Watched, folder_status

MOST_SHOWN = 10


def tell_status(plan: WatchPlan, state_folder: Path, as_json: bool) -> None:
    """Every folder: one JSON object, or some lines."""
    for folder, layout in _layouts(plan, state_folder):
        watched = Watched(layout=layout, preset=folder.preset, name=folder.path.name)
        if not layout.ledger.exists():
            _tell_unknown(watched, as_json)
            continue
        with _opened(layout) as ledger:
            status = folder_status(watched, ledger)
        click.echo(json.dumps(status) if as_json else "\n".join(map(printable, _lines(status))))


def retry_failed(plan: WatchPlan, state_folder: Path, has_work_after: bool) -> None:
    """Queue all failures again, and say who will work them off."""
    for _, layout in _layouts(plan, state_folder):
        if not layout.ledger.exists():
            click.echo(f"{layout.root}: nothing failed here, the folder was never watched", err=True)
            continue
        with _opened(layout) as ledger:
            retried = ledger.retry_all()
            is_served = bool(ledger.services())
        click.echo(f"{layout.root}: {retried} queued again", err=True)
        if retried and not is_served and not has_work_after:
            click.echo("no service runs on this folder; start it, or add --once to work them off now", err=True)


def _layouts(plan: WatchPlan, state_folder: Path) -> Iterator[tuple[WatchFolder, Layout]]:
    for folder in plan.folders:
        on_share = is_share(folder.path) if folder.is_share is None else folder.is_share
        yield folder, layout_of(folder, on_share, state_folder)


@contextmanager
def _opened(layout: Layout) -> Iterator[Ledger]:
    """The ledger of a folder that was watched before."""
    try:
        with Ledger(layout.ledger, creates=False) as ledger:
            yield ledger
    except sqlite3.DatabaseError as problem:
        raise OutputError(
            f"{layout.ledger}: the ledger is damaged ({problem}); the next start of the service sets it aside and "
            "begins a new one"
        ) from problem


def _tell_unknown(watched: Watched, as_json: bool) -> None:
    if as_json:
        table = {"folder": str(watched.layout.root), "name": watched.name, "preset": watched.preset, "services": []}
        counts = {state.value: 0 for state in State}
        click.echo(json.dumps(table | {"waits": None, "counts": counts, "unfinished": [], "finished": []}))
    else:
        click.echo(f"{watched.layout.root}: never watched yet")


def _lines(status: dict[str, Any]) -> Iterator[str]:
    served = ", ".join(str(pid) for pid in status["services"])
    service = f"served by process {served} with preset {status['preset']}" if served else "not served"
    yield f"{status['folder']}  ({service})"
    counts = [f"{count} {state}" for state, count in status["counts"].items() if count]
    yield f"  {', '.join(counts) or 'empty'}"
    if status["waits"]:
        yield f"  work waits: {status['waits']}"
    for bounce in status["unfinished"][:MOST_SHOWN]:
        yield f"  {bounce['state']:10} {bounce['path']}{_detail(bounce)}"
    if len(status["unfinished"]) > MOST_SHOWN:
        yield f"  ... and {sum(_open_counts(status)) - MOST_SHOWN} more"
    failed = [bounce for bounce in status["finished"] if bounce["state"] == State.FAILED]
    for bounce in failed[:MOST_SHOWN]:
        yield f"  {bounce['state']:10} {bounce['path']}: {_reason(bounce)}"


def _open_counts(status: dict[str, Any]) -> Iterator[int]:
    finished = (State.DONE, State.UNCHANGED, State.FAILED)
    return (count for state, count in status["counts"].items() if state not in finished)


def _detail(bounce: dict[str, Any]) -> str:
    if bounce["state"] == State.RUNNING:
        eta = "" if bounce["eta_s"] is None else f", {bounce['eta_s']:.0f} s left"
        return f"  {100 * bounce['progress']:.0f} %{eta}"
    waited_s = time.time() - (bounce["queued_at"] or bounce["seen_at"])
    return f"  for {waited_s:.0f} s" + (f": {bounce['reason']}" if bounce["reason"] else "")


def _reason(bounce: dict[str, Any]) -> str:
    return str(bounce["reason"] or "no reason was written down")
