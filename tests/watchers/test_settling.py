import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import daw_simulator
import numpy as np
import pytest
import soundfile
from daw_simulator import Pace
from hypothesis import given
from hypothesis import strategies as st
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.watchers.finished import Completeness, Finding, examine
from rebounce.watchers.names import why_ignored
from rebounce.watchers.open_writers import has_writer
from rebounce.watchers.settling import LEAST_INTERVAL_S, Settling, State, Verdict

Pattern = Callable[[Path, Audio, int, Pace], bytes]
RATE = 48_000
FINDINGS = {kind: Finding(completeness=kind, reason=kind.value) for kind in Completeness}


def says(kind: Completeness) -> Callable[[], Finding]:
    return lambda: FINDINGS[kind]


def nobody() -> bool:
    return False


def somebody() -> bool:
    return True


@dataclass(kw_only=True)
class Watched:
    """One file that is looked at whenever its last verdict asked for it, by a clock that is turned by hand."""

    settling: Settling
    examine: Callable[[], Finding] = lambda: FINDINGS[Completeness.COMPLETE]
    has_writer: Callable[[], bool] = nobody
    stamp: tuple[int, int] = (100, 1)
    now_s: float = 1000.0
    verdict: Verdict = field(default_factory=lambda: Verdict(state=State.WAITING, next_look_s=-1))
    looks: int = 0
    examined_s: list[float] = field(default_factory=list)

    def look(self) -> Verdict:
        def noted() -> Finding:
            self.examined_s.append(self.now_s)
            return self.examine()

        self.looks += 1
        self.verdict = self.settling.look(*self.stamp, self.now_s, noted, self.has_writer)
        return self.verdict

    def run(self, seconds: float) -> State:
        """Look for so long, or until there is a verdict."""
        end_s = self.now_s + seconds
        if self.verdict.next_look_s < self.now_s:
            self.look()
        while self.verdict.state is State.WAITING and self.verdict.next_look_s <= end_s:
            assert self.verdict.next_look_s > self.now_s
            self.now_s = self.verdict.next_look_s
            self.look()
        if self.verdict.state is State.WAITING:
            self.now_s = end_s
        return self.verdict.state


def test_a_file_is_finished_once_it_was_seen_still_for_the_settle_time_and_no_sooner() -> None:
    file = Watched(settling=Settling(3, 120))
    assert file.run(2.999) is State.WAITING
    assert file.examined_s == []
    assert file.run(0.001) is State.FINISHED
    assert file.now_s == 1003
    assert file.looks == 5
    assert len(file.examined_s) == 1


@given(settle_s=st.floats(0, 10), changes=st.lists(st.floats(0.001, 20), max_size=6))
def test_every_change_begins_the_wait_anew(settle_s: float, changes: list[float]) -> None:
    file = Watched(settling=Settling(settle_s, 120))
    last_s = file.now_s
    for number, wait_s in enumerate(changes):
        if file.run(wait_s) is not State.WAITING:
            break
        file.stamp = (100, 2 + number) if number % 2 else (101 + number, 1)
        last_s = file.now_s
        file.look()
    assert file.run(30) is State.FINISHED
    assert file.now_s >= last_s + settle_s
    assert file.now_s <= last_s + settle_s * 1.001 + 0.001


@pytest.mark.parametrize("settle_s", [0, 0.05])
def test_a_settle_time_of_nothing_or_little_is_kept(settle_s: float) -> None:
    file = Watched(settling=Settling(settle_s, 1))
    assert file.run(settle_s) is State.FINISHED
    assert file.now_s == 1000 + settle_s


@pytest.mark.parametrize("mtime_ns", [0, -(10**18), 10**19, 2**63 - 1])
def test_what_the_files_time_says_of_now_does_not_matter(mtime_ns: int) -> None:
    file = Watched(settling=Settling(3, 120), stamp=(100, mtime_ns))
    assert file.run(2.9) is State.WAITING
    assert file.run(0.2) is State.FINISHED


def test_a_time_that_jumps_back_is_a_change_as_any_other() -> None:
    file = Watched(settling=Settling(3, 120), stamp=(100, 10**18))
    assert file.run(2.9) is State.WAITING
    file.stamp = (100, 5)
    file.look()
    assert file.run(2.9) is State.WAITING
    assert file.run(0.2) is State.FINISHED


def test_a_file_without_a_size_of_its_own_must_be_still_three_times_as_long() -> None:
    file = Watched(settling=Settling(3, 5), examine=says(Completeness.NO_OWN_SIZE))
    assert file.run(8.9) is State.WAITING
    assert file.run(0.2) is State.FINISHED
    assert file.now_s == 1009


@pytest.mark.parametrize(
    ("kind", "writer", "state"),
    [
        (Completeness.INCOMPLETE, nobody, State.GIVEN_UP),
        (Completeness.NOT_AUDIO, nobody, State.NOT_AUDIO),
        (Completeness.COMPLETE, somebody, State.GIVEN_UP),
        (Completeness.NO_OWN_SIZE, somebody, State.GIVEN_UP),
    ],
)
def test_a_file_that_never_finishes_is_given_up_with_its_reason(
    kind: Completeness, writer: Callable[[], bool], state: State
) -> None:
    file = Watched(settling=Settling(3, 120), examine=says(kind), has_writer=writer)
    assert file.run(119.9) is State.WAITING
    reason = file.verdict.reason
    assert reason == ("a program still has it open for writing" if writer is somebody else kind.value)
    assert file.run(3.1) is state
    assert file.verdict.reason == reason


def test_the_wait_until_giving_up_begins_anew_with_every_change() -> None:
    file = Watched(settling=Settling(3, 20), examine=says(Completeness.INCOMPLETE))
    for number in range(10):
        assert file.run(19) is State.WAITING
        file.stamp = (200 + number, 1)
        file.look()
    assert file.run(23.1) is State.GIVEN_UP


def test_a_file_becomes_finished_without_a_change_of_size_or_time() -> None:
    file = Watched(settling=Settling(3, 120), examine=says(Completeness.INCOMPLETE))
    assert file.run(50) is State.WAITING
    file.examine = says(Completeness.COMPLETE)
    assert file.run(3.1) is State.FINISHED


def test_nobody_is_asked_in_a_busy_loop() -> None:
    file = Watched(settling=Settling(3, 120), examine=says(Completeness.INCOMPLETE))
    file.run(100)
    assert all(later - earlier >= 3 for earlier, later in zip(file.examined_s, file.examined_s[1:], strict=False))
    assert file.looks <= 4 + 100 / 3 + 1
    quick = Watched(settling=Settling(0, 120), examine=says(Completeness.INCOMPLETE))
    quick.run(10)
    assert quick.looks <= 10 / LEAST_INTERVAL_S + 2


def test_looks_that_nobody_asked_for_do_not_make_it_examined_more_often() -> None:
    file = Watched(settling=Settling(3, 120), examine=says(Completeness.INCOMPLETE))
    for _ in range(1000):
        file.look()
        file.now_s += 0.01
    assert len(file.examined_s) <= 3


def test_an_empty_file_is_waited_for_for_ever_and_looked_at_ever_more_rarely() -> None:
    file = Watched(settling=Settling(3, 120), stamp=(0, 1))
    assert file.run(1e6) is State.WAITING
    assert file.examined_s == []
    assert file.looks <= 1e6 / 30 + 50
    file.stamp = (100, 2)
    assert file.run(40) is State.FINISHED


def test_a_file_that_cannot_be_read_is_waited_for_and_given_up() -> None:
    def locked() -> Finding:
        raise PermissionError(13, "Permission denied")

    file = Watched(settling=Settling(3, 120), examine=locked)
    assert file.run(119) is State.WAITING
    assert file.run(4.1) is State.GIVEN_UP
    assert file.verdict.reason == "it cannot be read (Permission denied)"


def test_a_file_that_is_gone_is_the_callers_to_know() -> None:
    def gone() -> Finding:
        raise FileNotFoundError

    file = Watched(settling=Settling(0, 120), examine=gone)
    with pytest.raises(FileNotFoundError):
        file.look()


# The patterns of DAWs, by a clock that is turned by hand: each pause of the simulator is a stretch of looks.


def simulated(
    pattern: Pattern, target: Path, pause_s: float, settling: Settling, writer: Callable[[Path], bool]
) -> tuple[list[State], Watched, bytes]:
    """The verdicts in the pauses before a pattern's file is whole, the file as it is watched afterwards, its bytes."""
    file = Watched(settling=settling, examine=lambda: examine(target), has_writer=lambda: writer(target))
    seen: list[tuple[State, bytes]] = []

    def look(seconds: float) -> None:
        if target.exists():
            status = target.stat()
            if file.stamp != (status.st_size, status.st_mtime_ns):
                file.stamp = (status.st_size, status.st_mtime_ns)
                file.look()
            seen.append((file.run(seconds), target.read_bytes()))
        file.now_s += seconds

    final = pattern(target, noise(24_000), RATE, Pace(pieces=5, pause_s=pause_s, wait=look))
    status = target.stat()
    file.stamp = (status.st_size, status.st_mtime_ns)
    return [state for state, content in seen if content != final], file, final


def nobody_has(path: Path) -> bool:
    """What a network share answers."""
    return False


@pytest.mark.parametrize("suffix", [".wav", ".aif"])
@pytest.mark.parametrize("pattern", daw_simulator.PATTERNS)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of open writers")
def test_no_pause_is_long_enough_to_take_a_bounce_for_finished(tmp_path: Path, pattern: Pattern, suffix: str) -> None:
    target = tmp_path / f"Mix{suffix}"
    during, file, final = simulated(pattern, target, 30, Settling(3, 120), has_writer)
    assert set(during) <= {State.WAITING}
    assert file.run(6.2) is State.FINISHED
    assert target.read_bytes() == final


@pytest.mark.parametrize("suffix", [".wav", ".aif"])
@pytest.mark.parametrize("pattern", [each for each in daw_simulator.PATTERNS if each is not daw_simulator.logic])
def test_where_nobody_tells_of_writers_the_files_own_sizes_do(tmp_path: Path, pattern: Pattern, suffix: str) -> None:
    during, file, _ = simulated(pattern, tmp_path / f"Mix{suffix}", 30, Settling(3, 120), nobody_has)
    assert set(during) <= {State.WAITING}
    assert file.run(6.2) is State.FINISHED


@pytest.mark.parametrize("suffix", [".wav", ".aif"])
def test_only_the_open_writer_tells_of_a_shorter_valid_file(tmp_path: Path, suffix: str) -> None:
    """Why it is asked at all: by its sizes and its stillness alone this bounce is finished long before it is."""
    during, _, _ = simulated(daw_simulator.logic, tmp_path / f"Mix{suffix}", 30, Settling(3, 120), nobody_has)
    assert State.FINISHED in during


@pytest.mark.parametrize("pattern", daw_simulator.PATTERNS)
@pytest.mark.parametrize("channels", [1, 2])
def test_the_simulators_files_are_real_audio(tmp_path: Path, pattern: Pattern, channels: int) -> None:
    for suffix in (".wav", ".aif"):
        target = tmp_path / f"Mix{suffix}"
        audio = noise(24_001, channels)
        final = pattern(target, audio, RATE, Pace(pieces=3, wait=lambda seconds: None))
        assert target.read_bytes() == final
        assert examine(target).completeness is Completeness.COMPLETE
        samples, rate = soundfile.read(target, dtype="float32", always_2d=True)
        assert rate == RATE
        assert samples.shape == (24_001, channels)
        assert np.abs(samples.T - audio).max() <= 2**-23


def test_a_bounce_that_crashed_is_given_up_with_what_its_header_says(tmp_path: Path) -> None:
    during, file, _ = simulated(daw_simulator.crashed, tmp_path / "Mix.wav", 30, Settling(3, 120), has_writer)
    assert set(during) == {State.WAITING}
    assert file.run(200) is State.GIVEN_UP
    assert file.verdict.reason == "the header leaves open how long the file is"


@dataclass(kw_only=True)
class Real:
    """One bounce in a thread of its own, by the real clock, and what was there when it was taken for finished."""

    target: Path
    thread: threading.Thread
    final: list[bytes]
    settling: Settling
    taken: bytes | None = None
    state: State = State.WAITING

    def look(self) -> float:
        """Where the file is there and has a name that is looked at; returns when to look again."""
        for name in os.listdir(self.target.parent):
            assert name == self.target.name or why_ignored(name) is not None
        if not self.target.exists():
            return time.monotonic() + LEAST_INTERVAL_S
        status = self.target.stat()
        verdict = self.settling.look(
            status.st_size,
            status.st_mtime_ns,
            time.monotonic(),
            lambda: examine(self.target),
            lambda: has_writer(self.target),
        )
        self.state = verdict.state
        if self.state is State.FINISHED:
            self.taken = self.target.read_bytes()
        return verdict.next_look_s


def begun(folder: Path, pattern: Pattern, suffix: str) -> Real:
    target = folder / f"{pattern.__name__}{suffix}" / f"Mix{suffix}"
    target.parent.mkdir()
    final: list[bytes] = []
    pace = Pace(pieces=3, pause_s=0.5)
    thread = threading.Thread(target=lambda: final.append(pattern(target, noise(24_000), RATE, pace)))
    thread.start()
    return Real(target=target, thread=thread, final=final, settling=Settling(0.2, 60))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of open writers")
def test_by_the_real_clock_what_is_taken_is_what_was_bounced(tmp_path: Path) -> None:
    bounces = [begun(tmp_path, pattern, suffix) for pattern in daw_simulator.PATTERNS for suffix in (".wav", ".aif")]
    waiting = dict.fromkeys(range(len(bounces)), 0.0)
    while waiting:
        number = min(waiting, key=lambda each: waiting[each])
        time.sleep(max(0.0, waiting[number] - time.monotonic()))
        waiting[number] = bounces[number].look()
        if bounces[number].state is not State.WAITING:
            del waiting[number]
    for each in bounces:
        each.thread.join()
        assert each.state is State.FINISHED, each.target
        assert each.taken == each.final[0], each.target
