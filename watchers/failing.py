"""Delivers a failure: one plain sentence in Errors/, and the original beside it.

What always holds: it needs no audio library, so that the service itself can do it for a worker that died.
"""

from dataclasses import replace
from typing import Any

from rebounce import __version__
from rebounce.engine.record import ERROR, Record
from rebounce.watchers.bounce import Bounce, stamp_of
from rebounce.watchers.delivery import finish, stage_text
from rebounce.watchers.folder_tree import make_folder
from rebounce.watchers.layout import Layout
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.planning import new_parts, plan_failure
from rebounce.watchers.settings import MOVE, WatchFolder
from rebounce.watchers.side_files import TEXT, failure_text

DIED = "the process that worked on it died, twice; a plugin may have crashed, or the memory did not suffice"


def fail(layout: Layout, ledger: Ledger, folder: WatchFolder, bounce: Bounce, sentence: str) -> dict[str, Any]:
    """Deliver the failure of a running bounce; returns its record."""
    place = layout.failure(bounce.path)
    part = new_parts().of(place + TEXT)
    source = layout.at(bounce.source)
    make_folder(layout, place, bounce.source)
    stage_text(layout, part, failure_text(place.rpartition("/")[2], sentence), source)
    stamp = stamp_of(source.stat()) if source.exists() else bounce.stamp
    plan = plan_failure(layout, bounce, stamp, part, moves_original=folder.originals == MOVE)
    record = _record(layout, folder, bounce, sentence).to_dict()
    ledger.plan(bounce.id, plan.to_dict(), record, None, None)
    finish(layout, ledger, bounce.id, plan, is_told=not folder.on_failed)
    return record


def _record(layout: Layout, folder: WatchFolder, bounce: Bounce, sentence: str) -> Record:
    bare = Record(
        input=str(layout.at(bounce.path)),
        output=None,
        status=ERROR,
        version=__version__,
        preset=bounce.preset or folder.preset,
        preset_hash=bounce.preset_hash or "",
        input_sha256=bounce.content_sha256,
    )
    return replace(bare, error=f"{layout.at(bounce.path)}: {sentence}")
