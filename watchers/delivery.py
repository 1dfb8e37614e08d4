"""Gives results, records and originals their places.

What always holds: any of this can be broken off at any instruction and gone through again, and ends the same; nothing
that lies under a name is replaced by something else, it is numbered; and an original leaves its place only when what
lies there is still what was read.
"""

import errno
import os
from dataclasses import replace
from itertools import count
from pathlib import Path, PurePosixPath

from rebounce.engine.batch_plan import RESOURCE_FORK_PREFIX
from rebounce.engine.errors import OutputError
from rebounce.engine.history import sha256_of
from rebounce.engine.staging import NO_LINKS, Keeping, Staged, copy_unchanged, output_errors, sync_folder
from rebounce.watchers.bounce import Bounce, Stamp, State, stamp_of
from rebounce.watchers.delivery_plan import Move, Plan
from rebounce.watchers.folder_tree import check_here, make_folder
from rebounce.watchers.layout import Layout
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.numbering import renumbered
from rebounce.watchers.renaming import give_name
from rebounce.watchers.same_bytes import has_same_bytes
from rebounce.watchers.side_files import RECORD, Side, next_free, read_record, record_of, record_text, text_of
from rebounce.watchers.steps import step


class Vanished(Exception):
    """What was staged is gone, and was not delivered: the work has to be done anew."""


def deliver(layout: Layout, ledger: Ledger, id: int, plan: Plan) -> str:
    """Do what is left of a plan; returns where the original lies now."""
    bounce = ledger.known(id)
    if plan.set_aside:
        plan = _with_room(layout, ledger, id, plan)
    for path in plan.remove:
        remove(layout, path)
    for move in plan.publish:
        publish(layout, move, bounce.source)
    if plan.side is not None:
        publish_side(layout, plan, bounce)
    if plan.original is None:
        return bounce.source
    is_moved = move_original(layout, plan.original, plan.stamp, bounce.content_sha256)
    return plan.original.target if is_moved else plan.original.source


def _with_room(layout: Layout, ledger: Ledger, id: int, plan: Plan) -> Plan:
    """Number the older files; what they are called is written down before and after."""
    moves = with_free_names(layout, plan.set_aside)
    if moves != plan.set_aside:
        plan = replace(plan, set_aside=moves)
        ledger.replan(id, plan.to_dict())
    for move in moves:
        set_aside(layout, move, plan)
    plan = plan.without_room()
    ledger.replan(id, plan.to_dict(), [(move.source, move.target) for move in moves])
    return plan


def finish(layout: Layout, ledger: Ledger, id: int, plan: Plan, is_told: bool) -> None:
    """Do what is left of a plan and say so in the ledger; `is_told` when no command of the user's waits for it."""
    source = deliver(layout, ledger, id, plan)
    ledger.finish(id, plan.outcome, source, is_told)


def with_free_names(layout: Layout, moves: tuple[Move, ...]) -> tuple[Move, ...]:
    """The moves with another number where somebody took a name since it was planned, the same one for all of them."""
    waiting = [move for move in moves if os.path.lexists(layout.at(move.source))]
    if not any(_is_taken(layout, move) for move in waiting):
        return moves
    for number in count(1):
        found = {move: replace(move, target=renumbered(move.target, number)) for move in waiting}
        if not any(os.path.lexists(layout.at(move.target)) for move in found.values()):
            return tuple(found.get(move, move) for move in moves)
    raise AssertionError  # there is always one more number


def _is_taken(layout: Layout, move: Move) -> bool:
    source, target = layout.at(move.source), layout.at(move.target)
    if not os.path.lexists(target) or os.path.samefile(source, target):
        return False
    return not (source.suffix == RECORD and _is_moved_record(source, target))


@step("delivery.set_aside")
def set_aside(layout: Layout, move: Move, plan: Plan) -> None:
    """Give an older file its number; its record says its new name."""
    source, target = layout.at(move.source), layout.at(move.target)
    if not os.path.lexists(source):
        return  # done already
    with output_errors(target):
        record = read_record(source) if source.suffix == RECORD else None
        if record is None:
            give_name(source, target)
        else:
            _renumber_record(layout, plan, source, target)
        sync_folder(target.parent)


def _is_moved_record(source: Path, target: Path) -> bool:
    """True when a kill came between writing a record under its new name and removing the old one."""
    old, new = read_record(source), read_record(target)
    return old is not None and new is not None and old | {"output": None} == new | {"output": None}


def _renumber_record(layout: Layout, plan: Plan, source: Path, target: Path) -> None:
    record = read_record(source)
    assert record is not None
    # Results, records and originals may have one name, in folders of their own.
    beside = {layout.at(move.source): layout.at(move.target) for move in plan.set_aside}
    new = beside.get(source.with_name(os.path.basename(str(record.get("output") or "none"))))
    if new is not None:
        record["output"] = str(new)
    with Staged(target, replaces=True, keeping=Keeping(source=source, keeps_mtime=True)) as staged:
        staged.file.write(record_text(record))
        staged.publish()
    source.unlink()


@step("delivery.publish")
def publish(layout: Layout, move: Move, like: str) -> None:
    """Give a staged file its name; somebody else's that has come there meanwhile is numbered."""
    part, target = layout.at(move.source), layout.at(move.target)
    if not os.path.lexists(part):
        if not os.path.lexists(target):
            raise Vanished(f"{move.target}: what was to be delivered is gone from {target.parent}; it is made anew")
        return  # done already
    with output_errors(target):
        make_folder(layout, move.target, like)
        try:
            give_name(part, target)
        except FileExistsError:
            if has_same_bytes(part, target):
                part.unlink()  # delivered by a run that was killed before it could say so
            else:
                give_name(target, layout.at(next_free(layout, move.target)))
                give_name(part, target)
        sync_folder(target.parent)


@step("delivery.side")
def publish_side(layout: Layout, plan: Plan, bounce: Bounce) -> None:
    """Give the staged record or sentence its name: that of its file, or a longer one beside another file's."""
    assert plan.side is not None
    part, about = layout.at(plan.side.source), plan.side.target
    side = _side_of(layout, plan, bounce)
    if not os.path.lexists(part):
        if not side.is_own:
            raise Vanished(f"{about}: its record is gone from {part.parent}; it is made anew")
        return
    with output_errors(layout.at(side.path)):
        make_folder(layout, about, bounce.source)
        while not _named(part, layout.at(side.path), side.is_own):
            side = _side_of(layout, plan, bounce)  # another file of the stem was delivered in this moment
        sync_folder(part.parent)


def _side_of(layout: Layout, plan: Plan, bounce: Bounce) -> Side:
    assert plan.side is not None
    if plan.outcome is State.FAILED:
        return text_of(layout, plan.side.target, PurePosixPath(bounce.path).name)
    return record_of(layout, plan.side.target)


def _named(part: Path, target: Path, replaces: bool) -> bool:
    """Rename, over an older one of the same file; False where somebody else was faster."""
    if replaces:
        part.replace(target)
        return True
    try:
        give_name(part, target)
    except FileExistsError:
        return False
    return True


@step("delivery.original")
def move_original(layout: Layout, move: Move, stamp: Stamp, content_sha256: str | None) -> bool:
    """Take the original out of the way; False where something else lies there by now, which is a bounce of its own."""
    source, target = layout.at(move.source), layout.at(move.target)
    if not os.path.lexists(source):
        return os.path.lexists(target)
    if stamp_of(source.stat()) != stamp:
        # Written to meanwhile, or a new bounce that came after a kill, when the old one was moved already.
        return os.path.lexists(target) and stamp_of(target.stat()) == stamp
    with output_errors(target):
        make_folder(layout, move.target, move.source)
        if os.path.lexists(target) and not target.samefile(source):
            if sha256_of(target) == content_sha256:
                sync_folder(target.parent)
                if stamp_of(source.stat()) != stamp:
                    return False  # bounced anew while that was read
                source.unlink()  # the same content lies there already
                return True
            give_name(target, layout.at(next_free(layout, move.target)))
        is_moved = _moved(source, target, stamp)
        if is_moved:
            _move_resource_fork(source, target)
            sync_folder(source.parent)
        return is_moved


def _moved(source: Path, target: Path, stamp: Stamp) -> bool:
    """Name it there, safe from a power cut, look whether it is still the same, and only then take the old name away."""
    try:
        if not os.path.lexists(target):
            os.link(source, target)
    except OSError as problem:
        if problem.errno == errno.EXDEV:
            copy_unchanged(source, target, keeps_mtime=True)
        elif problem.errno in NO_LINKS:
            return _renamed(source, target, stamp)
        else:
            raise
    sync_folder(target.parent)
    if stamp_of(target.stat()) != stamp and stamp_of(source.stat()) != stamp:
        target.unlink()
        return False
    if stamp_of(source.stat()) == stamp:
        _take_away(source, target)
    return True


def _take_away(source: Path, target: Path) -> None:
    """Remove the old name; where that is not allowed, the new one again, so that the original lies in one place."""
    try:
        source.unlink()
    except OSError as problem:
        target.unlink()
        raise OutputError(
            f"the result is there, but the original cannot be taken out of {source.parent} ({problem.strerror}); make "
            'that folder writable, or set originals = "keep"'
        ) from problem


def _renamed(source: Path, target: Path, stamp: Stamp) -> bool:
    """For file systems without links: moved, looked at, and moved back where it was written to in that moment."""
    source.rename(target)
    if stamp_of(target.stat()) == stamp:
        sync_folder(target.parent)
        return True
    if not os.path.lexists(source):
        target.rename(source)
    return False


def _move_resource_fork(source: Path, target: Path) -> None:
    """What macOS wrote beside a file on a foreign disk goes with it."""
    fork = source.with_name(RESOURCE_FORK_PREFIX + source.name)
    place = target.with_name(RESOURCE_FORK_PREFIX + target.name)
    if os.path.isfile(fork) and not os.path.lexists(place):
        try:
            fork.rename(place)
        except OSError as problem:
            if problem.errno != errno.EXDEV:
                raise
        else:
            sync_folder(place.parent)


@step("delivery.remove")
def remove(layout: Layout, path: str) -> None:
    """Take away what an earlier failure left."""
    layout.at(path).unlink(missing_ok=True)


@step("delivery.stage")
def stage_text(layout: Layout, part: str, text: bytes, source: Path) -> None:
    """Write a small file under the name of a part, safe on the disk; the original lends mode and group."""
    check_here(layout)
    path = layout.at(part)
    keeping = Keeping(source=source) if source.exists() else None
    with Staged(path, replaces=True, keeping=keeping) as staged:
        with output_errors(path):
            staged.file.write(text)
        staged.publish()
