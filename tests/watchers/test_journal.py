import contextlib
import json
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from mounting import mount_memory, own_mounts

from rebounce.watchers.journal import NAME, Journal


class Ears:
    """What was told to people."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def __call__(self, level: str, sentence: str) -> None:
        self.heard.append((level, sentence))


@pytest.fixture
def ears() -> Ears:
    return Ears()


def journal(folder: Path, ears: Ears, *, log_mb: float = 5, keep_logs: int = 2) -> Journal:
    return Journal(folder, "Bounces", ears, log_mb=log_mb, keep_logs=keep_logs)


def lines(folder: Path, name: str = NAME) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]


def test_an_event_is_one_line_of_json_and_a_sentence_for_people(tmp_path: Path, ears: Ears) -> None:
    mine = journal(tmp_path / "state", ears)
    mine.event("queued", "Mix.wav: finished, queued", path="Mix.wav", id=7, reason=None)
    mine.event("failed", "Mix.wav: failed:\nbroken", "error")
    mine.close()
    first, second = lines(tmp_path / "state")
    assert datetime.fromisoformat(first.pop("time")).tzinfo is not None
    assert first == {
        "level": "info",
        "event": "queued",
        "folder": "Bounces",
        "message": "Mix.wav: finished, queued",
        "path": "Mix.wav",
        "id": 7,
        "reason": None,
    }
    assert (second["level"], second["message"]) == ("error", "Mix.wav: failed:\nbroken")
    assert ears.heard == [("info", "Mix.wav: finished, queued"), ("error", "Mix.wav: failed:\nbroken")]


def test_what_is_told_once_is_told_once_for_each_of_its_facts(tmp_path: Path, ears: Ears) -> None:
    mine = journal(tmp_path, ears)
    for _ in range(2):
        mine.once("unreadable", "a", path="a")
        mine.once("unreadable", "b", path="b")
        mine.once("trouble", "c")
    mine.close()
    assert [sentence for _, sentence in ears.heard] == ["a", "b", "c"]


def test_the_log_is_put_aside_when_it_is_large_and_the_oldest_are_dropped(tmp_path: Path, ears: Ears) -> None:
    mine = journal(tmp_path, ears, log_mb=0.001, keep_logs=2)
    for number in range(50):
        mine.event("queued", f"number {number}")
    mine.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, f"{NAME}.1", f"{NAME}.2"]
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    kept = [line["message"] for name in (f"{NAME}.2", f"{NAME}.1", NAME) for line in lines(tmp_path, name)]
    assert kept == [f"number {number}" for number in range(50 - len(kept), 50)]


def test_a_journal_goes_on_where_it_was(tmp_path: Path, ears: Ears) -> None:
    for number in range(2):
        mine = journal(tmp_path, ears)
        mine.event("queued", str(number))
        mine.close()
    assert [line["message"] for line in lines(tmp_path)] == ["0", "1"]


def test_after_it_was_closed_it_is_opened_for_the_next_event(tmp_path: Path, ears: Ears) -> None:
    mine = journal(tmp_path, ears)
    mine.event("queued", "0")
    mine.close()
    mine.event("queued", "1")
    mine.close()
    mine.close()
    assert len(lines(tmp_path)) == 2


def test_names_of_any_bytes_can_be_told(tmp_path: Path, ears: Ears) -> None:
    mine = journal(tmp_path, ears)
    mine.event("queued", "M\udcff.wav: queued", path="M\udcff.wav")
    mine.close()
    assert lines(tmp_path)[0]["path"] == "M\udcff.wav"


def test_a_folder_that_cannot_be_made_disturbs_nobody(tmp_path: Path, ears: Ears) -> None:
    (tmp_path / "state").write_bytes(b"no folder")
    mine = journal(tmp_path / "state", ears)
    mine.event("queued", "heard all the same")
    mine.close()
    assert ears.heard == [("info", "heard all the same")]
    assert (tmp_path / "state").read_bytes() == b"no folder"


@pytest.mark.parametrize("is_open", [True, False])
def test_nothing_is_made_in_the_place_of_a_folder_that_is_gone(tmp_path: Path, ears: Ears, is_open: bool) -> None:
    mine = journal(tmp_path / "state", ears)
    if is_open:
        mine.event("queued", "0")
    (tmp_path / "state").rename(tmp_path / "away")
    mine.event("away", "heard all the same")
    mine.close()
    assert not (tmp_path / "state").exists()
    assert ears.heard[-1] == ("info", "heard all the same")


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_full_disk_disturbs_nobody(tmp_path: Path, ears: Ears, capfd: pytest.CaptureFixture[str]) -> None:
    with own_mounts():
        disk = mount_memory(tmp_path / "disk", 0.5)
        mine = journal(disk, ears)
        mine.event("queued", "0")
        big = disk / "big"
        fill(big)
        for _ in range(100):
            mine.event("queued", "x" * 1000)
        big.unlink()
        mine.event("queued", "last")
        mine.close()
        assert (disk / NAME).read_text(encoding="utf-8").splitlines()[-1].endswith('"message": "last"}')
    assert len(ears.heard) == 102
    assert capfd.readouterr().err == ""


def test_several_threads_write_whole_lines(tmp_path: Path, ears: Ears) -> None:
    mine = journal(tmp_path, ears)

    def write(name: str) -> None:
        for _ in range(50):
            mine.event(name, name * 200)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mine.close()
    written = lines(tmp_path)
    assert len(written) == 200
    assert all(line["message"] == line["event"] * 200 for line in written)
