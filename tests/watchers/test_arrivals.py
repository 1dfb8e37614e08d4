import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from bouncing import NOT_AUDIO, Serving, discovered, gone_process, tiny, unfinished_at, watch_folder
from mounting import mount_memory, own_mounts
from rewriting import wav

from rebounce.engine.errors import DiskFull
from rebounce.watchers import arrivals
from rebounce.watchers.arrivals import Arrivals, is_there
from rebounce.watchers.bounce import Bounce, Stamp, State, stamp_of
from rebounce.watchers.journal import Journal
from rebounce.watchers.layout import layout_of
from rebounce.watchers.ledger import Ledger

SETTLE_S = 3.0
GIVE_UP_S = 20.0
CUT = wav(bytes(4000))[:-1000]
"""A file that lacks a part of what it promises."""


class Watching:
    """Arrivals by a clock that is turned by hand, on a real folder with a real ledger."""

    def __init__(self, root: Path, **settings: Any) -> None:
        settings = {"settle_s": SETTLE_S, "give_up_s": GIVE_UP_S} | settings
        self.folder = watch_folder(root, **settings)
        self.layout = layout_of(self.folder, False, root)
        self.now_s = 100.0
        self.said: list[str] = []
        say = self.said.append
        self.journal = Journal(self.layout.state, "test", lambda level, line: say(line), log_mb=1, keep_logs=0)
        self.ledger = Ledger(self.layout.ledger)
        self.arrivals = self.start()
        self.mtime_ns = 10**18

    def start(self) -> Arrivals:
        self.arrivals = Arrivals(self.folder, self.layout, self.ledger, self.journal)
        return self.arrivals

    def close(self) -> None:
        self.ledger.close()
        self.journal.close()

    def drop(self, path: str, content: bytes | None = None) -> Stamp:
        place = self.layout.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(tiny(1) if content is None else content)
        self.mtime_ns += 1
        os.utime(place, ns=(self.mtime_ns, self.mtime_ns))
        return stamp_of(place.stat())

    def scan(self) -> None:
        self.arrivals.scan(self.now_s)

    def notice(self, *paths: str) -> bool:
        return self.arrivals.notice(paths, self.now_s)

    def run(self, seconds: float) -> int:
        """Look whenever it is time, for so long; how many were queued."""
        end_s, count = self.now_s + seconds, 0
        while (next_s := self.arrivals.next_look_s) is not None and next_s <= end_s:
            self.now_s = max(self.now_s, next_s)
            count += self.arrivals.look(self.now_s)
        self.now_s = end_s
        return count

    def states(self) -> dict[str, State]:
        return {bounce.path: bounce.state for bounce in self.ledger.unfinished(-1)}

    def began(self, path: str) -> Bounce:
        """Work on what is queued has begun."""
        bounce = unfinished_at(self.ledger, path)
        assert bounce is not None
        assert self.ledger.start(bounce.id, gone_process(), gone_process())
        if bounce.source == bounce.path:
            self.arrivals.started(path)
        return bounce

    def ended(self, bounce: Bounce) -> None:
        self.arrivals.ended(bounce.path, self.ledger.bounce(bounce.id), self.now_s)


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    watching = Watching(tmp_path / "Bounces")
    yield watching
    watching.close()


# -- seen and finished


def test_a_file_is_seen_settles_and_is_queued(watching: Watching) -> None:
    stamp = watching.drop("Album/Mix.wav")
    watching.scan()
    assert watching.states() == {"Album/Mix.wav": State.DISCOVERED}
    assert watching.run(SETTLE_S - 0.1) == 0
    assert watching.states() == {"Album/Mix.wav": State.SETTLING}
    assert not watching.arrivals.are_settled
    assert watching.run(0.2) == 1
    (queued,) = watching.ledger.in_state(State.QUEUED)
    assert (queued.path, queued.source, queued.stamp, queued.reason) == ("Album/Mix.wav", "Album/Mix.wav", stamp, None)
    assert watching.arrivals.are_settled
    assert watching.said == ["Album/Mix.wav: seen", "Album/Mix.wav: finished, queued"]


def test_a_file_that_is_heard_of_needs_no_scan(watching: Watching) -> None:
    watching.drop("Mix.wav")
    assert not watching.notice("Mix.wav")
    watching.run(SETTLE_S)
    assert watching.states() == {"Mix.wav": State.QUEUED}


def test_each_change_begins_the_wait_anew(watching: Watching) -> None:
    for number in range(5):
        watching.drop("Mix.wav", wav(bytes(4 * number)))
        watching.notice("Mix.wav")
        assert watching.run(SETTLE_S - 0.1) == 0
    assert watching.run(0.2) == 1
    assert watching.states() == {"Mix.wav": State.QUEUED}


def test_seeing_and_hearing_it_again_changes_nothing(watching: Watching) -> None:
    watching.drop("Mix.wav")
    for _ in range(5):
        watching.scan()
        watching.notice("Mix.wav", "Mix.wav")
        watching.run(SETTLE_S / 4)
    watching.run(SETTLE_S)
    watching.scan()
    watching.notice("Mix.wav")
    assert watching.run(100) == 0
    assert watching.states() == {"Mix.wav": State.QUEUED}
    assert len(watching.said) == 2


def test_a_file_that_never_becomes_whole_is_given_up_with_its_reason(watching: Watching) -> None:
    watching.drop("Mix.wav", CUT)
    watching.scan()
    assert watching.run(GIVE_UP_S - 0.1) == 0
    (settling,) = watching.ledger.in_state(State.SETTLING)
    assert settling.reason is not None
    assert watching.run(SETTLE_S + 0.1) == 1
    (queued,) = watching.ledger.in_state(State.QUEUED)
    assert queued.reason == f"given up waiting for it: {settling.reason}"


def test_what_is_no_audio_though_it_is_called_so_is_given_up_too(watching: Watching) -> None:
    watching.drop("Mix.wav", NOT_AUDIO)
    watching.scan()
    assert watching.run(GIVE_UP_S + SETTLE_S) == 1


def test_an_empty_file_is_waited_for_and_holds_nobody_up(watching: Watching) -> None:
    watching.drop("Mix.wav", b"")
    watching.scan()
    assert watching.run(1000) == 0
    assert watching.arrivals.are_settled
    watching.drop("Mix.wav")
    assert watching.run(100) == 1


def test_a_whole_tree_that_comes_at_once_is_found(watching: Watching) -> None:
    for path in ("A/1.wav", "A/B/2.wav", "A/B/C/3.wav"):
        watching.drop(path)
    assert watching.notice("A")
    assert watching.run(SETTLE_S) == 3


def test_a_renamed_file_is_another_one(watching: Watching) -> None:
    watching.drop("Mix.wav")
    watching.scan()
    watching.run(SETTLE_S)
    watching.layout.at("Mix.wav").rename(watching.layout.at("Final.wav"))
    watching.notice("Mix.wav", "Final.wav")
    watching.run(SETTLE_S)
    assert watching.states() == {"Final.wav": State.QUEUED}


def test_a_temporary_name_is_passed_over_until_it_is_the_real_one(watching: Watching) -> None:
    watching.drop("Mix.wav.tmp")
    watching.scan()
    assert watching.arrivals.next_look_s is None
    watching.layout.at("Mix.wav.tmp").rename(watching.layout.at("Mix.wav"))
    watching.notice("Mix.wav.tmp", "Mix.wav")
    assert watching.run(SETTLE_S) == 1
    assert watching.said == ["Mix.wav: seen", "Mix.wav: finished, queued"]


# -- gone


@pytest.mark.parametrize("wait_s", [0.0, SETTLE_S / 2, SETTLE_S], ids=["discovered", "settling", "queued"])
@pytest.mark.parametrize("how", ["scan", "notice", "look"])
def test_a_file_that_goes_before_work_on_it_began_is_forgotten(watching: Watching, wait_s: float, how: str) -> None:
    watching.drop("Mix.wav")
    watching.scan()
    watching.run(wait_s)
    watching.layout.at("Mix.wav").unlink()
    if how == "scan":
        watching.scan()
    elif how == "notice":
        watching.notice("Mix.wav")
    elif wait_s < SETTLE_S:
        watching.run(SETTLE_S)
    else:
        watching.scan()
    assert watching.states() == {}
    assert watching.said[-1] == "Mix.wav: went away before work on it began"
    watching.drop("Mix.wav")
    watching.scan()
    assert watching.run(SETTLE_S) == 1


def test_with_a_folder_that_goes_all_in_it_are_forgotten_at_the_next_look(watching: Watching) -> None:
    for path in ("A/1.wav", "A/B/2.wav"):
        watching.drop(path)
    watching.scan()
    watching.run(SETTLE_S)
    watching.layout.at("A").rename(watching.layout.root.with_name("away"))
    watching.notice("A")
    watching.scan()
    assert watching.states() == {}


def test_a_file_that_is_replaced_before_its_turn_settles_anew(watching: Watching) -> None:
    watching.drop("Mix.wav")
    watching.scan()
    watching.run(SETTLE_S)
    watching.drop("Mix.wav", tiny(2))
    watching.scan()
    watching.arrivals.look(watching.now_s)
    assert watching.states() == {"Mix.wav": State.SETTLING}
    assert watching.run(SETTLE_S) == 1


# -- passed over


def test_what_is_not_wanted_is_passed_over_and_other_files_are_told_once(watching: Watching) -> None:
    for path in ("._Mix.wav", ".DS_Store", "Mix.wav.part", "Mix.wav.tmp", "A/.hidden/Mix.wav", "notes.txt", "A/x.pdf"):
        watching.drop(path)
    for path in ("Restored/Mix.wav", "Done/Mix.wav", "Errors/Mix.wav", ".rebounce/Mix.wav"):
        watching.drop(path)
    for _ in range(3):
        watching.scan()
        watching.notice("notes.txt", "._Mix.wav")
    assert watching.arrivals.next_look_s is None
    assert sorted(line.partition(",")[0] for line in watching.said) == ["A/x.pdf: ignored", "notes.txt: ignored"]


def test_patterns_choose(tmp_path: Path) -> None:
    watching = Watching(tmp_path / "Bounces", match=("*_mix.wav",), ignore=("draft*",))
    try:
        for path in ("a_mix.wav", "a.wav", "draft_mix.wav"):
            watching.drop(path)
        watching.scan()
        watching.run(SETTLE_S)
        assert watching.states() == {"a_mix.wav": State.QUEUED}
    finally:
        watching.close()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_pipes_and_folders_with_the_name_of_audio_are_passed_over(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "else.wav").write_bytes(tiny(1))
    watching.layout.at("link.wav").symlink_to(tmp_path / "else.wav")
    watching.layout.at("nowhere.wav").symlink_to(tmp_path / "nowhere")
    watching.layout.at("folder.wav").mkdir()
    os.mkfifo(watching.layout.at("pipe.wav"))
    watching.scan()
    watching.notice("link.wav", "nowhere.wav", "folder.wav", "pipe.wav")
    assert watching.arrivals.next_look_s is None


# -- during and after work


def test_while_it_is_worked_on_nothing_is_made_of_what_is_heard(watching: Watching) -> None:
    watching.drop("Mix.wav")
    watching.scan()
    watching.run(SETTLE_S)
    watching.began("Mix.wav")
    watching.drop("Mix.wav", tiny(2))
    watching.notice("Mix.wav")
    watching.scan()
    watching.layout.at("Mix.wav").unlink()
    watching.notice("Mix.wav")
    watching.scan()
    assert watching.run(100) == 0
    assert watching.states() == {"Mix.wav": State.RUNNING}


@pytest.mark.parametrize("state", [State.DONE, State.FAILED])
def test_a_file_that_stays_where_it_was_dropped_is_done_until_it_changes(watching: Watching, state: State) -> None:
    watching.drop("Mix.wav")
    watching.scan()
    watching.run(SETTLE_S)
    bounce = watching.began("Mix.wav")
    watching.ledger.finish(bounce.id, state, "Mix.wav", is_told=True)
    watching.ended(bounce)
    for _ in range(2):
        watching.scan()
        watching.notice("Mix.wav")
        assert watching.run(100) == 0
        watching.start()  # as after a restart
    watching.drop("Mix.wav", tiny(2))
    watching.scan()
    assert watching.run(SETTLE_S) == 1


def test_what_came_to_the_place_while_it_was_worked_on_is_the_next_bounce(watching: Watching) -> None:
    watching.drop("Mix.wav")
    watching.scan()
    watching.run(SETTLE_S)
    bounce = watching.began("Mix.wav")
    watching.drop("Mix.wav", tiny(2))
    watching.notice("Mix.wav")
    watching.ledger.finish(bounce.id, State.DONE, "Done/Mix.wav", is_told=True)
    watching.ended(bounce)
    assert watching.run(SETTLE_S) == 1
    assert watching.states() == {"Mix.wav": State.QUEUED}


def test_what_is_tried_again_is_still_known_and_can_go_away(watching: Watching) -> None:
    watching.drop("Mix.wav")
    watching.scan()
    watching.run(SETTLE_S)
    bounce = watching.began("Mix.wav")
    watching.ledger.again(bounce.id, "busy", wait_s=60)
    watching.ended(bounce)
    watching.scan()
    assert watching.states() == {"Mix.wav": State.QUEUED}
    assert watching.run(100) == 0
    watching.layout.at("Mix.wav").unlink()
    watching.scan()
    assert watching.states() == {}


def test_what_was_still_written_settles_anew(watching: Watching) -> None:
    watching.drop("Mix.wav")
    watching.scan()
    watching.run(SETTLE_S)
    bounce = watching.began("Mix.wav")
    watching.ledger.unsettle(bounce.id, "it grows")
    watching.ended(bounce)
    assert watching.run(SETTLE_S) == 1


def failed_in_errors(watching: Watching) -> Bounce:
    """A failure that was retried and runs; its file lies in Errors/."""
    watching.drop("Mix.wav")
    watching.scan()
    watching.run(SETTLE_S)
    bounce = watching.began("Mix.wav")
    watching.layout.at("Errors").mkdir()
    watching.layout.at("Mix.wav").rename(watching.layout.at("Errors/Mix.wav"))
    watching.ledger.finish(bounce.id, State.FAILED, "Errors/Mix.wav", is_told=True)
    watching.ended(bounce)
    assert watching.ledger.retry(bounce.id)
    watching.began("Mix.wav")
    return bounce


@pytest.mark.parametrize("again", ["again", "park", "unsettle"])
def test_a_retried_failure_that_has_to_wait_is_not_forgotten(watching: Watching, again: str) -> None:
    bounce = failed_in_errors(watching)
    getattr(watching.ledger, again)(bounce.id, "why")
    watching.ended(bounce)
    for start in (lambda: None, watching.start):
        start()
        watching.scan()
        watching.notice("Mix.wav")
        watching.run(100)
        waiting = watching.ledger.known(bounce.id)
        assert waiting.source == "Errors/Mix.wav"
        assert waiting.state is (State.PARKED if again == "park" else State.QUEUED)


@pytest.mark.parametrize("wait_s", [0.0, SETTLE_S / 2, 10 * SETTLE_S])
def test_a_new_bounce_of_a_name_that_is_retried_waits_for_its_turn(watching: Watching, wait_s: float) -> None:
    bounce = failed_in_errors(watching)
    watching.drop("Mix.wav", tiny(2))
    watching.scan()
    watching.run(wait_s)
    assert watching.states() == {"Mix.wav": State.RUNNING}
    watching.ledger.finish(bounce.id, State.DONE, "Done/Mix.wav", is_told=True)
    watching.ended(bounce)
    watching.scan()
    assert watching.run(SETTLE_S) == 1
    queued = unfinished_at(watching.ledger, "Mix.wav")
    assert queued is not None
    assert (queued.state, queued.source) == (State.QUEUED, "Mix.wav")


def test_a_new_bounce_that_goes_away_takes_no_retry_with_it(watching: Watching) -> None:
    bounce = failed_in_errors(watching)
    watching.ledger.again(bounce.id, "busy")
    watching.ended(bounce)
    watching.drop("Mix.wav", tiny(2))
    watching.scan()
    watching.run(SETTLE_S)
    watching.layout.at("Mix.wav").unlink()
    watching.scan()
    assert watching.ledger.known(bounce.id).state is State.QUEUED


# -- after a restart, and beside another service


@pytest.mark.parametrize("wait_s", [0.0, SETTLE_S / 2, SETTLE_S], ids=["discovered", "settling", "queued"])
def test_a_restart_goes_on_where_it_was(watching: Watching, wait_s: float) -> None:
    watching.drop("Mix.wav")
    watching.scan()
    watching.run(wait_s)
    watching.start()
    watching.scan()
    watching.run(SETTLE_S)
    assert watching.states() == {"Mix.wav": State.QUEUED}
    assert watching.ledger.counts() == {State.QUEUED: 1}


@pytest.mark.parametrize("wait_s", [0.0, SETTLE_S / 2, SETTLE_S], ids=["discovered", "settling", "queued"])
def test_what_went_or_changed_while_nobody_looked_is_found_out(watching: Watching, wait_s: float) -> None:
    for path in ("Gone.wav", "Changed.wav"):
        watching.drop(path)
    watching.scan()
    watching.run(wait_s)
    watching.layout.at("Gone.wav").unlink()
    stamp = watching.drop("Changed.wav", tiny(2))
    watching.start()
    watching.scan()
    watching.run(SETTLE_S)
    assert watching.states() == {"Changed.wav": State.QUEUED}
    assert watching.ledger.in_state(State.QUEUED)[0].stamp == stamp


def test_two_services_see_a_file_and_there_is_one_bounce(watching: Watching) -> None:
    watching.drop("Mix.wav")
    with Ledger(watching.layout.ledger) as ledger:
        other = Arrivals(watching.folder, watching.layout, ledger, watching.journal)
        watching.scan()
        other.scan(watching.now_s)
        watching.run(SETTLE_S)
        other.look(watching.now_s + 1)
        other.look(watching.now_s + 10)
        assert watching.states() == {"Mix.wav": State.QUEUED}
        bounce = watching.began("Mix.wav")
        watching.ledger.finish(bounce.id, State.DONE, "Mix.wav", is_told=True)
        watching.ended(bounce)
        for _ in range(2):
            other.scan(watching.now_s + 20)
            other.look(watching.now_s + 40)
        assert watching.ledger.counts() == {State.DONE: 1}
        watching.drop("Mix.wav", tiny(2))
        other.scan(watching.now_s + 50)
        assert other.look(watching.now_s + 60) + other.look(watching.now_s + 70) == 1


# -- trouble


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="root may read anything")
def test_a_folder_that_cannot_be_read_is_told_once(watching: Watching) -> None:
    watching.drop("A/Mix.wav")
    watching.drop("Mix.wav")
    watching.layout.at("A").chmod(0)
    try:
        watching.scan()
        watching.scan()
        assert watching.states() == {"Mix.wav": State.DISCOVERED}
        assert watching.said.count("A: the folder cannot be read (Permission denied); check its permissions") == 1
    finally:
        watching.layout.at("A").chmod(0o700)


def test_that_the_folder_itself_is_gone_is_for_others_to_tell(watching: Watching) -> None:
    assert is_there(watching.layout.root)
    watching.layout.root.rename(watching.layout.root.with_name("away"))
    assert not is_there(watching.layout.root)
    with pytest.raises(FileNotFoundError):
        watching.scan()


@pytest.mark.parametrize("how", ["scan", "notice"])
def test_what_came_while_the_disk_of_the_ledger_was_full_is_queued_when_there_is_room(tmp_path: Path, how: str) -> None:
    with own_mounts():
        watching = Watching(mount_memory(tmp_path / "Bounces", 1))
        try:
            see: Callable[[], object] = watching.scan if how == "scan" else lambda: watching.notice("Mix.wav")
            watching.drop("Mix.wav")
            fill(tmp_path / "Bounces" / "big.bin")
            with suppress(DiskFull):
                while True:  # what has its place in the log of changes already can still be written
                    watching.ledger.serve(gone_process(), "x" * 1000)
            with pytest.raises(DiskFull):
                see()
            (tmp_path / "Bounces" / "big.bin").unlink()
            see()
            watching.run(2 * SETTLE_S)
            assert watching.states() == {"Mix.wav": State.QUEUED}
        finally:
            watching.close()


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def test_a_row_that_somebody_made_by_hand_is_followed_too(tmp_path: Path) -> None:
    serving = Serving(watch_folder(tmp_path / "Bounces"))
    try:
        bounce = discovered(serving, "Mix.wav", tiny(1))
        serving.restart()
        serving.notice()
        assert serving.ledger.known(bounce.id).state is State.QUEUED
        assert serving.ledger.counts() == {State.QUEUED: 1}
    finally:
        serving.close()


# -- very many files, and folders that are gone


def test_a_stop_is_heard_between_portions_and_the_rest_is_met_anew(watching: Watching, monkeypatch: Any) -> None:
    monkeypatch.setattr(arrivals, "PORTION", 3)
    for number in range(8):
        watching.drop(f"{number}.wav")
    stopping = iter([False, True])
    stopped = Arrivals(
        watching.folder,
        watching.layout,
        watching.ledger,
        watching.journal,
        is_stopping=lambda: next(stopping, True),
    )
    stopped.scan(watching.now_s)
    assert len(watching.ledger.in_state(State.DISCOVERED)) == 3
    watching.start()
    watching.scan()
    assert len(watching.ledger.in_state(State.DISCOVERED)) == 8
    watching.run(SETTLE_S)
    assert len(watching.ledger.in_state(State.QUEUED)) == 8


def test_no_turn_looks_at_more_than_so_many_files(watching: Watching, monkeypatch: Any) -> None:
    monkeypatch.setattr(arrivals, "LOOKS_AT_ONCE", 3)
    for number in range(8):
        watching.drop(f"{number}.wav")
    watching.scan()
    turns = []
    while (next_s := watching.arrivals.next_look_s) is not None:
        watching.now_s = max(watching.now_s, next_s)
        turns.append(watching.arrivals.look(watching.now_s))
    assert sum(turns) == 8
    assert max(turns) <= 3


def test_what_is_not_seen_in_a_folder_that_is_gone_is_not_gone(watching: Watching) -> None:
    watching.drop("Mix.wav")
    is_here = True
    followed = Arrivals(watching.folder, watching.layout, watching.ledger, watching.journal, is_here=lambda: is_here)
    followed.scan(watching.now_s)
    place = watching.layout.at("Mix.wav")
    place.rename(watching.layout.root.parent / "away.wav")
    is_here = False
    followed.scan(watching.now_s)
    followed.notice(["Mix.wav"], watching.now_s)
    assert unfinished_at(watching.ledger, "Mix.wav") is not None
    is_here = True
    followed.scan(watching.now_s)
    assert unfinished_at(watching.ledger, "Mix.wav") is None


def test_what_is_ignored_is_told_once_whatever_is_started_anew(watching: Watching) -> None:
    watching.drop("notes.txt", b"hello")
    for _ in range(3):
        watching.start()
        watching.scan()
    assert [line for line in watching.said if "notes.txt" in line and "ignored" in line] == watching.said[:1]
    watching.layout.at("notes.txt").unlink()
    watching.scan()
    watching.drop("notes.txt", b"hello again")
    watching.start()
    watching.scan()
    assert len([line for line in watching.said if "notes.txt" in line]) == 2


def test_a_watched_folder_below_is_left_to_its_own_service(watching: Watching) -> None:
    watching.drop("Band/Restored/Mix.wav")
    watching.drop("Band/.rebounce/folder-id", b"0123")
    watching.drop("Other/Mix.wav")
    for _ in range(2):
        watching.scan()
        watching.notice("Band/New.wav", "Band")
    assert [bounce.path for bounce in watching.ledger.unfinished(-1)] == ["Other/Mix.wav"]
    told = [line for line in watching.said if "watched folder of its own" in line]
    assert told == ["Band: passed over, as it is a watched folder of its own; its .rebounce says so"]
