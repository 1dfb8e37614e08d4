import http.client
import json
import re
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from page_asking import Asker, page_of
from page_folders import begin, drop, failed, folder_at, mix, seen

from rebounce.watchers.ledger import Ledger
from rebounce.watchers.status import Watched
from rebounce.watchers.web.calls import Calls
from rebounce.watchers.web.feed import Feed, Shown, changes
from rebounce.watchers.web.shelf import Shelf, key_of

LONG_S = 30.0


class Looker:
    """Waits until what is shown is as a test wants it."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.news = threading.Semaphore(0)
        self.times = 0

    def wake(self) -> None:
        self.times += 1
        self.news.release()

    def until(self, is_so: Callable[[Shown], bool]) -> Shown:
        while True:
            shown = self.feed.shown
            if shown is not None and is_so(shown):
                return shown
            assert self.news.acquire(timeout=LONG_S)


@contextmanager
def looking_at(shelf: Shelf, healthy: Callable[[], bool] = lambda: True) -> Iterator[Looker]:
    feed = Feed(shelf, Calls(presets=list, healthy=healthy))
    looker = Looker(feed)
    feed.join(looker.wake)
    try:
        yield looker
    finally:
        feed.leave(looker.wake)
        feed.close()


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return folder_at(tmp_path / "Bounces")


def test_a_change_of_another_process_or_thread_is_seen(watched: Watched) -> None:
    key = key_of(watched)
    with looking_at(Shelf([watched])) as looker:
        assert looker.until(lambda shown: key in shown.folders).folders[key]["queue"] == []
        drop(watched, "Mix.wav", mix(0.5))
        with Ledger(watched.layout.ledger) as ledger:
            seen(ledger, watched, "Mix.wav")
        shown = looker.until(lambda shown: len(shown.folders[key]["queue"]) == 1)
        assert shown.folders[key]["queue"][0]["state"] == "queued"


def test_folders_that_come_and_go_with_the_config_are_shown(watched: Watched, tmp_path: Path) -> None:
    other, shelf = folder_at(tmp_path / "Other"), Shelf([watched])
    with looking_at(shelf) as looker:
        looker.until(lambda shown: list(shown.folders) == [key_of(watched)])
        shelf.replace([other, watched])
        looker.until(lambda shown: list(shown.folders) == [key_of(other), key_of(watched)])
        shelf.replace([other])
        assert looker.until(lambda shown: len(shown.folders) == 1).page["folders"] == [key_of(other)]


def test_a_folder_that_vanishes_is_said_and_seen_again_when_it_returns(watched: Watched, tmp_path: Path) -> None:
    key = key_of(watched)
    with looking_at(Shelf([watched])) as looker:
        looker.until(lambda shown: shown.folders[key]["problem"] is None)
        watched.layout.root.rename(tmp_path / "away")
        gone = looker.until(lambda shown: shown.folders[key]["problem"] is not None)
        assert "out of reach" in gone.folders[key]["problem"]
        (tmp_path / "away").rename(watched.layout.root)
        looker.until(lambda shown: shown.folders[key]["problem"] is None)


def test_a_share_that_vanishes_is_said_although_its_ledger_is_there(tmp_path: Path) -> None:
    watched = folder_at(tmp_path / "Share", state=tmp_path / "state")
    failed(watched, "Mix.wav")
    key = key_of(watched)
    with looking_at(Shelf([watched])) as looker:
        looker.until(lambda shown: shown.folders[key]["problem"] is None)
        watched.layout.root.rename(tmp_path / "away")
        gone = looker.until(lambda shown: shown.folders[key]["problem"] is not None)
        assert "out of reach" in gone.folders[key]["problem"]
        assert [row["name"] for row in gone.folders[key]["finished"]] == ["Mix.wav"]
        (tmp_path / "away").rename(watched.layout.root)
        looker.until(lambda shown: shown.folders[key]["problem"] is None)


def test_a_service_that_is_not_well_is_shown(watched: Watched) -> None:
    is_well = threading.Event()
    is_well.set()
    with looking_at(Shelf([watched]), is_well.is_set) as looker:
        looker.until(lambda shown: bool(shown.page["is_healthy"]))
        is_well.clear()
        looker.until(lambda shown: not shown.page["is_healthy"])


def test_a_fault_of_ours_is_said_once_and_looking_goes_on(watched: Watched) -> None:
    said: list[str] = []
    rounds = threading.Semaphore(0)
    is_mended = threading.Event()

    def healthy() -> bool:
        rounds.release()
        if not is_mended.is_set():
            raise RuntimeError("never thought of")
        return True

    calls = Calls(presets=list, healthy=healthy, say=lambda level, line: said.append(f"{level}: {line}"))
    feed = Feed(Shelf([watched]), calls)
    looker = Looker(feed)
    feed.join(looker.wake)
    for _ in range(3):
        assert rounds.acquire(timeout=LONG_S)
    is_mended.set()
    assert looker.until(lambda shown: bool(shown.page["is_healthy"])).folders
    feed.leave(looker.wake)
    feed.close()
    (sentence,) = [line for line in said if line.startswith("error: ")]
    assert "it is tried again: RuntimeError: never thought of" in sentence


def test_a_folder_that_cannot_be_shown_says_so_and_the_others_are_shown(watched: Watched, tmp_path: Path) -> None:
    other = folder_at(tmp_path / "Other")
    failed(watched, "Bad.wav")
    with sqlite3.connect(watched.layout.ledger) as database:
        database.execute("UPDATE bounces SET record = '[1]'")
    database.close()
    with looking_at(Shelf([watched, other])) as looker:
        shown = looker.until(lambda shown: len(shown.folders) == 2)
        assert "cannot be shown" in shown.folders[key_of(watched)]["problem"]
        assert shown.folders[key_of(other)]["problem"] is None
        with sqlite3.connect(watched.layout.ledger) as database:
            database.execute("UPDATE bounces SET record = NULL")
        database.close()
        looker.until(lambda shown: shown.folders[key_of(watched)]["problem"] is None)


def test_while_nobody_looks_there_is_no_thread(watched: Watched) -> None:
    feed = Feed(Shelf([watched]), Calls(presets=list))
    assert not [thread for thread in threading.enumerate() if thread.name == "page feed"]
    looker = Looker(feed)
    feed.join(looker.wake)
    looker.until(lambda shown: True)
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "page feed"]
    feed.leave(looker.wake)
    thread.join(LONG_S)
    assert not thread.is_alive()
    feed.join(looker.wake)  # and one that comes back finds a new one
    assert looker.news.acquire(timeout=LONG_S)
    feed.close()


def view(**values: object) -> dict[str, object]:
    row = {"id": 1, "state": "running", "progress": 0.1, "eta_s": 9.0}
    return {"key": "k", "queue": [row | values], "finished": []}


def test_only_what_changed_is_told() -> None:
    page = {"folders": ["k"]}
    old = Shown(page=page, folders={"k": view()})
    assert changes(None, old) == [("page", page), ("folder", view())]
    assert changes(old, old) == []
    moved = Shown(page=page, folders={"k": view(progress=0.2, eta_s=8.0)})
    assert changes(old, moved) == [("progress", {"key": "k", "running": [[1, 0.2, 8.0]]})]
    other = Shown(page=page, folders={"k": view(state="queued", progress=None)})
    assert changes(old, other) == [("folder", view(state="queued", progress=None))]
    unwell = Shown(page=page | {"is_healthy": False}, folders={"k": view()})
    assert changes(old, unwell) == [("page", unwell.page)]


Told = list[tuple[str, Any]]


def events(text: str) -> Told:
    """What a browser makes of a stream: whole events, each a name and its data."""
    told = []
    for block in text.split("\n\n")[:-1]:
        lines = [line for line in re.split("[\r\n]+", block) if line]
        fields = dict(line.split(": ", 1) for line in lines)
        if "event" in fields:
            assert len(lines) == 2, block
            told.append((fields["event"], json.loads(fields["data"])))
    return told


def heard(page: Asker, begin_work: Callable[[], object], is_enough: Callable[[Told], bool]) -> Told:
    """What the stream says from its start until it is enough; the work begins when it has said what there was."""
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=LONG_S)
    try:
        connection.request("GET", "/events")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
        text, has_begun = b"", False
        while not is_enough(told := events(text.decode("ascii"))):
            if not has_begun and told and told[-1][0] == "folder":
                begin_work()
                has_begun = True
            piece = answer.read1(65_536)
            assert piece
            text += piece
        return told
    finally:
        connection.close()


def test_the_stream_tells_everything_first_and_then_each_change(watched: Watched) -> None:
    drop(watched, "Mix.wav", mix(0.5))
    with Ledger(watched.layout.ledger) as ledger, page_of(watched) as page:
        id = seen(ledger, watched, "Mix.wav")

        def work() -> None:
            begin(ledger, watched, id)
            ledger.progress(id, 0.5)

        told = heard(page, work, lambda told: bool(told) and "running" in str(told[-1]) and "0.5" in str(told[-1]))
    assert [name for name, _ in told[:2]] == ["page", "folder"]
    assert told[0][1]["folders"] == [key_of(watched)]
    assert told[1][1]["queue"][0]["state"] == "queued"
    assert {name for name, _ in told[2:]} <= {"folder", "progress"}


@pytest.mark.skipif(sys.platform == "win32", reason="names that Windows does not have")
def test_a_name_cannot_break_out_of_the_stream(watched: Watched) -> None:
    name = 'Mix\n\nevent: page\ndata: {}\r\n\u2028"<script>.wav'
    with page_of(watched) as page:
        told = heard(page, lambda: failed(watched, name), lambda told: "failed', 'preset" in str(told))
    assert [event for event, _ in told if event == "page"] == ["page"]
    assert told[-1][1]["finished"][0]["name"] == name
