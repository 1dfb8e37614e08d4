import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bouncing import HALF, NOT_AUDIO, tiny
from service_here import Base, Running, states

from rebounce.engine.errors import UsageError
from rebounce.watchers import config_reload
from rebounce.watchers.bounce import State
from rebounce.watchers.failing import DIED
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.processes import Owner
from rebounce.watchers.settings import WatchPlan


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Base]:
    base = Base(tmp_path)
    yield base
    base.close()


def test_once_works_off_what_is_there_and_ends(base: Base) -> None:
    for number in range(3):
        base.drop(f"Bounces/A/{number}.wav", tiny(number))
    folder = base.folder()
    assert base.once(folder) == 0
    expected = {f"{room}/A/{n}.wav" for room in ("Restored", "Done") for n in range(3)}
    assert base.files() == expected | {f"Restored/A/{n}.json" for n in range(3)}
    assert sorted(record["input"] for record in base.told.records) == [
        str(folder.path / f"A/{n}.wav") for n in range(3)
    ]
    assert states(folder) == {State.UNCHANGED: 3}
    assert base.once(folder) == 0
    assert len(base.told.records) == 3


def test_once_with_a_failure_says_so_and_the_others_are_done(base: Base) -> None:
    base.drop("Bounces/bad.wav", NOT_AUDIO)
    base.drop("Bounces/good.wav", tiny(1))
    assert base.once(base.folder()) == 1
    assert {"Errors/bad.wav", "Errors/bad.txt", "Restored/good.wav", "Done/good.wav"} <= base.files()
    assert sorted(record["status"] for record in base.told.records) == ["error", "unchanged"]


def test_each_folder_has_its_own_preset_and_ledger(base: Base) -> None:
    chain = base.path / "half.toml"
    chain.write_text(HALF, encoding="utf-8")
    for name in ("One", "Two"):
        base.drop(f"{name}/Mix.wav", tiny(1))
    folders = (base.folder("One"), base.folder("Two", str(chain)))
    assert base.once(*folders, processes=2) == 0
    assert [states(folder) for folder in folders] == [{State.UNCHANGED: 1}, {State.DONE: 1}]
    assert (base.path / "One/Restored/Mix.wav").read_bytes() == tiny(1)
    assert (base.path / "Two/Restored/Mix.wav").read_bytes() != tiny(1)


def test_a_preset_that_cannot_be_used_is_refused_before_anything_is_touched(base: Base) -> None:
    base.drop("Bounces/Mix.wav", tiny(1))
    service = base.service(base.folder(), base.folder("Other", "no-such-preset"))
    with pytest.raises(UsageError, match="no-such-preset"):
        service.prepare()
    service.close()
    assert base.files() == {"Mix.wav"}
    assert not (base.path / "Bounces" / ".rebounce").exists()


def test_a_worker_that_dies_fails_that_file_only_and_only_the_second_time(base: Base) -> None:
    for name in ("a", "bad", "c"):
        base.drop(f"Bounces/{name}.wav", tiny(1) + name.encode())
    folder = base.folder()
    left = {"bad.wav": 2, "c.wav": 1}
    killed: set[Owner] = set()

    def kill(line: str) -> None:
        """At the first word after work on one of these has begun."""
        with Ledger(folder.path / ".rebounce" / "ledger.sqlite") as ledger:
            for bounce in ledger.in_state(State.RUNNING):
                if bounce.owner is not None and bounce.owner not in killed and left.get(bounce.path):
                    left[bounce.path] -= 1
                    killed.add(bounce.owner)
                    os.kill(bounce.owner.pid, signal.SIGKILL)

    base.told.on_say = kill
    assert base.once(folder) == 1
    assert (folder.path / "Errors/bad.txt").read_text(encoding="utf-8") == f"bad.wav: {DIED}\n"
    assert {"Restored/a.wav", "Restored/c.wav", "Done/a.wav", "Done/c.wav", "Errors/bad.wav"} <= base.files()
    assert (left, len(killed)) == ({"bad.wav": 0, "c.wav": 0}, 3)


def test_what_comes_while_it_runs_is_restored(base: Base) -> None:
    folder = base.folder(settle_s=0.05, give_up_s=0.05)
    with Running(base.service(folder)) as running:
        base.drop("Bounces/Mix.wav", tiny(1))
        base.told.wait_for(base.path / "Bounces/Mix.wav")
        assert running.service.is_well
        base.drop("Bounces/Album/New.wav", tiny(2))
        base.told.wait_for(base.path / "Bounces/Album/New.wav")
    assert states(folder) == {State.UNCHANGED: 2}


def test_a_polling_service_needs_no_observer(base: Base) -> None:
    with Running(base.service(base.folder(poll=True, poll_s=0.05, settle_s=0.05, give_up_s=0.05))):
        base.drop("Bounces/Mix.wav", tiny(1))
        base.told.wait_for(base.path / "Bounces/Mix.wav")


def test_on_a_share_the_ledger_lies_elsewhere_and_jobs_are_claimed(base: Base) -> None:
    base.drop("Bounces/Mix.wav", tiny(1))
    folder = base.folder(is_share=True)
    assert base.once(folder) == 0
    assert not (folder.path / ".rebounce" / "ledger.sqlite").exists()
    assert list((folder.path / ".rebounce" / "claims").iterdir()) == []
    (ledger,) = (base.path / "state").glob("*/ledger.sqlite")
    assert ledger.parent.name.startswith("Bounces-")


def test_two_services_on_one_folder_do_each_file_once(base: Base) -> None:
    for number in range(10):
        base.drop(f"Bounces/{number}.wav", tiny(number))
    folder = base.folder(settle_s=0.05, give_up_s=0.05)
    with Running(base.service(folder)), Running(base.service(folder)):
        for number in range(10):
            base.told.wait_for(folder.path / f"{number}.wav")
    assert states(folder) == {State.UNCHANGED: 10}
    assert len(base.told.records) == 10
    rooms = [{path for path in base.files() if path.startswith(room)} for room in ("Restored/", "Done/")]
    assert [len(room) for room in rooms] == [20, 10]


def test_a_config_that_changes_is_served_without_a_restart(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_reload, "LOOK_S", 0.0)
    config = base.path / "rebounce.toml"
    config.write_text("1", encoding="utf-8")
    one, two = base.folder("One"), base.folder("Two")
    plans = [WatchPlan(folders=(two,), config=config)]
    with Running(base.service(one, config=config, read_plan=lambda: plans[-1])):
        base.drop("One/Mix.wav", tiny(1))
        base.told.wait_for(base.path / "One/Mix.wav")
        plans.append(WatchPlan(folders=(one, two), processes=2, config=config))
        config.write_text("two folders", encoding="utf-8")
        base.told.wait_until(lambda: len(base.told.folders) == 1)
        base.drop("Two/New.wav", tiny(2))
        base.told.wait_for(base.path / "Two/New.wav")
        plans.append(WatchPlan(folders=(two,), config=config))
        config.write_text("one folder only", encoding="utf-8")
        base.told.wait_until(lambda: len(base.told.folders) == 2)
    assert base.told.folders == [["One", "Two"], ["Two"]]


def test_a_config_that_cannot_be_used_is_told_and_the_old_one_served(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_reload, "LOOK_S", 0.0)
    config = base.path / "rebounce.toml"
    config.write_text("1", encoding="utf-8")
    folder = base.folder(settle_s=0.05, give_up_s=0.05)
    bad = replace(folder, preset="no-such-preset")
    with Running(base.service(folder, config=config, read_plan=lambda: WatchPlan(folders=(bad,), config=config))):
        config.write_text("broken", encoding="utf-8")
        base.told.wait_until(lambda: any(level == "error" for level, _ in base.told.lines))
        base.drop("Bounces/Mix.wav", tiny(1))
        base.told.wait_for(base.path / "Bounces/Mix.wav")


def test_a_retry_is_heard_of_at_once(base: Base) -> None:
    base.drop("Bounces/Mix.wav", NOT_AUDIO)
    folder = base.folder()
    with Running(base.service(folder)) as running:
        base.told.wait_for(folder.path / "Mix.wav", "error")
        with Ledger(folder.path / ".rebounce" / "ledger.sqlite") as ledger:
            (failed,) = ledger.in_state(State.FAILED)
            (folder.path / "Errors/Mix.wav").write_bytes(tiny(1))  # mended by hand
            assert ledger.retry(failed.id)
        running.service.wake()
        base.told.wait_for(base.path / "Bounces/Mix.wav")
    assert {path for path in base.files() if not path.endswith(".json")} == {"Restored/Mix.wav", "Done/Mix.wav"}


def test_the_service_itself_loads_no_audio_library() -> None:
    code = (
        "import sys, rebounce.watchers.service, rebounce.watchers.watch_file\n"
        "heavy = ('numpy', 'soundfile', 'scipy', 'onnxruntime', 'pedalboard', 'mutagen', 'rich', 'torch')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
