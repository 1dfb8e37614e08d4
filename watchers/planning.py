"""Plans of delivery: which names a finished bounce takes, and which older files are numbered to make room.

What always holds: planning changes nothing on the disk.
"""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rebounce.engine.history import sha256_of
from rebounce.engine.staging import part_path
from rebounce.watchers.bounce import Bounce, Stamp, State
from rebounce.watchers.delivery_plan import Move, Plan
from rebounce.watchers.layout import Layout, beside
from rebounce.watchers.numbering import next_number, numbered
from rebounce.watchers.side_files import record_place, text_place

CHAIN_SUFFIX = ".chain.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What lies staged: the result for its final place, its record, and its chain where one was asked for."""

    result: str
    record: str
    chain: str | None = None

    @property
    def places(self) -> list[str]:
        """The final places, the record last: where it is, its result is."""
        return [self.result, *([self.chain] if self.chain else []), self.record]


def part_of(path: str) -> str:
    """Where a file is staged, as a path that counts from the folder."""
    return beside(path, part_path(Path(path)).name)


def chain_place(result: str) -> str:
    """Where the chain of a result goes."""
    return beside(result, PurePosixPath(result).stem + CHAIN_SUFFIX)


def plan_success(
    layout: Layout, bounce: Bounce, outcome: State, stamp: Stamp, ready: Ready | None, *, moves_original: bool
) -> Plan:
    """The plan for a result that lies ready; None for one that was delivered before."""
    original = _original(layout, bounce, moves_original)
    return Plan(
        outcome=outcome,
        stamp=stamp,
        set_aside=_room(layout, bounce, ready, original),
        publish=tuple(Move(source=part_of(place), target=place) for place in (ready.places if ready else [])),
        original=original,
        remove=_old_text(layout, bounce),
    )


def plan_failure(layout: Layout, bounce: Bounce, stamp: Stamp, text: str, *, moves_original: bool) -> Plan:
    """The plan for a failure whose sentence lies ready for its place."""
    target = layout.failure(bounce.path)
    is_there = bounce.source == target
    original = Move(source=bounce.source, target=target) if moves_original and not is_there else None
    return Plan(
        outcome=State.FAILED,
        stamp=stamp,
        set_aside=() if is_there else _failure_room(layout, target, text),
        publish=(Move(source=part_of(text), target=text),),
        original=original,
        remove=(text,) if is_there else (),
    )


def _original(layout: Layout, bounce: Bounce, moves_original: bool) -> Move | None:
    target = layout.original(bounce.path)
    if not moves_original or bounce.source.partition("/")[0] == layout.done:
        return None
    return Move(source=bounce.source, target=target)


def _room(layout: Layout, bounce: Bounce, ready: Ready | None, original: Move | None) -> tuple[Move, ...]:
    """Older results and originals of the name, all with one number, so that they are seen to belong together."""
    older: list[str] = []
    if ready is not None and _is_there(layout, ready.result):
        side = [record_place(layout, ready.result), chain_place(ready.result)]
        older += [ready.result, *(path for path in side if _is_there(layout, path))]
    elif ready is not None and _is_there(layout, ready.record):
        older.append(ready.record)  # whose result somebody took away
    if original is not None and _is_there(layout, original.target):
        is_same = sha256_of(layout.at(original.target)) == bounce.content_sha256
        older += [] if is_same else [original.target]
    if not older:
        return ()
    below = PurePosixPath(bounce.path).parent
    folders = [layout.root / layout.restored / below, layout.root / layout.done / below]
    number = next_number(folders, PurePosixPath(bounce.path).stem)
    return tuple(Move(source=path, target=_numbered(path, number)) for path in older)


def _failure_room(layout: Layout, target: str, text: str) -> tuple[Move, ...]:
    older = [path for path in (target, text) if _is_there(layout, path)]
    if not older:
        return ()
    place = layout.at(target)
    number = next_number([place.parent], place.stem)
    return tuple(Move(source=path, target=_numbered(path, number)) for path in older)


def _numbered(path: str, number: int) -> str:
    """Side files have the number where their result has it: before the suffix, however many dots that has."""
    if path.endswith(CHAIN_SUFFIX):
        return numbered(path.removesuffix(CHAIN_SUFFIX) + ".c", number).removesuffix(".c") + CHAIN_SUFFIX
    return numbered(path, number)


def _old_text(layout: Layout, bounce: Bounce) -> tuple[str, ...]:
    """The sentence of the failure that was retried."""
    if bounce.source.partition("/")[0] != layout.errors:
        return ()
    text = text_place(layout, bounce.source)
    return (text,) if _is_there(layout, text) else ()


def _is_there(layout: Layout, path: str) -> bool:
    return os.path.lexists(layout.at(path))
