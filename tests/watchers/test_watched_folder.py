import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from bouncing import Serving, discovered, gone_process, tiny, watch_folder
from mounting import mount_memory, own_mounts

from rebounce.engine.errors import OutputError
from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.failing import DIED
from rebounce.watchers.pauses import Pauses
from rebounce.watchers.processes import Owner, process_of, this_process
from rebounce.watchers.watched_folder import check_writable

ME = this_process()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(watch_folder(tmp_path / "Bounces"))
    yield serving
    serving.close()


@pytest.fixture
def stranger() -> Iterator[Owner]:
    """A process that lives as long as the test."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process_of(process.pid)
        process.kill()


def started(serving: Serving, owner: Owner, service: Owner, path: str = "Mix.wav") -> Bounce:
    bounce = discovered(serving, path, tiny(1))
    assert serving.ledger.start(bounce.id, owner, service)
    return serving.ledger.known(bounce.id)


def begin_again(serving: Serving, bounce: Bounce, owner: Owner) -> None:
    assert serving.ledger.start(bounce.id, owner, ME)


def test_what_a_worker_died_over_is_tried_once_more_and_then_fails(serving: Serving) -> None:
    owner = gone_process()
    bounce = started(serving, owner, ME)
    serving.item.died(bounce.id, owner)
    again = serving.ledger.known(bounce.id)
    assert (again.state, again.crashes) == (State.QUEUED, 1)
    begin_again(serving, bounce, owner)
    serving.item.died(bounce.id, owner)
    assert serving.ledger.known(bounce.id).state is State.FAILED
    assert serving.files()["Errors/Mix.txt"] == f"Mix.wav: {DIED}\n".encode()


def rename_table(serving: Serving, old: str, new: str) -> None:
    """Another program's hand in the ledger: without its table nothing can be asked of it."""
    with closing(sqlite3.connect(serving.layout.ledger)) as database:
        database.execute(f"ALTER TABLE {old} RENAME TO {new}")


@pytest.mark.parametrize("is_repaired", [False, True])
def test_a_bounce_whose_end_could_not_be_read_goes_on_and_its_path_is_seen_again(
    serving: Serving, is_repaired: bool
) -> None:
    serving.drop("Mix.wav", tiny(1))
    serving.notice()
    taken = serving.take()
    assert taken is not None
    if is_repaired:
        serving.repair(taken)
    rename_table(serving, "bounces", "elsewhere")
    with pytest.raises(OutputError, match="cannot be used"):
        serving.item.ended(taken.id, taken.path, "done")
    rename_table(serving, "elsewhere", "bounces")
    serving.item.tick()
    assert serving.ledger.known(taken.id).state is (State.UNCHANGED if is_repaired else State.QUEUED)
    serving.work_off()
    assert serving.bounce("Mix.wav", tiny(2)).state is State.UNCHANGED
    assert {"Restored/Mix.wav", "Restored/Mix (1).wav"} <= serving.files().keys()


def test_trouble_that_lasts_is_told_once_and_other_trouble_at_once(serving: Serving) -> None:
    for sentence in ("no room", "no room", "no disk", "no disk"):
        serving.item.in_trouble(OutputError(sentence))
    told = [line for level, line in serving.said if level == "warning"]
    assert told == [f"{serving.layout.root}: no room", f"{serving.layout.root}: no disk"]


def test_what_lies_ready_is_delivered_however_often_a_worker_dies(serving: Serving) -> None:
    owner = gone_process()
    bounce = started(serving, owner, ME)
    for _ in range(3):
        serving.ledger.plan(bounce.id, {"left": 1}, None, None, None)
        serving.item.died(bounce.id, owner)
        assert serving.ledger.known(bounce.id).state is State.QUEUED
        begin_again(serving, bounce, owner)


def test_what_another_has_taken_over_meanwhile_is_left_to_it(serving: Serving, stranger: Owner) -> None:
    bounce = started(serving, stranger, stranger)
    serving.item.died(bounce.id, gone_process())
    assert serving.ledger.known(bounce.id) == bounce
    serving.ledger.finish(bounce.id, State.DONE, "Done/Mix.wav", is_told=True)
    serving.item.died(bounce.id, stranger)
    serving.item.died(4711, stranger)
    assert serving.ledger.known(bounce.id).state is State.DONE


def test_a_failure_that_cannot_be_delivered_disturbs_nobody_and_is_tried_again(serving: Serving) -> None:
    serving.layout.at("Errors").write_bytes(b"no folder")
    owner = gone_process()
    bounce = started(serving, owner, ME)
    serving.item.died(bounce.id, owner)
    begin_again(serving, bounce, owner)
    serving.item.died(bounce.id, owner)
    serving.item.ended(bounce.id, bounce.path, "the process that worked on it died")
    serving.layout.at("Errors").unlink()
    serving.restart()
    assert serving.ledger.known(bounce.id).state is State.QUEUED
    assert serving.layout.at("Mix.wav").read_bytes() == tiny(1)


def test_what_a_service_that_is_gone_had_is_taken_over_with_the_next_start(serving: Serving) -> None:
    bounce = started(serving, gone_process(), gone_process())
    serving.restart()
    again = serving.ledger.known(bounce.id)
    assert (again.state, again.owner, again.crashes) == (State.QUEUED, None, 0)


def test_what_a_service_that_lives_has_is_its_own(serving: Serving, stranger: Owner) -> None:
    theirs = started(serving, stranger, stranger)
    died = started(serving, gone_process(), stranger, "Other.wav")
    serving.restart()
    assert serving.ledger.known(theirs.id) == theirs
    assert serving.ledger.known(died.id) == died


def test_what_was_parked_goes_on_with_the_next_start(serving: Serving) -> None:
    bounce = started(serving, gone_process(), ME)
    serving.ledger.park(bounce.id, "no room")
    serving.restart()
    assert serving.ledger.known(bounce.id).state is State.QUEUED


def test_leftovers_are_swept_with_the_next_start_unless_somebody_works(serving: Serving, stranger: Owner) -> None:
    part = serving.layout.at("Restored/.Mix.wav~0123abcd.rebounce.part")
    part.parent.mkdir()
    part.write_bytes(b"half")
    bounce = started(serving, stranger, stranger)
    serving.restart()
    assert part.exists()
    serving.ledger.finish(bounce.id, State.DONE, "Done/Mix.wav", is_told=True)
    serving.restart()
    assert not part.exists()
    assert ("info", "1 leftovers of a run that was broken off were removed") in serving.said


def test_a_stop_parks_what_runs_and_sweeps(serving: Serving) -> None:
    bounce = started(serving, gone_process(), ME)
    part = serving.layout.at("Restored/.Mix.wav~0123abcd.rebounce.part")
    part.parent.mkdir()
    part.write_bytes(b"half")
    serving.item.park_running([bounce.id])
    assert serving.ledger.known(bounce.id).state is State.PARKED
    assert not part.exists()


def test_while_work_has_to_wait_nothing_is_begun(tmp_path: Path) -> None:
    serving = Serving(watch_folder(tmp_path / "Bounces", spare_mb=1e9))
    try:
        discovered(serving, "Mix.wav", tiny(1))
        serving.item.tick()
        assert serving.item.next_bounce() is None
        assert any("nearly full" in line for _, line in serving.said)
    finally:
        serving.close()


def test_why_work_waits_stands_in_the_ledger_until_it_goes_on(tmp_path: Path) -> None:
    serving = Serving(watch_folder(tmp_path / "Bounces", spare_mb=1e9))
    try:
        serving.item.start()
        serving.item.tick()
        (reason,) = serving.ledger.waits().values()
        assert reason is not None
        assert "nearly full" in reason
        serving.item.pauses = Pauses(watch_folder(tmp_path / "Bounces"), serving.layout)
        while list(serving.ledger.waits().values()) != [None]:
            serving.item.tick()
    finally:
        serving.close()


def test_a_disk_that_is_nearly_full_is_said_once_while_its_room_changes(tmp_path: Path) -> None:
    with own_mounts():
        disk = mount_memory(tmp_path / "disk", 8)
        serving = Serving(watch_folder(disk / "Bounces", spare_mb=100))
        try:
            serving.item.tick()
            first = serving.item.pauses.reason
            (disk / "big").write_bytes(bytes(3_000_000))
            while serving.item.pauses.reason == first:
                serving.item.tick()
            assert sum("work waits" in line for _, line in serving.said) == 1
        finally:
            serving.close()


def test_a_bounce_that_cannot_begin_lets_others_pass_and_keeps_its_place(serving: Serving) -> None:
    for path in ("1.wav", "2.wav", "3.wav"):
        discovered(serving, path, tiny(1))
    passing = serving.item.next_bounce(lambda bounce: bounce.path != "1.wav")
    assert passing is not None
    assert passing.path == "2.wav"
    assert serving.item.next_bounce(lambda bounce: False) is None
    others = [serving.item.next_bounce() for _ in range(2)]
    assert [bounce and bounce.path for bounce in others] == ["1.wav", "3.wav"]


def test_a_tick_scans_looks_and_queues(serving: Serving) -> None:
    serving.drop("Mix.wav", tiny(1))
    serving.item.tick()
    assert [bounce.path for bounce in serving.ledger.in_state(State.QUEUED)] == ["Mix.wav"]
    assert serving.item.due_s() > 0


def test_what_was_heard_is_looked_at_with_the_next_tick(serving: Serving) -> None:
    serving.item.tick()
    serving.drop("Mix.wav", tiny(1))
    serving.item.hear("Mix.wav")
    serving.item.tick()
    assert [bounce.path for bounce in serving.ledger.in_state(State.QUEUED)] == ["Mix.wav"]


def test_a_folder_that_is_gone_is_waited_for_and_nothing_is_made_in_its_place(serving: Serving) -> None:
    discovered(serving, "Mix.wav", tiny(1))
    away = serving.layout.root.with_name("away")
    serving.layout.root.rename(away)
    serving.item.tick()
    assert serving.item.is_away
    assert serving.item.next_bounce() is None
    assert not serving.layout.root.exists()
    away.rename(serving.layout.root)


def test_a_folder_that_was_made_anew_has_a_ledger_of_its_own(serving: Serving) -> None:
    """And nothing is written into the one that was removed."""
    serving.bounce("Mix.wav", tiny(1))
    shutil.rmtree(serving.layout.root)
    serving.layout.root.mkdir()
    while not serving.layout.ledger.exists():
        serving.item.tick()
    while serving.item.is_away:
        serving.item.tick()
    assert serving.ledger.counts() == {}
    serving.bounce("New.wav", tiny(2))
    assert serving.files()["Restored/New.wav"] == tiny(2)
    serving.restart()
    assert [bounce.path for bounce in serving.ledger.in_state(State.UNCHANGED)] == ["New.wav"]


def test_a_folder_in_which_nothing_can_be_written_is_refused(tmp_path: Path) -> None:
    check_writable(tmp_path)
    assert os.listdir(tmp_path / ".rebounce") == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written to"):
        check_writable(tmp_path / "file")
    with pytest.raises(OutputError, match="cannot be written to"):
        check_writable(tmp_path / "none")


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="Permission denied"):
            check_writable(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_of_another_machine_what_runs_is_left_alone_at_first(serving: Serving) -> None:
    bounce = started(serving, replace(ME, host="elsewhere"), replace(ME, host="elsewhere"))
    serving.restart()
    serving.item.tick()
    assert serving.ledger.known(bounce.id) == bounce


def test_a_preset_that_cannot_be_used_holds_the_folder_up_and_not_the_bounces(serving: Serving) -> None:
    for path in ("1.wav", "2.wav"):
        discovered(serving, path, tiny(1))
    taken = serving.take()
    assert taken is not None
    why = "the preset of the folder cannot be used"
    serving.ledger.park(taken.id, why)
    serving.item.ended(taken.id, taken.path, why)
    assert serving.item.next_bounce() is None
    assert serving.item.pauses.reason == why


def test_several_services_may_try_a_folder_at_once(tmp_path: Path) -> None:
    ready = threading.Barrier(8)

    def look(number: int) -> None:
        ready.wait()
        for _ in range(200):
            check_writable(tmp_path)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, range(8)))
    assert list((tmp_path / ".rebounce").iterdir()) == []
