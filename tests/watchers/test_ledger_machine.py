"""The ledger and the delivery as a state machine, killed between any two steps, against a model of the user's folder.

The model knows no ledger: it knows what was dropped, what is owed for it, and how the folder must look for that.
"""

import os
import re
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath

from bouncing import HALF, NOT_AUDIO, Killed, Serving, tiny, unfinished_at, watch_folder
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rebounce.engine.job import Job
from rebounce.engine.preset import load_preset, preset_hash
from rebounce.engine.record import UNCHANGED
from rebounce.engine.restore import restore_file
from rebounce.watchers.bounce import FINISHED, Bounce, State
from rebounce.watchers.delivery_plan import plan_from
from rebounce.watchers.prepared import Presets
from rebounce.watchers.processes import this_process
from rebounce.watchers.side_files import is_record_of, read_record, record_place, text_of

# The first two share the name of their record; the third is another folder's.
PATHS = ("Mix.wav", "Mix.bwf", "Sub/Mix.wav")
CONTENTS = (*(tiny(number) for number in range(4)), NOT_AUDIO, NOT_AUDIO * 2)
OWN = b"the user's own"
PRESETS = Presets()
RESULTS: dict[tuple[bytes, str], bytes] = {}
PLAIN = 1_000_000  # behind all numbers
PART = re.compile(r"\..*\.rebounce\.part")

kills = st.sampled_from([None, *range(32)])
paths = st.sampled_from(PATHS)
choices = st.integers(0, 20)
contents = st.integers(0, len(CONTENTS) - 1)


@dataclass
class Shelf:
    """What must lie under one name in one of the three folders: the plain one, and those that are numbered."""

    older: list[bytes] = field(default_factory=list)
    plain: bytes | None = None

    @property
    def all(self) -> list[bytes]:
        return [*self.older, *([] if self.plain is None else [self.plain])]

    def add(self, content: bytes | None) -> None:
        """A newer one comes; None where the user took it away on its way."""
        self.older, self.plain = self.all, content


@dataclass
class Failures(Shelf):
    """Those of one name, of which several may hold the same bytes: `ids` says of which bounce each is."""

    ids: list[int] = field(default_factory=list)

    def fail(self, id: int, content: bytes | None) -> None:
        self.add(content)
        self.ids += [] if content is None else [id]

    def take(self, id: int, content: bytes) -> None:
        """It succeeded at last."""
        place = self.ids.index(id)
        assert self.all[place] == content
        if place == len(self.older):
            self.plain = None
        else:
            del self.older[place]
        del self.ids[place]


@dataclass
class Model:
    """The folder as the user expects it. Bytes stand for files; every file dropped is owed until it lies somewhere."""

    restored: dict[str, Shelf] = field(default_factory=lambda: defaultdict(Shelf))
    done: dict[str, Shelf] = field(default_factory=lambda: defaultdict(Shelf))
    errors: dict[str, Failures] = field(default_factory=lambda: defaultdict(Failures))
    dropped: dict[str, bytes] = field(default_factory=dict)
    planned: dict[int, bytes] = field(default_factory=dict)  # replaced by the user when its result lay ready
    asked: dict[int, bytes] = field(default_factory=dict)  # by the user, once more
    taken_away: set[int] = field(default_factory=set)  # whose original the user replaced before it was moved
    retried: set[int] = field(default_factory=set)
    content_of: dict[int, bytes] = field(default_factory=dict)

    def settle(self, bounce: Bounce, result: Callable[[bytes], bytes]) -> None:
        """A bounce was finished: what was owed for it lies there now."""
        is_asked = bounce.id in self.asked
        if is_asked:
            content = self.asked.pop(bounce.id)
        elif bounce.id in self.planned:
            content = self.planned.pop(bounce.id)
        else:
            content = self.dropped.pop(bounce.path)
        assert bounce.content_sha256 in (None, sha256(content).hexdigest()), "another content than was asked for"
        self.content_of[bounce.id] = content
        is_gone, is_retry = bounce.id in self.taken_away, bounce.id in self.retried
        if bounce.state is State.FAILED:
            if not is_asked:
                self.errors[bounce.path].fail(bounce.id, None if is_gone else content)
            return
        if self.restored[bounce.path].plain != result(content):
            self.restored[bounce.path].add(result(content))
        if is_retry:
            self.retried.discard(bounce.id)
            self.errors[bounce.path].take(bounce.id, content)
        if (not is_asked or is_retry) and self.done[bounce.path].plain != content:
            self.done[bounce.path].add(None if is_gone else content)

    def shelves(self, path: str) -> tuple[Shelf, Shelf, Shelf]:
        return self.restored[path], self.done[path], self.errors[path]

    @property
    def owes(self) -> bool:
        return bool(self.dropped or self.planned or self.asked)


class Bouncing(RuleBasedStateMachine):
    """What users, services and kills do to one watched folder."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp())
        self.chain = self.base / "half.toml"
        self.change_the_chain(True)
        self.serving = Serving(watch_folder(self.base / "Bounces", str(self.chain)), PRESETS)
        self.model = Model()
        self.settled: set[int] = set()
        self.other: Bounce | None = None
        self.is_swept = True

    def teardown(self) -> None:
        """Nothing that was dropped is lost, whatever happened: it is all worked off in the end."""
        try:
            self.change_the_chain(True)
            if self.other is not None:
                self.the_other_goes_on()
            self.killed(0)
            self.done_for_now()
            self.everything_is_worked_off(None)
            assert not self.model.owes, self.model
            assert not self.serving.ledger.unfinished(-1)
            self.check_folder()
            assert not list(self.parts())
        finally:
            self.serving.close()
            shutil.rmtree(self.base)

    # -- what users do

    @rule(path=paths, number=contents)
    def drop(self, path: str, number: int) -> None:
        self.goes_away(path)
        self.serving.drop(path, CONTENTS[number])
        self.model.dropped[path] = CONTENTS[number]

    @rule(path=paths, number=contents, kill=kills)
    def bounce(self, path: str, number: int, kill: int | None) -> None:
        """The usual case: a file comes, and is worked on at once."""
        self.drop(path, number)
        self.everything_is_worked_off(kill)

    @rule(path=paths, first=contents, second=contents, kill=kills)
    def bounce_again(self, path: str, first: int, second: int, kill: int | None) -> None:
        """Before the first is worked off, when that was killed."""
        self.bounce(path, first, kill)
        self.bounce(path, second, None)

    @rule(path=paths, kill=kills)
    def bounce_the_same_again(self, path: str, kill: int | None) -> None:
        content = self.model.done[path].plain
        if content is not None:
            self.bounce(path, CONTENTS.index(content), kill)

    @rule(path=paths)
    def lay_a_file_among_the_results(self, path: str) -> None:
        """A user's own, which is never replaced."""
        place = self.serving.layout.at(f"Restored/{path}")
        if self.model.restored[path].plain is None and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(OWN)
            self.model.restored[path].plain = OWN

    @rule(path=paths)
    def delete(self, path: str) -> None:
        self.goes_away(path)
        self.serving.layout.at(path).unlink(missing_ok=True)

    def goes_away(self, path: str) -> None:
        """The file at this path will be no more; a result that lies ready is delivered all the same."""
        active = unfinished_at(self.serving.ledger, path)
        is_dropped = active is not None and active.id not in self.model.asked and active.id not in self.model.planned
        if active is None or active.plan is None or not is_dropped:
            self.model.dropped.pop(path, None)
            return
        self.model.planned[active.id] = self.model.dropped.pop(path)
        if self.serving.layout.at(path).exists():
            self.model.taken_away.add(active.id)

    @rule(path=paths)
    def take_the_result_away(self, path: str) -> None:
        active = unfinished_at(self.serving.ledger, path)
        shelf = self.model.restored[path]
        if shelf.plain is not None and (active is None or active.plan is None):
            self.serving.layout.at(f"Restored/{path}").unlink()
            shelf.plain = None

    @rule(choice=choices, preset=st.sampled_from([None, "bypass"]), kill=kills)
    def retry(self, choice: int, preset: str | None, kill: int | None) -> None:
        failed = [bounce for bounce in self.serving.ledger.in_state(State.FAILED) if is_ours(bounce)]
        if failed:
            bounce = failed[choice % len(failed)]
            self.run(kill, lambda: self.serving.ledger.retry(bounce.id, preset))
            if self.serving.ledger.known(bounce.id).state is State.FAILED:
                return
            self.settled.discard(bounce.id)
            self.model.asked[bounce.id] = self.model.content_of[bounce.id]
            self.model.retried.add(bounce.id)

    @rule(choice=choices, kill=kills)
    def rerun(self, choice: int, kill: int | None) -> None:
        done = [*self.serving.ledger.in_state(State.DONE), *self.serving.ledger.in_state(State.UNCHANGED)]
        done = [bounce for bounce in done if is_ours(bounce)]
        if not done:
            return
        bounce = done[choice % len(done)]
        before = unfinished_at(self.serving.ledger, bounce.path)
        self.run(kill, lambda: self.serving.ledger.rerun(bounce.id, "bypass"))
        active = unfinished_at(self.serving.ledger, bounce.path)
        if active is not None and before is None:
            self.model.asked[active.id] = self.model.content_of[bounce.id]

    @rule(is_whole=st.booleans())
    def change_the_chain(self, is_whole: bool) -> None:
        self.write_chain(HALF if is_whole else "this is no chain")

    def write_chain(self, text: str) -> None:
        before = self.chain.stat().st_mtime_ns if self.chain.exists() else 0
        self.chain.write_text(text, encoding="utf-8")
        os.utime(self.chain, ns=(before + 1, before + 1))

    # -- what services do

    @rule(kill=kills)
    def notice(self, kill: int | None) -> None:
        self.run(kill, self.serving.notice)

    @rule(kill=kills)
    def work(self, kill: int | None) -> None:
        self.run(kill, self.work_on_next)

    @rule(kill=kills)
    def everything_is_worked_off(self, kill: int | None) -> None:
        self.run(kill, lambda: self.serving.work_off(self.done_for_now))

    @rule(kill=st.integers(0, 8))
    def killed(self, kill: int) -> None:
        """In its sleep, and over what it takes over with the next start too."""
        self.recover(kill)

    @precondition(lambda self: self.other is None)
    @rule()
    def another_service_starts_one(self) -> None:
        """Which lives on, whatever happens to ours."""
        due = self.serving.ledger.next_due()
        if due and self.serving.ledger.start(due[0].id, this_process(), this_process()):
            self.other = due[0]
            assert not self.serving.ledger.start(due[0].id, self.serving.owner, self.serving.owner)

    @precondition(lambda self: self.other is not None)
    @rule()
    def the_other_goes_on(self) -> None:
        assert self.other is not None
        other, self.other = self.other, None
        assert self.serving.ledger.known(other.id).state is State.RUNNING
        self.run(None, lambda: self.serving.work(other))

    def work_on_next(self) -> None:
        bounce = self.serving.take()
        if bounce is not None:
            self.serving.work(bounce)

    def run(self, kill: int | None, work: Callable[[], object]) -> None:
        try:
            with self.serving.killed_at(kill):
                work()
        except Killed:
            self.recover(None)
        self.done_for_now()

    def recover(self, kill: int | None) -> None:
        try:
            with self.serving.killed_at(kill):
                self.serving.restart()
        except Killed:
            self.serving.restart()
        self.is_swept = self.other is None

    def done_for_now(self) -> None:
        """Hold what was finished against what was owed."""
        finished = [bounce for state in FINISHED for bounce in self.serving.ledger.in_state(state)]
        for bounce in sorted(finished, key=lambda bounce: (bounce.finished_at or 0, bounce.id)):
            if bounce.id not in self.settled:
                self.settled.add(bounce.id)
                assert (bounce.reason is not None) == (bounce.state is State.FAILED), bounce
                self.model.settle(bounce, lambda content, bounce=bounce: self.result(bounce, content))  # type: ignore[misc]

    def result(self, bounce: Bounce, content: bytes) -> bytes:
        preset = bounce.preset or str(self.chain)
        return content if preset == "bypass" else half(content, self.base)

    # -- what always holds

    @invariant()
    def there_is_one_unfinished_bounce_to_a_path(self) -> None:
        unfinished = Counter(bounce.path for bounce in self.serving.ledger.unfinished(-1))
        assert not unfinished or max(unfinished.values()) == 1

    @invariant()
    def what_runs_has_somebody_alive(self) -> None:
        running = [bounce.id for bounce in self.serving.ledger.in_state(State.RUNNING)]
        assert running == ([] if self.other is None else [self.other.id])

    @invariant()
    def the_folder_is_as_expected(self) -> None:
        self.check_folder()

    @invariant()
    def no_part_is_left(self) -> None:
        if self.is_swept:
            assert set(self.parts()) <= set(self.planned_parts())

    def parts(self) -> Iterator[str]:
        return (path for path in self.serving.files() if PART.fullmatch(PurePosixPath(path).name))

    def planned_parts(self) -> Iterator[str]:
        for bounce in self.serving.ledger.unfinished(-1):
            if bounce.plan is not None:
                yield from plan_from(bounce.plan).staged

    def check_folder(self) -> None:
        files = self.serving.files()
        under_way = {bounce.path for bounce in self.serving.ledger.unfinished(-1) if bounce.plan is not None}
        known = set(self.model.dropped)
        for path in PATHS:
            rooms = [numbered_files(files, f"{room}/{path}") for room in ("Restored", "Done", "Errors")]
            known.update(place for room in rooms for place in room.values())
            if path in under_way:
                self.check_nothing_is_missing(path, [[files[place] for place in room.values()] for room in rooms])
                continue
            for room, shelf in zip(rooms, self.model.shelves(path), strict=True):
                assert [files[place] for place in room.values()] == shelf.all, room
                assert (PLAIN in room) == (shelf.plain is not None), room
        if not under_way:
            self.check_side_files(files)
            others = [path for path in files if path not in known and not PART.fullmatch(PurePosixPath(path).name)]
            assert [path for path in others if not path.endswith((".json", ".txt"))] == []

    def check_nothing_is_missing(self, path: str, lying: list[list[bytes]]) -> None:
        """While a delivery is under way; an original that failed before may lie in either of two folders."""
        restored, done, errors = self.model.shelves(path)
        assert not Counter(restored.all) - Counter(lying[0])
        assert not Counter(done.all + errors.all) - Counter(lying[1] + lying[2])

    def check_side_files(self, files: dict[str, bytes]) -> None:
        """Each result has a record of its own, and each failure that has the plain name a sentence."""
        layout = self.serving.layout
        for path, content in files.items():
            if is_result(path, content):
                place = layout.at(record_place(layout, path))
                assert is_record_of(place, PurePosixPath(path).name), path
                record = read_record(place)
                assert record is not None
                whole = {sha256(known).hexdigest(): known for known in CONTENTS}[record["input_sha256"]]
                assert content == (whole if record["status"] == UNCHANGED else half(whole, self.base))
        failures = 0
        for path, shelf in self.model.errors.items():
            failures += len(shelf.all)
            if shelf.plain is not None:
                text = text_of(layout, f"Errors/{path}", PurePosixPath(path).name)
                assert text.is_own, path
                assert text.path in files
        # The file of a failure may have gone meanwhile.
        assert sum(path.endswith(".txt") for path in files) >= failures


def is_result(path: str, content: bytes) -> bool:
    is_part = PART.fullmatch(PurePosixPath(path).name)
    return path.startswith("Restored/") and path.endswith((".wav", ".bwf")) and not is_part and content != OWN


def is_ours(bounce: Bounce) -> bool:
    """True unless the user replaced or deleted the original before it could be moved."""
    return bounce.source != bounce.path


def numbered_files(files: dict[str, bytes], plain: str) -> dict[int, str]:
    """The files of one name: those that are numbered by their number, the plain one last."""
    start, suffix = os.path.splitext(plain)
    pattern = re.compile(re.escape(start) + r"(?: \((\d+)\))?" + re.escape(suffix))
    found = [(match, path) for path in files if (match := pattern.fullmatch(path))]
    return dict(sorted((int(match[1]) if match[1] else PLAIN, path) for match, path in found))


def half(content: bytes, folder: Path) -> bytes:
    """What the chain makes of a file."""
    key = (content, HALF)
    if key not in RESULTS:
        chain, source, target = (folder / name for name in ("oracle.toml", "oracle.wav", "oracle-out.wav"))
        chain.write_text(HALF, encoding="utf-8")
        source.write_bytes(content)
        board = load_preset(str(chain), ())
        options = PRESETS.get(watch_folder(folder / "oracle", "bypass"), None).options
        job = Job(
            source=source,
            target=target,
            copy_target=target,
            options=options,
            preset="half",
            preset_hash=preset_hash(board, options.shaping()),
            model=None,
            is_forced=True,
        )
        restore_file(job, board, lambda fraction: None)
        RESULTS[key] = target.read_bytes()
        assert RESULTS[key] != content
    return RESULTS[key]


TestBouncing = Bouncing.TestCase
TestBouncing.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
