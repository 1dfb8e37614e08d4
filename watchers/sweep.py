"""Removes what a killed run left behind: parts that belong to nobody any more.

What always holds: a part that somebody writes, or that a plan in the ledger still needs, is left alone.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from rebounce.engine.errors import OutputError
from rebounce.engine.part_lock import claim
from rebounce.engine.staging import PREFIX, SUFFIX
from rebounce.watchers.bounce import State
from rebounce.watchers.delivery_plan import plan_from
from rebounce.watchers.layout import Layout
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.processes import is_alive
from rebounce.watchers.steps import step


@step("delivery.sweep")
def sweep(layout: Layout, ledger: Ledger) -> list[str]:
    """Remove every part without an owner; returns their paths. To be called when nobody works in the folder."""
    needed = set(_planned(ledger))
    removed = []
    for name in (layout.restored, layout.done, layout.errors):
        for path in _parts(layout.root / name):
            below = path.relative_to(layout.root).as_posix()
            if below not in needed and _remove(path):
                removed.append(below)
    return removed


def is_anybody_working(ledger: Ledger) -> bool:
    """True while some process works on a bounce of the folder."""
    return any(bounce.owner is None or is_alive(bounce.owner) for bounce in ledger.in_state(State.RUNNING))


def _planned(ledger: Ledger) -> Iterator[str]:
    for state in (State.QUEUED, State.RUNNING, State.PARKED):
        for bounce in ledger.in_state(state):
            if bounce.plan is not None:
                yield from plan_from(bounce.plan).staged


def _parts(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            if name.startswith(PREFIX) and name.endswith(SUFFIX):
                yield Path(place, name)


def _remove(path: Path) -> bool:
    try:
        file = claim(path, mode=0o600)
    except (OutputError, OSError):
        return False
    with file:
        path.unlink(missing_ok=True)
    return True
