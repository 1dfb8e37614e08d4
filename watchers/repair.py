"""Works on one bounce, from the ledger's row to its delivery.

What always holds: the result lies complete and safe on the disk before the plan to deliver it is written down, and
nothing is seen before that; a result that is there already, or that another bounce of the same content got, is not
computed again; and whatever goes wrong ends as a state in the ledger.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import tomli_w

from rebounce import __version__
from rebounce.engine.errors import RebounceError, StillWritten
from rebounce.engine.history import sha256_of
from rebounce.engine.job import Job
from rebounce.engine.reading import reading_errors, still_written
from rebounce.engine.record import UNCHANGED, Record
from rebounce.engine.restore import restore_file
from rebounce.engine.staging import Keeping, Staged, check_room, output_errors
from rebounce.watchers.bounce import Bounce, Stamp, State, error_in, stamp_of
from rebounce.watchers.delivered import find_delivered
from rebounce.watchers.delivery import Vanished, finish, remove, stage_text
from rebounce.watchers.delivery_plan import plan_from
from rebounce.watchers.failing import fail
from rebounce.watchers.failure_kinds import Failing, Kind, judge, wait_s
from rebounce.watchers.folder_tree import AWAY, check_here, make_folder, remove_bare
from rebounce.watchers.layout import Layout
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.planning import Parts, Ready, chain_place, new_parts, old_text, plan_success
from rebounce.watchers.prepared import Prepared
from rebounce.watchers.processes import this_process
from rebounce.watchers.settings import MOVE, WatchFolder
from rebounce.watchers.side_files import RECORD, record_text
from rebounce.watchers.steps import step

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a bounce: its state in the ledger now, and why."""

    state: str
    reason: str | None = None
    record: dict[str, Any] | None = None


LOST = "lost"
SAME_CONTENT = "the same content as "
CHAIN_IS_IN = "the chain is in "
AWAY_S = 5.0
OVERTAKEN = "another process took it over, since this one slept or seemed to be gone"


class Unprepared(Exception):
    """The preset of the folder cannot be used: no fault of the bounce."""


class Overtaken(Exception):
    """Another process has taken the bounce over, or another machine its claim, while this one slept."""


class Awaits(Exception):
    """The same content is being restored under another name in this moment."""

    def __init__(self, twin: Bounce) -> None:
        super().__init__(f"{SAME_CONTENT}{twin.path}, which is worked on; its result is copied then")
        self.twin = twin


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where one bounce is worked on; `is_ours` says whether the claim on it is still held."""

    folder: WatchFolder
    layout: Layout
    ledger: Ledger
    on_progress: Progress
    is_ours: Callable[[], bool] = lambda: True

    @property
    def moves_original(self) -> bool:
        return self.folder.originals == MOVE


def work_on(bench: Bench, id: int, prepare: Callable[[Bounce], Prepared]) -> Outcome:
    """Do all that is left to do for a running bounce; `prepare` gives the chain that it is restored with."""
    bounce = bench.ledger.known(id)
    assert bounce.state is State.RUNNING, bounce
    try:
        check_here(bench.layout)
        if bounce.plan is None:
            _stage(bench, bounce, prepare)
        if not bench.is_ours():
            raise Overtaken
        return _deliver(bench, id)
    except KeyboardInterrupt:
        bench.ledger.park(id, "the service was stopped while it was worked on; it goes on with the next start")
        return Outcome(state=State.PARKED, reason="stopped")
    except (Awaits, Unprepared, Overtaken, Vanished) as problem:
        return _put_off(bench, id, problem)
    except Exception as problem:
        # Whatever one bounce meets must not take the service with it.
        return _failed(bench, id, judge(problem, bench.layout.at(bounce.source)))


def _put_off(bench: Bench, id: int, problem: Exception) -> Outcome:
    """Put a bounce back that can be worked on later, through no fault of its own."""
    reason = str(problem)
    if isinstance(problem, Overtaken):
        return _left_to_others(bench, id)
    if isinstance(problem, Unprepared):
        bench.ledger.park(id, reason)
        return Outcome(state=State.PARKED, reason=reason)
    if isinstance(problem, Awaits):
        bench.ledger.again(id, reason, awaits=problem.twin.id)
    else:
        bench.ledger.unplan(id, reason, wait_s=wait_s(bench.ledger.known(id).tries))
    return Outcome(state=State.QUEUED, reason=reason)


def _left_to_others(bench: Bench, id: int) -> Outcome:
    """Throw away what was staged: another machine has taken the work over, and may have done it."""
    bounce = bench.ledger.bounce(id)
    if bounce is None or bounce.owner != this_process():
        pass  # it is in other hands in this very ledger
    elif bounce.plan is None:
        bench.ledger.again(id, OVERTAKEN, wait_s=AWAY_S)
    else:
        for part in plan_from(bounce.plan).staged:
            bench.layout.at(part).unlink(missing_ok=True)
        bench.ledger.unplan(id, OVERTAKEN)
    return Outcome(state=State.QUEUED, reason=OVERTAKEN)


def _deliver(bench: Bench, id: int) -> Outcome:
    bounce = bench.ledger.known(id)
    assert bounce.plan is not None, bounce
    plan = plan_from(bounce.plan)
    commands = bench.folder.on_failed if plan.outcome is State.FAILED else bench.folder.on_done
    finish(bench.layout, bench.ledger, id, plan, is_told=not commands)
    return Outcome(state=plan.outcome, reason=error_in(bounce.record), record=bounce.record)


def _failed(bench: Bench, id: int, failing: Failing) -> Outcome:
    """Put a bounce that failed where the kind of its failure has it wait, or deliver the failure."""
    bounce = bench.ledger.known(id)
    if not bench.layout.mark.exists():
        bench.ledger.again(id, AWAY, wait_s=AWAY_S)
        return Outcome(state=State.QUEUED, reason=AWAY)
    is_planned = bounce.plan is not None
    if failing.kind is Kind.GONE and not is_planned:
        for text in old_text(bench.layout, bounce):
            remove(bench.layout, text)
        bench.ledger.lost(id)
        return Outcome(state=LOST, reason="the file went away before it could be read")
    if failing.kind is Kind.WRITTEN and not is_planned:
        bench.ledger.unsettle(id, "it was written to while it was read")
        return Outcome(state=bench.ledger.known(id).state, reason="it was written to while it was read")
    if failing.kind is Kind.FULL:
        bench.ledger.park(id, failing.sentence)
        return Outcome(state=State.PARKED, reason=failing.sentence)
    if is_planned or (failing.kind is Kind.PASSING and bounce.tries < bench.folder.retries):
        bench.ledger.again(id, failing.sentence, wait_s=wait_s(bounce.tries), is_try=True)
        return Outcome(state=State.QUEUED, reason=failing.sentence)
    record = fail(bench.layout, bench.ledger, bench.folder, bounce, failing.sentence)
    return Outcome(state=State.FAILED, reason=failing.sentence, record=record)


def _stage(bench: Bench, bounce: Bounce, prepare: Callable[[Bounce], Prepared]) -> None:
    """Have the result lie ready, and write down the plan."""
    source = bench.layout.at(bounce.source)
    stamp, digest = _identity(source)
    prepared = _prepared(bounce, source, prepare)
    identified = bench.ledger.identify(bounce, digest, prepared.preset_hash, stamp)
    if identified.twin_at_work is not None:
        raise Awaits(identified.twin_at_work)
    bounce = replace(bounce, content_sha256=digest, preset_hash=prepared.preset_hash)
    delivered = find_delivered(bench.layout, bench.folder, bounce, identified.old)
    if delivered is not None:
        outcome = State.UNCHANGED if delivered.record.get("status") == UNCHANGED else State.DONE
        plan = plan_success(bench.layout, bounce, outcome, stamp, None, moves_original=bench.moves_original)
        bench.ledger.plan(bounce.id, plan.to_dict(), delivered.record, delivered.result, delivered.sha256)
        return
    parts = new_parts()
    try:
        record = _copied_from_twin(bench, bounce, parts) or _restored(bench, bounce, prepared, parts)
        check_here(bench.layout)
        if not bench.is_ours():
            raise Overtaken
        if stamp_of(source.stat()) != stamp:
            raise StillWritten(still_written(source))
        _stage_record(bench, bounce, record, parts, stamp)
    except BaseException:
        _discard(bench, bounce, parts)
        raise


def _prepared(bounce: Bounce, source: Path, prepare: Callable[[Bounce], Prepared]) -> Prepared:
    try:
        return prepare(bounce)
    except (RebounceError, OSError) as problem:
        if bounce.preset is not None or judge(problem, source).kind is not Kind.FINAL:
            raise  # it was asked for this bounce alone, or may pass
        raise Unprepared(f"the preset of the folder cannot be used: {problem}") from problem


def _identity(source: Path) -> tuple[Stamp, str]:
    with reading_errors(source):
        stamp = stamp_of(source.stat())
        digest = sha256_of(source)
        if stamp_of(source.stat()) != stamp:
            raise StillWritten(still_written(source))
    return stamp, digest


@step("delivery.restore")
def _restored(bench: Bench, bounce: Bounce, prepared: Prepared, parts: Parts) -> Record:
    """The result computed and staged, with its chain where one was asked for; returns its record."""
    layout, file_format = bench.layout, bench.folder.file_format
    source = layout.at(bounce.source)
    result, copy = layout.result(bounce.path, file_format), layout.copy(bounce.path, file_format)
    make_folder(layout, result, bounce.source)
    job = Job(
        source=source,
        target=layout.at(parts.of(result)),
        copy_target=layout.at(parts.of(copy)),
        options=prepared.options,
        preset=prepared.name,
        preset_hash=prepared.preset_hash,
        model=prepared.model,
        input_sha256=bounce.content_sha256,
        is_forced=True,
    )
    record = restore_file(job, prepared.board, bench.on_progress)
    place = copy if record.status == UNCHANGED else result
    record = replace(record, input=str(layout.at(bounce.path)), output=str(layout.at(place)))
    if not bench.folder.saves_chain:
        return record
    return _with_chain(bench, bounce, record, parts, tomli_w.dumps(prepared.board.to_dict()).encode())


def _with_chain(bench: Bench, bounce: Bounce, record: Record, parts: Parts, chain: bytes) -> Record:
    """Stage the chain of a result; returns the record, which says where it will be."""
    layout = bench.layout
    place = chain_place(_result_of(bench, record))
    stage_text(layout, parts.of(place), chain, layout.at(bounce.source))
    return replace(record, messages=(*record.messages, f"{CHAIN_IS_IN}{layout.at(place)}"))


def _result_of(bench: Bench, record: Record) -> str:
    """Where the result of a record goes, as a path that counts from the folder."""
    assert record.output is not None
    return Path(record.output).relative_to(bench.layout.root).as_posix()


@step("delivery.copy_twin")
def _copied_from_twin(bench: Bench, bounce: Bounce, parts: Parts) -> Record | None:
    """The result that the same content got under another name, copied; None where there is none to be had."""
    assert bounce.content_sha256 is not None
    assert bounce.preset_hash is not None
    twin = bench.ledger.twin(bounce.id, bounce.content_sha256, bounce.preset_hash)
    if twin is None or twin.result is None or twin.record is None:
        return None
    layout, file_format = bench.layout, bench.folder.file_format
    is_unchanged = twin.record.get("status") == UNCHANGED
    place = (layout.copy if is_unchanged else layout.result)(bounce.path, file_format)
    there = layout.at(twin.result)
    is_alike = Path(place).suffix.lower() == there.suffix.lower() and twin.record.get("version") == __version__
    if not is_alike or not there.is_file() or sha256_of(there) != twin.result_sha256:
        return None
    chain = _chain_of(layout, twin) if bench.folder.saves_chain else None
    if bench.folder.saves_chain and chain is None:
        return None
    make_folder(layout, place, bounce.source)
    source, part = layout.at(bounce.source), layout.at(parts.of(place))
    check_room(part, there.stat().st_size)
    keeping = Keeping(source=source, keeps_mtime=bench.folder.keep_mtime)
    with Staged(part, replaces=True, keeping=keeping) as staged, there.open("rb") as file:
        with output_errors(part, there.stat().st_size):
            shutil.copyfileobj(file, staged.file, 1 << 20)
        staged.publish()
    known = {name: value for name, value in twin.record.items() if name in Record.__dataclass_fields__}
    message = f"{SAME_CONTENT}{twin.path}, whose result was copied"
    old = (text for text in known.pop("messages", ()) if not text.startswith((SAME_CONTENT, CHAIN_IS_IN)))
    paths = {"input": str(layout.at(bounce.path)), "output": str(layout.at(place))}
    record = Record(**(known | paths), messages=(*old, message))
    return record if chain is None else _with_chain(bench, bounce, record, parts, chain)


def _chain_of(layout: Layout, twin: Bounce) -> bytes | None:
    """The chain beside a result, as long as it is what was put there."""
    assert twin.result is not None
    place = layout.at(chain_place(twin.result))
    if not place.is_file():
        return None
    chain = place.read_bytes()
    return chain if sha256(chain).hexdigest() == twin.chain_sha256 else None


def _stage_record(bench: Bench, bounce: Bounce, record: Record, parts: Parts, stamp: Stamp) -> None:
    """The record beside the result, and the plan in the ledger."""
    layout, place = bench.layout, _result_of(bench, record)
    ready = Ready(parts=parts, result=place, chain=chain_place(place) if bench.folder.saves_chain else None)
    stage_text(layout, ready.record_part, record_text(record.to_dict()), layout.at(bounce.source))
    outcome = State.UNCHANGED if record.status == UNCHANGED else State.DONE
    plan = plan_success(layout, bounce, outcome, stamp, ready, moves_original=bench.moves_original)
    is_input = outcome is State.UNCHANGED
    digest = bounce.content_sha256 if is_input else sha256_of(layout.at(parts.of(place)))
    chain_digest = sha256_of(layout.at(parts.of(ready.chain))) if ready.chain else None
    bench.ledger.plan(bounce.id, plan.to_dict(), record.to_dict(), place, digest, chain_digest)


def _discard(bench: Bench, bounce: Bounce, parts: Parts) -> None:
    """Remove what was staged of a bounce that comes to nothing, unless the plan to deliver it was written down."""
    if bench.ledger.known(bounce.id).plan is not None:
        return
    layout, file_format = bench.layout, bench.folder.file_format
    for place in (layout.result(bounce.path, file_format), layout.copy(bounce.path, file_format)):
        for path in (place, chain_place(place), place + RECORD):
            layout.at(parts.of(path)).unlink(missing_ok=True)
        remove_bare(layout, place)
