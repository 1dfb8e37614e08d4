import errno
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import pytest
from bouncing import gone_process
from mounting import make_read_only, mount_again, own_mounts

from rebounce.watchers.claims import Claims
from rebounce.watchers.processes import Owner, this_process

ME = this_process()
STALE_S = 90.0


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


def machine(name: str) -> Owner:
    """A process of another machine, of which nothing can be asked."""
    return replace(ME, host=name, pid=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".rebounce").mkdir()
    return tmp_path / ".rebounce" / "claims"


def claims(folder: Path, owner: Owner, clock: Clock | None = None) -> Claims:
    return Claims(folder, owner, stale_s=STALE_S, now_s=clock or Clock())


def owners(folder: Path) -> list[str]:
    return sorted(json.loads(path.read_bytes())["owner"]["host"] for path in folder.iterdir())


def test_a_claim_is_had_by_one_until_it_is_given_back(folder: Path) -> None:
    a, b = claims(folder, machine("a")), claims(folder, machine("b"))
    assert a.take("Mix.wav")
    assert not b.take("Mix.wav")
    assert b.take("Other.wav")
    assert owners(folder) == ["a", "b"]
    a.release("Mix.wav")
    assert b.take("Mix.wav")
    assert owners(folder) == ["b", "b"]


def test_files_that_may_want_the_same_names_are_claimed_together(folder: Path) -> None:
    a, b = claims(folder, machine("a")), claims(folder, machine("b"))
    assert a.take("Album/Mix.wav")
    assert not b.take("Album/Mix.flac")
    assert b.take("Mix.wav")


def test_a_claim_whose_beat_stands_still_is_taken_over(folder: Path) -> None:
    clock = Clock()
    a, b = claims(folder, machine("a"), clock), claims(folder, machine("b"), clock)
    assert a.take("Mix.wav")
    assert not b.take("Mix.wav")
    clock.now_s += STALE_S - 1
    assert not b.take("Mix.wav")
    clock.now_s += 1
    assert b.take("Mix.wav")
    assert owners(folder) == ["b"]


def test_a_claim_that_beats_is_never_taken_over(folder: Path) -> None:
    clock = Clock()
    a, b = claims(folder, machine("a"), clock), claims(folder, machine("b"), clock)
    assert a.take("Mix.wav")
    for number in range(1, 20):
        assert not b.take("Mix.wav")
        clock.now_s += STALE_S - 1
        a.beat("Mix.wav", number)
    assert owners(folder) == ["a"]


def test_the_time_counts_from_the_first_look_and_not_by_what_the_file_says(folder: Path) -> None:
    a = claims(folder, machine("a"))
    assert a.take("Mix.wav")
    (place,) = folder.iterdir()
    os.utime(place, (0, 0))
    late = Clock(10**9)
    b = claims(folder, machine("b"), late)
    assert not b.take("Mix.wav")
    late.now_s -= 10**6
    assert not b.take("Mix.wav")


def test_the_claim_of_a_process_that_is_known_to_be_gone_is_taken_over_at_once(folder: Path) -> None:
    assert claims(folder, gone_process()).take("Mix.wav")
    assert claims(folder, ME).take("Mix.wav")


def test_a_claim_half_written_is_waited_for_and_then_taken_over(folder: Path) -> None:
    a = claims(folder, machine("a"))
    assert a.take("Mix.wav")
    (place,) = folder.iterdir()
    place.write_bytes(b'{"path": "Mi')
    clock = Clock()
    b = claims(folder, machine("b"), clock)
    assert not b.take("Mix.wav")
    clock.now_s += STALE_S
    assert b.take("Mix.wav")


def test_who_slept_too_long_does_not_take_the_claim_back(folder: Path) -> None:
    clock = Clock()
    a, b = claims(folder, machine("a"), clock), claims(folder, machine("b"), clock)
    assert a.take("Mix.wav")
    assert not b.take("Mix.wav")
    clock.now_s += STALE_S
    assert b.take("Mix.wav")
    a.beat("Mix.wav", 7)
    assert owners(folder) == ["b"]
    a.release("Mix.wav")
    assert owners(folder) == ["b"]
    b.release("Mix.wav")
    assert list(folder.iterdir()) == []


def test_a_process_has_its_own_claim_still(folder: Path) -> None:
    """One that it could not give back while the share was gone."""
    a = claims(folder, machine("a"))
    assert a.take("Mix.wav")
    assert a.take("Mix.wav")


def test_of_many_that_take_over_a_claim_one_gets_it(folder: Path) -> None:
    for turn in range(20):
        name = f"{turn}.wav"
        assert claims(folder, gone_process()).take(name)
        ready = threading.Barrier(4)

        def take(number: int, name: str = name, ready: threading.Barrier = ready) -> bool:
            mine = claims(folder, replace(ME, started=ME.started, host=f"m{number}", pid=number + 10))
            ready.wait()
            return mine.take(name)

        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(take, range(4)))
        assert sum(results) == 1
    assert not list(folder.glob("*.stale-*"))


def test_of_many_that_claim_at_once_one_gets_it(folder: Path) -> None:
    ready = threading.Barrier(6)

    def take(number: int) -> bool:
        mine = claims(folder, machine(f"m{number}"))
        ready.wait()
        return mine.take("Mix.wav")

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(take, range(6))) == 1


def test_held_for_a_block_a_claim_is_given_back_however_the_block_ends(folder: Path) -> None:
    a, b = claims(folder, machine("a")), claims(folder, machine("b"))
    with a.held("Mix.wav") as is_ours:
        assert is_ours
        with b.held("Mix.wav") as is_theirs:
            assert not is_theirs
        assert owners(folder) == ["a"]
    assert list(folder.iterdir()) == []
    with pytest.raises(KeyError), b.held("Mix.wav"):
        raise KeyError
    assert list(folder.iterdir()) == []


def test_a_claim_that_could_not_be_given_back_is_given_back_with_the_next(folder: Path) -> None:
    me = claims(folder, ME)
    assert me.take("Mix.wav")
    away = folder.parent.rename(folder.parent.with_name("away"))
    me.release("Mix.wav")
    away.rename(folder.parent)
    assert len(list(folder.iterdir())) == 1
    assert me.take("Other.wav")
    assert [json.loads(path.read_bytes())["path"] for path in folder.iterdir()] == ["Other.wav"]


def test_a_copy_of_this_machine_keeps_its_claims(folder: Path) -> None:
    """It has the same name, and another run."""
    clock = Clock()
    copy = replace(gone_process(), boot="its own run")
    assert claims(folder, copy, clock).take("Mix.wav")
    me = claims(folder, ME, clock)
    assert not me.take("Mix.wav")
    assert not me.sweep()
    clock.now_s += STALE_S
    assert me.take("Mix.wav")


def test_sweeping_takes_away_what_the_gone_have_claimed_and_leaves_the_rest(folder: Path) -> None:
    clock = Clock()
    me = claims(folder, ME, clock)
    assert me.sweep()
    assert claims(folder, gone_process()).take("Gone.wav")
    assert me.sweep()
    assert claims(folder, machine("a"), clock).take("Theirs.wav")
    assert not me.sweep()
    assert owners(folder) == ["a"]
    (folder / "x.new-17").touch()
    clock.now_s += STALE_S
    assert me.sweep()
    assert list(folder.iterdir()) == []


def test_where_the_folder_is_unmounted_nothing_is_claimed_and_nothing_made(folder: Path) -> None:
    folder.parent.rmdir()
    mine = claims(folder, ME)
    with pytest.raises(OSError, match="No such file"):
        mine.take("Mix.wav")
    mine.beat("Mix.wav", 1)
    mine.release("Mix.wav")
    assert not folder.parent.exists()


def test_names_of_any_bytes_can_be_claimed(folder: Path) -> None:
    mine = claims(folder, ME)
    assert mine.take("M\udcff.wav")
    mine.release("M\udcff.wav")
    assert list(folder.iterdir()) == []


def test_a_killed_process_leaves_a_claim_that_the_next_one_gets(folder: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from rebounce.watchers.claims import Claims\n"
        "from rebounce.watchers.processes import this_process\n"
        "assert Claims(Path(sys.argv[1]), this_process()).take('Mix.wav')\n"
        "os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)], check=False).returncode == 9
    assert len(list(folder.iterdir())) == 1
    assert claims(folder, ME).take("Mix.wav")


def test_a_take_over_that_was_killed_half_way_is_done_by_another_in_time(folder: Path) -> None:
    """Of all that find the same stale claim the one whose turn it is leaves a file for as long as it takes."""
    clock = Clock()
    assert claims(folder, gone_process()).take("Mix.wav")
    (place,) = folder.iterdir()
    turn = place.with_suffix(f".turn-{blake2b(place.read_bytes(), digest_size=8).hexdigest()}")
    turn.touch()
    mine = claims(folder, ME, clock)
    assert not mine.take("Mix.wav")
    clock.now_s += STALE_S
    assert not mine.take("Mix.wav")
    assert mine.take("Mix.wav")
    assert list(folder.iterdir()) == [place]


def test_on_a_share_without_links_claims_are_created_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such share is at hand: the system call answers as theirs does."""

    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    clock = Clock()
    a, b = claims(folder, machine("a"), clock), claims(folder, machine("b"), clock)
    assert a.take("Mix.wav")
    assert not b.take("Mix.wav")
    assert owners(folder) == ["a"]
    clock.now_s += STALE_S
    assert b.take("Mix.wav")
    assert owners(folder) == ["b"]
    b.release("Mix.wav")
    assert list(folder.iterdir()) == []


def test_a_share_on_which_nothing_can_be_written_is_an_error(folder: Path) -> None:
    with own_mounts():
        make_read_only(mount_again(folder.parent, folder.parent))
        with pytest.raises(OSError, match="Read-only"):
            claims(folder, ME).take("Mix.wav")
