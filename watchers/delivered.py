"""Recognises a bounce whose result is there already: dropped again, or delivered by a run whose ledger is lost."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from rebounce import __version__
from rebounce.engine.history import sha256_of
from rebounce.engine.record import UNCHANGED
from rebounce.watchers.bounce import Bounce
from rebounce.watchers.layout import Layout
from rebounce.watchers.settings import WatchFolder
from rebounce.watchers.side_files import is_record_of, read_record, record_place


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A result that is there, and its record."""

    result: str
    record: dict[str, Any]
    sha256: str


def find_delivered(layout: Layout, folder: WatchFolder, bounce: Bounce, old: Bounce | None) -> Delivered | None:
    """The result of the same content, preset and version under the very name; `old` is the ledger's word of it.

    One that was changed since, as far as that is known, is somebody's work and counts as another file.
    """
    places = (layout.result(bounce.path, folder.file_format), layout.copy(bounce.path, folder.file_format))
    for place in dict.fromkeys(places):
        found = _delivered_at(layout, place, bounce, old)
        if found is not None:
            return found
    return None


def _delivered_at(layout: Layout, place: str, bounce: Bounce, old: Bounce | None) -> Delivered | None:
    path = layout.at(record_place(layout, place))
    record = read_record(path)
    if record is None or not layout.at(place).is_file() or not is_record_of(path, PurePosixPath(place).name):
        return None
    wanted = (bounce.content_sha256, bounce.preset_hash, __version__)
    if (record["input_sha256"], record.get("preset_hash"), record.get("version")) != wanted:
        return None
    expected = bounce.content_sha256 if record.get("status") == UNCHANGED else old and old.result_sha256
    digest = sha256_of(layout.at(place))
    return Delivered(result=place, record=record, sha256=digest) if expected in (None, digest) else None
