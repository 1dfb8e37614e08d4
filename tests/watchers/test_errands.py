import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bouncing import NOT_AUDIO, Serving, tiny, watch_folder

from rebounce.watchers import errands
from rebounce.watchers.bounce import Bounce, State
from rebounce.watchers.errands import MOST_AT_ONCE, Errands
from rebounce.watchers.journal import Journal

Make = Callable[..., "Running"]
IN_TIME_S = 60.0
NOTE = """
import json, os, sys, uuid
place = os.path.join({folder!r}, uuid.uuid4().hex)
with open(place + ".new", "w") as file:
    json.dump({{"arguments": sys.argv[1:], "folder": os.getcwd(), "input": sys.stdin.read()}}, file)
os.rename(place + ".new", place)
while {waits} and not os.path.exists({go!r}):
    pass
sys.exit({code})
"""


class Running:
    """A folder whose commands note what they were called with."""

    def __init__(self, base: Path, *, waits: bool = False, code: int = 0, **settings: Any) -> None:
        self.notes = base / "notes"
        self.notes.mkdir()
        self.go = base / "go"
        script = base / "note it.py"
        text = NOTE.format(folder=str(self.notes), waits=waits, go=str(self.go), code=code)
        script.write_text(text, encoding="utf-8")
        self.command = (sys.executable, str(script))
        told: dict[str, Any] = {
            key: (*self.command, *value) for key, value in settings.items() if isinstance(value, tuple)
        }
        kept = {key: value for key, value in settings.items() if not isinstance(value, tuple)}
        self.serving = Serving(watch_folder(base / "Bounces", **kept, **told))
        self.said: list[str] = []
        journal = Journal(base / "log", "test", lambda level, line: self.said.append(line), log_mb=1, keep_logs=0)
        self.journal = journal
        self.errands = Errands(self.serving.folder, self.serving.layout, self.serving.ledger, journal)

    def close(self) -> None:
        self.go.touch()
        self.ended()
        self.journal.close()
        self.serving.close()

    def bounce(self, path: str, content: bytes) -> Bounce:
        bounce = self.serving.bounce(path, content)
        self.errands.expect()
        return bounce

    def ended(self) -> None:
        """Look after the commands until all have ended."""
        self.until(lambda: self.errands.are_done)

    def until(self, is_so: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + IN_TIME_S
        self.errands.tick()
        while not is_so():
            assert time.monotonic() < deadline_s
            self.errands.tick()

    def called(self) -> list[list[str]]:
        found = [json.loads(path.read_text(encoding="utf-8")) for path in self.notes.iterdir() if not path.suffix]
        assert all(note["folder"] == str(self.serving.layout.root) and note["input"] == "" for note in found)
        return sorted(note["arguments"] for note in found)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Running] = []

    def run(**settings: Any) -> Running:
        made.append(Running(tmp_path, **settings))
        return made[-1]

    yield run
    for running in made:
        running.close()


WORDS = ("{status}", "{input}", "{output}", "{record}", "{original}", "{error}")


def test_what_was_done_is_told_with_its_places(make: Make) -> None:
    running = make(on_done=WORDS)
    running.bounce("A b/Mix $(x);.wav", tiny(1))
    running.ended()
    root = running.serving.layout.root
    assert running.called() == [
        [
            "unchanged",
            f"{root}/A b/Mix $(x);.wav",
            f"{root}/Restored/A b/Mix $(x);.wav",
            f"{root}/Restored/A b/Mix $(x);.json",
            f"{root}/Done/A b/Mix $(x);.wav",
            "",
        ]
    ]
    assert running.serving.ledger.untold() == []
    assert running.said == []


def test_what_failed_is_told_with_its_sentence(make: Make) -> None:
    running = make(on_failed=WORDS, on_done=("not this one",))
    failed = running.bounce("Mix.wav", NOT_AUDIO)
    running.ended()
    root = running.serving.layout.root
    assert failed.reason is not None
    assert running.called() == [
        ["error", f"{root}/Mix.wav", "", f"{root}/Errors/Mix.txt", f"{root}/Errors/Mix.wav", failed.reason]
    ]


def test_nothing_is_told_twice_and_nothing_before_it_is_done(make: Make) -> None:
    running = make(on_done=("{input}",))
    running.serving.drop("Mix.wav", tiny(1))
    running.serving.notice()
    running.errands.tick()
    assert running.errands.are_done
    running.serving.work_off()
    running.errands.expect()
    for _ in range(3):
        running.ended()
        running.errands.expect()
    assert len(running.called()) == 1


def test_what_was_not_told_when_a_run_ended_is_told_in_the_next(make: Make) -> None:
    running = make(on_done=("{input}",))
    running.bounce("Mix.wav", tiny(1))
    journal, serving = running.journal, running.serving
    running.errands = Errands(serving.folder, serving.layout, serving.ledger, journal)
    running.ended()
    assert len(running.called()) == 1


def test_so_many_run_at_once_and_none_is_forgotten(make: Make) -> None:
    running = make(on_done=("{input}",), waits=True)
    for number in range(3):
        running.bounce(f"{number}.wav", tiny(number))
    running.until(lambda: len(running.called()) == 3)
    for number in range(3, 3 + 2 * MOST_AT_ONCE):
        running.bounce(f"{number}.wav", tiny(number))
    running.until(lambda: len(running.called()) == MOST_AT_ONCE)
    for _ in range(50):
        running.errands.tick()
    assert len(running.called()) == MOST_AT_ONCE
    running.go.touch()
    running.until(lambda: len(running.called()) == 3 + 2 * MOST_AT_ONCE)
    running.ended()
    assert running.serving.ledger.untold() == []


def test_a_command_that_ends_badly_is_told_and_changes_nothing(make: Make) -> None:
    running = make(on_done=("{input}",), code=3)
    bounce = running.bounce("Mix.wav", tiny(1))
    running.ended()
    assert running.said == ["the on_done command for Mix.wav ended with code 3"]
    assert running.serving.ledger.known(bounce.id).state is State.UNCHANGED


def test_a_command_that_cannot_be_started_is_told_and_not_tried_again(make: Make, tmp_path: Path) -> None:
    running = make()
    folder = watch_folder(running.serving.layout.root, on_done=(str(tmp_path / "none"), "{input}"))
    running.serving.folder = folder
    running.bounce("Mix.wav", tiny(1))
    running.errands = Errands(folder, running.serving.layout, running.serving.ledger, running.journal)
    running.ended()
    running.ended()
    none = tmp_path / "none"
    said = f"the on_done command for Mix.wav could not be started: {none} (No such file or directory)"
    assert running.said == [said]


def test_without_a_command_there_is_nothing_to_tell(make: Make) -> None:
    running = make()
    running.bounce("Mix.wav", tiny(1))
    running.errands.tick()
    assert running.errands.are_done
    assert running.serving.ledger.untold() == []


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes are Linux's")
def test_a_name_of_any_bytes_is_told_as_it_is(make: Make) -> None:
    running = make(on_done=("{input}",))
    running.bounce("M\udcff.wav", tiny(1))
    running.ended()
    assert running.called() == [[f"{running.serving.layout.root}/M\udcff.wav"]]


def test_a_command_that_does_not_end_is_stopped_and_not_run_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    running = make(waits=True, on_done=("{input}",))
    bounce = running.bounce("Mix.wav", tiny(1))
    running.until(lambda: len(running.called()) == 1)
    (errand,) = running.errands._running
    running.errands.tick()
    assert errand.process.poll() is None
    monkeypatch.setattr(errands, "LIMIT_S", 0.0)
    running.ended()
    assert errand.process.poll() is not None
    assert [line for line in running.said if "was stopped" in line] != []
    running.errands.expect()
    running.ended()
    assert len(running.called()) == 1
    assert running.serving.ledger.untold() == []
    assert running.serving.ledger.known(bounce.id).state is State.UNCHANGED
