"""What a power cut may take: nothing of which the ledger has been told that it is there."""

import errno
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bouncing import HALF, NOT_AUDIO, Serving, tiny, watch_folder
from mounting import counted_as_share, mount_memory, own_mounts
from recording_syncs import MADE, SAID, TAKEN, Deeds, number_of, recorded

from rebounce.watchers.ledger import Ledger
from rebounce.watchers.processes import this_process

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot sync a folder")


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    chain = tmp_path / "half.toml"
    chain.write_text(HALF, encoding="utf-8")
    serving = Serving(watch_folder(tmp_path / "Bounces", str(chain), saves_chain=True))
    yield serving
    serving.close()


def told(deeds: Deeds, *steps: str) -> list[int]:
    """When the ledger was told one of these."""
    return [place for step in steps for place in deeds.where(SAID, step)]


def of_ours(serving: Serving, paths: set[str]) -> set[str]:
    """Those in our own folders; what users drop is theirs to keep."""
    found = {Path(path).relative_to(serving.layout.root).as_posix() for path in paths}
    return {path for path in found if serving.layout.is_reserved(path)}


def no_links(*_: object, **__: object) -> None:
    """What a file system without links answers, of which there is none at hand."""
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("has_links", [True, False])
def test_every_name_is_safe_before_the_ledger_is_told_of_it(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    if not has_links:
        monkeypatch.setattr(os, "link", no_links)
    with recorded() as deeds:
        serving.bounce("Album/Mix.wav", tiny(1))
        serving.bounce("Album/Mix.wav", tiny(2))  # which sets the first one aside
        serving.bounce("Album/Other.wav", tiny(1))  # whose result is copied
        serving.bounce("Bad.wav", NOT_AUDIO)
    made = {Path(deeds.all[place].path).name for place in deeds.where(MADE)}
    names = {f"{stem}{end}" for stem in ("Mix", "Mix (1)", "Other") for end in (".wav", ".json", ".chain.toml")}
    assert names | {"Restored", "Done", "Errors", "Album", "Bad.wav", "Bad.txt"} <= made
    moments = told(deeds, "ledger.plan", "ledger.replan", "ledger.finish")
    assert len(moments) == 4 + 1 + 4
    assert {moment: unsafe for moment in moments if (unsafe := of_ours(serving, deeds.unsafe_names(moment)))} == {}


def test_every_file_is_safe_before_it_gets_its_name(serving: Serving) -> None:
    with recorded() as deeds:
        serving.bounce("Mix.wav", tiny(1))
        serving.bounce("Other.wav", tiny(1))
        serving.bounce("Bad.wav", NOT_AUDIO)
    ours = [
        *(f"Restored/{stem}{end}" for stem in ("Mix", "Other") for end in (".wav", ".json", ".chain.toml")),
        "Errors/Bad.txt",
    ]
    for name in ours:
        (place,) = deeds.where(MADE, f"/{name}")
        assert deeds.is_synced(deeds.all[place].number, range(place)), name


def is_taken_away_last(deeds: Deeds, serving: Serving, name: str) -> bool:
    """Whether an original left its place when the folder that it went to had been synced with its name in it."""
    (place,) = deeds.where(MADE, f"/Done/{name}")
    (end,) = deeds.where(TAKEN, f"/{serving.layout.root.name}/{name}")
    return deeds.is_synced(deeds.all[place].folder, range(place, end))


def test_an_original_leaves_its_place_when_its_new_one_is_safe(serving: Serving) -> None:
    with recorded() as deeds:
        serving.bounce("Mix.wav", tiny(1))
    assert is_taken_away_last(deeds, serving, "Mix.wav")


def test_an_original_leaves_its_place_when_its_new_one_on_another_disk_is_safe(serving: Serving) -> None:
    with own_mounts():
        mount_memory(serving.layout.at("Done"), 4)
        with recorded() as deeds:
            serving.bounce("Mix.wav", tiny(1))
        assert is_taken_away_last(deeds, serving, "Mix.wav")
        (place,) = deeds.where(MADE, "/Done/Mix.wav")
        assert deeds.is_synced(number_of(serving.layout.at("Done/Mix.wav")), range(place))


def test_an_original_whose_content_lies_there_already_leaves_when_that_is_safe(serving: Serving) -> None:
    serving.layout.at("Done").mkdir()
    serving.layout.at("Done/Mix.wav").write_bytes(tiny(1))
    with recorded() as deeds:
        serving.bounce("Mix.wav", tiny(1))
    (end,) = deeds.where(TAKEN, "/Bounces/Mix.wav")
    assert deeds.is_synced(number_of(serving.layout.at("Done")), range(end))


# -- the ledger

FULL = 2  # of SQLite's "synchronous"
WITH_LOG, WITH_JOURNAL = b"\x02\x02", b"\x01\x01"
"""The bytes of a database that say how it is written."""


def manner(path: Path) -> bytes:
    return path.read_bytes()[18:20]


def test_each_change_of_the_ledger_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What SQLite calls FULL, and asked for by name: there are builds of it that take less of themselves, and lose the
    last changes before a power cut."""
    asked: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        database: sqlite3.Connection = connect(*arguments, **options)
        database.set_trace_callback(asked.append)
        return database

    monkeypatch.setattr(sqlite3, "connect", traced)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert "PRAGMA synchronous = FULL" in asked
        assert ledger._file._database.execute("PRAGMA synchronous").fetchone()[0] == FULL


def test_on_a_local_disk_the_ledger_has_a_log_of_changes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.unpark()
        assert manner(path) == WITH_LOG
        assert path.with_name(f"{path.name}-wal").exists()


def test_on_a_share_the_ledger_has_no_log_of_changes_which_would_need_shared_memory(tmp_path: Path) -> None:
    """A home folder may be a share."""
    path = tmp_path / "home/ledger.sqlite"
    path.parent.mkdir()
    with counted_as_share(path.parent, tmp_path / "mounts"), Ledger(path) as ledger:
        ledger.serve(this_process(), "auto")
        assert manner(path) == WITH_JOURNAL
        assert sorted(os.listdir(path.parent)) == ["ledger.sqlite", "ledger.sqlite-journal"]
        assert path.with_name("ledger.sqlite-journal").read_bytes() == b""  # cut off with each change, and kept


def test_a_ledger_that_came_to_a_share_loses_its_log_of_changes_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "home/ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.serve(this_process(), "auto")
    assert manner(path) == WITH_LOG
    with counted_as_share(path.parent, tmp_path / "mounts"), Ledger(path) as ledger:
        assert manner(path) == WITH_JOURNAL
        assert ledger.services() == {this_process(): "auto"}
