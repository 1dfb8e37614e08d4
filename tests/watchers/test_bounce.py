import os
from pathlib import Path

import pytest
from bouncing import Serving, tiny, watch_folder
from hypothesis import given
from hypothesis import strategies as st

from rebounce.watchers.bounce import FINISHED, Stamp, State, bounce_from, from_bytes, stamp_of, stem_of, to_bytes
from rebounce.watchers.processes import this_process

NO_BOUNCE = {"state": "asleep", "path": b"", "stem": b"", "is_removed": 0, "source": b"", "size": 0, "mtime_ns": 0}


@given(name=st.binary(max_size=50))
def test_a_path_of_any_bytes_comes_back_as_it_was(name: bytes) -> None:
    assert to_bytes(from_bytes(name)) == name


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("Mix.wav", "mix"),
        ("Album/MIX.flac", "album/mix"),
        ("Mix.v2.wav", "mix.v2"),
        ("Mix", "mix"),
        ("M\udcff.wav", "m\udcff"),
        (".wav", ".wav"),
    ],
)
def test_bounces_that_may_want_the_same_names_have_one_stem(path: str, stem: str) -> None:
    assert stem_of(path) == stem


def test_a_path_is_told_as_python_tells_it() -> None:
    name = b"M\xffx \xc3\xa4.wav"
    assert from_bytes(name) == os.fsdecode(name)


def test_a_stamp_changes_with_the_size_and_with_the_time(tmp_path: Path) -> None:
    path = tmp_path / "Mix.wav"
    path.write_bytes(b"123")
    os.utime(path, ns=(5, 7_000_000_001))
    assert stamp_of(path.stat()) == Stamp(size=3, mtime_ns=7_000_000_001)
    path.write_bytes(b"1234")
    os.utime(path, ns=(5, 7_000_000_001))
    assert stamp_of(path.stat()) == Stamp(size=4, mtime_ns=7_000_000_001)


def test_the_states_are_those_of_the_schema(tmp_path: Path) -> None:
    script = Path("watchers/sql/0001-bounces.sql")
    schema = (Path(__file__).parents[2] / script).read_text(encoding="utf-8")
    assert all(f"'{state}'" in schema for state in State)
    assert set(FINISHED) == {State.DONE, State.UNCHANGED, State.FAILED}


def test_a_row_becomes_a_bounce_with_its_tables_and_owners(tmp_path: Path) -> None:
    serving = Serving(watch_folder(tmp_path / "Bounces"))
    try:
        serving.drop("Mix.wav", tiny(1))
        serving.notice()
        (queued,) = serving.ledger.in_state(State.QUEUED)
        assert (queued.owner, queued.plan, queued.record, queued.result) == (None, None, None, None)
        me = this_process()
        assert serving.ledger.start(queued.id, serving.owner, me)
        serving.ledger.plan(queued.id, {"a": [1, 2]}, {"status": "restored"}, "Restored/\udcff.wav", "ab")
        running = serving.ledger.known(queued.id)
        assert (running.owner, running.service) == (serving.owner, me)
        assert (running.plan, running.record) == ({"a": [1, 2]}, {"status": "restored"})
        assert running.result == "Restored/\udcff.wav"
        assert running.is_told is False
    finally:
        serving.close()


def test_a_row_with_a_state_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="asleep"):
        bounce_from(dict.fromkeys(["owner", "service"]) | NO_BOUNCE)
