import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bouncing import Serving, discovered, gone_process, tiny, watch_folder

from rebounce.watchers.bounce import Stamp, State
from rebounce.watchers.delivery_plan import Move, Plan
from rebounce.watchers.processes import process_of, this_process
from rebounce.watchers.sweep import is_anybody_working, sweep

PART = ".Mix.wav~0123abcd.rebounce.part"


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(watch_folder(tmp_path / "Bounces"))
    yield serving
    serving.close()


def lay(serving: Serving, path: str) -> Path:
    place = serving.layout.at(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"x")
    return place


def test_parts_that_nobody_needs_are_removed_from_our_folders(serving: Serving) -> None:
    parts = [f"{room}/{PART}" for room in ("Restored", "Restored/Album", "Done", "Errors/A/B")]
    for path in parts:
        lay(serving, path)
    assert sorted(sweep(serving.layout, serving.ledger)) == sorted(parts)
    assert serving.files() == {}
    assert sweep(serving.layout, serving.ledger) == []


def test_everything_else_stays(serving: Serving) -> None:
    kept = ["Restored/Mix.wav", "Restored/x.rebounce.part", "Restored/.hidden", "Done/.Mix.wav.part", PART, f"A/{PART}"]
    for path in kept:
        lay(serving, path)
    assert sweep(serving.layout, serving.ledger) == []
    assert sorted(serving.files()) == sorted(kept)


@pytest.mark.parametrize("state", [State.QUEUED, State.PARKED, State.RUNNING])
def test_parts_that_a_plan_needs_stay(serving: Serving, state: State) -> None:
    bounce = discovered(serving, "Mix.wav", tiny(1))
    assert serving.ledger.start(bounce.id, serving.owner, serving.owner)
    needed = [f"Restored/{PART}", "Restored/.Mix.wav.json~0123abcd.rebounce.part"]
    plan = Plan(
        outcome=State.DONE,
        stamp=Stamp(size=1, mtime_ns=1),
        publish=(Move(source=needed[0], target="Restored/Mix.wav"),),
        side=Move(source=needed[1], target="Restored/Mix.wav"),
    )
    serving.ledger.plan(bounce.id, plan.to_dict(), None, None, None)
    if state is State.QUEUED:
        serving.ledger.again(bounce.id, "later")
    elif state is State.PARKED:
        serving.ledger.park(bounce.id, "no room")
    for path in [*needed, "Restored/.Other.wav~0123abcd.rebounce.part"]:
        lay(serving, path)
    assert sweep(serving.layout, serving.ledger) == ["Restored/.Other.wav~0123abcd.rebounce.part"]
    assert sorted(path for path in serving.files() if path != "Mix.wav") == sorted(needed)
    if state is not State.RUNNING:
        serving.ledger.unpark()
        assert serving.ledger.start(bounce.id, serving.owner, serving.owner)
    serving.ledger.finish(bounce.id, State.DONE, "Done/Mix.wav", is_told=True)
    assert sorted(sweep(serving.layout, serving.ledger)) == sorted(needed)


def test_a_part_that_somebody_writes_stays(serving: Serving) -> None:
    place = lay(serving, f"Restored/{PART}")
    code = (
        "import sys; from pathlib import Path; from rebounce.engine.part_lock import claim\n"
        "file = claim(Path(sys.argv[1]), 0o600); file.write(b'half'); file.flush(); print(flush=True); input()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(place)], **pipes) as writer:  # type: ignore[call-overload]
        assert writer.stdout is not None
        writer.stdout.readline()
        assert sweep(serving.layout, serving.ledger) == []
        assert place.read_bytes() == b"half"
        writer.kill()
        writer.wait()
    assert sweep(serving.layout, serving.ledger) == [f"Restored/{PART}"]


def test_a_link_of_that_name_is_not_followed(serving: Serving) -> None:
    target = lay(serving, "precious.txt")
    serving.layout.at("Restored").mkdir()
    serving.layout.at(f"Restored/{PART}").symlink_to(target)
    sweep(serving.layout, serving.ledger)
    assert target.read_bytes() == b"x"


def test_somebody_works_while_a_process_that_has_a_bounce_lives(serving: Serving) -> None:
    assert not is_anybody_working(serving.ledger)
    bounce = discovered(serving, "Mix.wav", tiny(1))
    assert not is_anybody_working(serving.ledger)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert serving.ledger.start(bounce.id, process_of(process.pid), this_process())
        assert is_anybody_working(serving.ledger)
        process.kill()
        process.wait()
        assert not is_anybody_working(serving.ledger)


def test_of_another_machine_nobody_can_say_that_it_does_not_work(serving: Serving) -> None:
    bounce = discovered(serving, "Mix.wav", tiny(1))
    assert serving.ledger.start(bounce.id, replace(gone_process(), host="elsewhere"), this_process())
    assert is_anybody_working(serving.ledger)
