"""Plans of delivery: which names a finished bounce takes, and which older files are numbered to make room.

What always holds: planning changes nothing on the disk.
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rebounce.engine.history import sha256_of
from rebounce.engine.staging import part_path
from rebounce.watchers.bounce import Bounce, Stamp, State
from rebounce.watchers.delivery_plan import Move, Plan
from rebounce.watchers.layout import Layout, beside
from rebounce.watchers.numbering import fitted, next_number, numbered
from rebounce.watchers.same_bytes import has_same_bytes
from rebounce.watchers.side_files import RECORD, TEXT, read_record, record_of, record_place, side_names, text_of

CHAIN_SUFFIX = ".chain.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The names under which the files of one bounce are staged, told apart from those of every other."""

    tag: str

    def of(self, path: str) -> str:
        """Where a file is staged, as a path that counts from the folder."""
        name = PurePosixPath(path).name
        return beside(path, part_path(Path(f"{name}~{self.tag}")).name)


def new_parts() -> Parts:
    """Names that nobody has."""
    return Parts(tag=secrets.token_hex(4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What lies staged: the result and its chain, for their final places, and the record."""

    parts: Parts
    result: str
    chain: str | None = None

    @property
    def record_part(self) -> str:
        return self.parts.of(self.result + RECORD)

    def moves(self) -> tuple[Move, ...]:
        """The result, and its chain where one was asked for."""
        places = [self.result, *([self.chain] if self.chain else [])]
        return tuple(Move(source=self.parts.of(place), target=place) for place in places)


def chain_place(result: str) -> str:
    """Where the chain of a result goes."""
    return beside(result, fitted(PurePosixPath(result).stem, CHAIN_SUFFIX))


def plan_success(
    layout: Layout, bounce: Bounce, outcome: State, stamp: Stamp, ready: Ready | None, *, moves_original: bool
) -> Plan:
    """The plan for a result that lies ready; None for one that was delivered before."""
    original = _original(layout, bounce, moves_original)
    return Plan(
        outcome=outcome,
        stamp=stamp,
        set_aside=_room(layout, bounce, ready, original),
        publish=ready.moves() if ready else (),
        side=Move(source=ready.record_part, target=ready.result) if ready else None,
        original=original,
        remove=old_text(layout, bounce),
    )


def plan_failure(layout: Layout, bounce: Bounce, stamp: Stamp, text_part: str, *, moves_original: bool) -> Plan:
    """The plan for a failure whose sentence lies ready; an original that lies in Errors or Done already stays there."""
    target = layout.failure(bounce.path)
    kept_in = bounce.source.partition("/")[0]
    has_failed_before = kept_in == layout.errors
    is_moved = moves_original and kept_in not in (layout.errors, layout.done)
    return Plan(
        outcome=State.FAILED,
        stamp=stamp,
        set_aside=() if has_failed_before else _failure_room(layout, target),
        side=Move(source=text_part, target=bounce.source if has_failed_before else target),
        original=Move(source=bounce.source, target=target) if is_moved else None,
    )


def _original(layout: Layout, bounce: Bounce, moves_original: bool) -> Move | None:
    target = layout.original(bounce.path)
    if not moves_original or bounce.source.partition("/")[0] == layout.done:
        return None
    return Move(source=bounce.source, target=target)


def _room(layout: Layout, bounce: Bounce, ready: Ready | None, original: Move | None) -> tuple[Move, ...]:
    """Older results and originals of the name, all with one number, so that they are seen to belong together."""
    older = [ready.result] if ready is not None and _is_in_the_way(layout, bounce, ready) else []
    if original is not None and _is_there(layout, original.target):
        is_same = sha256_of(layout.at(original.target)) == bounce.content_sha256
        older += [] if is_same else [original.target]
    if not older:
        return ()
    below = PurePosixPath(bounce.path).parent
    folders = [layout.root / layout.restored / below, layout.root / layout.done / below]
    number = _free_number(layout, folders, older)
    moves = [Move(source=path, target=numbered(path, number)) for path in older]
    if ready is not None and moves[0].source == ready.result:
        moves += _sides(layout, moves[0], record_place(layout, ready.result))
    return tuple(moves)


def _is_in_the_way(layout: Layout, bounce: Bounce, ready: Ready) -> bool:
    """False for the very same bytes of the same bounce: delivered by a run that was killed before it could say so."""
    if not _is_there(layout, ready.result):
        return False
    side = record_of(layout, ready.result)
    record = read_record(layout.at(side.path)) if side.is_own else None
    wanted = (bounce.content_sha256, bounce.preset_hash)
    if record is not None and (record["input_sha256"], record.get("preset_hash")) != wanted:
        return True
    return not has_same_bytes(layout.at(ready.result), layout.at(ready.parts.of(ready.result)))


def _sides(layout: Layout, result: Move, record: str) -> list[Move]:
    """The record and the chain of a result that is numbered, named like it."""
    is_whole = record == side_names(result.source, RECORD)[1]
    pairs = [(record, side_names(result.target, RECORD)[int(is_whole)])]
    pairs.append((chain_place(result.source), chain_place(result.target)))
    return [Move(source=old, target=new) for old, new in pairs if _is_there(layout, old)]


def _failure_room(layout: Layout, target: str) -> tuple[Move, ...]:
    if not _is_there(layout, target):
        return ()
    new = numbered(target, _free_number(layout, [layout.at(target).parent], [target]))
    moves = [Move(source=target, target=new)]
    text = text_of(layout, target, PurePosixPath(target).name)
    if text.is_own:
        is_whole = text.path == side_names(target, TEXT)[1]
        moves.append(Move(source=text.path, target=side_names(new, TEXT)[int(is_whole)]))
    return tuple(moves)


def _free_number(layout: Layout, folders: list[Path], paths: list[str]) -> int:
    number = next_number(folders, PurePosixPath(paths[0]).stem)
    while any(_is_there(layout, numbered(path, number)) for path in paths):
        number += 1  # of a name so long that it was shortened
    return number


def old_text(layout: Layout, bounce: Bounce) -> tuple[str, ...]:
    """The sentence of the failure that was retried, or whose file somebody has put back or bounced anew."""
    is_retried = bounce.source.partition("/")[0] == layout.errors
    failed = bounce.source if is_retried else layout.failure(bounce.path)
    if not is_retried and _is_there(layout, failed):
        return ()  # which is a failure still
    text = text_of(layout, failed, PurePosixPath(bounce.path).name)
    return (text.path,) if text.is_own else ()


def _is_there(layout: Layout, path: str) -> bool:
    return os.path.lexists(layout.at(path))
