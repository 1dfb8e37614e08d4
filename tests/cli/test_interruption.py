"""Ctrl-C, SIGTERM and SIGKILL in the middle of a file: nothing half-written stays, nobody is left behind."""

import os
import signal
import sys
from pathlib import Path

import pytest
from commands import (
    REVERB,
    chain,
    children,
    command_of,
    damped,
    files_below,
    holders,
    interrupt,
    parts,
    rebounce,
    start,
    wait_for_parts,
    wait_until,
    workers,
    write,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and sends POSIX signals")

# What was measured is a few tenths of a second; the bound only has to tell that from "when the file is done".
SOON_S = 5.0
LONG_S = 60.0


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three mixes that take long enough to be interrupted, and a chain that takes its time."""
    folder = tmp_path_factory.mktemp("album")
    mix = damped(LONG_S)
    for name in ("a.wav", "b.wav", "c.wav"):
        write(folder / name, mix, "PCM_16")
    chain(folder / "slow.toml", *[REVERB] * 12)
    return folder


def call(album: Path, out: Path, *more: object) -> list[object]:
    return ["restore", album, "-o", out, "--preset", album / "slow.toml", *more]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_in_mid_file_ends_soon_and_leaves_no_partial_file(
    album: Path, tmp_path: Path, number: signal.Signals, jobs: int
) -> None:
    with start(*call(album, tmp_path, "--jobs", jobs)) as process:
        wait_for_parts(tmp_path, process, count=jobs)
        inside = workers(process.pid)
        done, seconds = interrupt(process, number)
    assert done.code == 130
    assert seconds < SOON_S
    assert done.err.strip() == "rebounce: interrupted; nothing half-written was left behind"
    assert (files_below(tmp_path), parts(tmp_path)) == ([], [])
    assert len(inside) == (2 if jobs == 2 else 0)
    assert [pid for pid in inside if "spawn_main" in command_of(pid)] == []


def test_an_impatient_ctrl_c_to_the_whole_group_does_not_disturb_the_cleaning_up(album: Path, tmp_path: Path) -> None:
    with start(*call(album, tmp_path, "--jobs", 2), new_session=True) as process:
        wait_for_parts(tmp_path, process, count=2)
        for _ in range(5):  # as a terminal sends it: to the parent and its workers alike
            os.killpg(process.pid, signal.SIGINT)
        done, _ = interrupt(process, signal.SIGTERM)
    assert done.code == 130
    assert parts(tmp_path) == []


def test_ctrl_c_while_the_workers_are_still_starting_is_quiet(album: Path, tmp_path: Path) -> None:
    with start(*call(album, tmp_path, "--jobs", 2), new_session=True) as process:
        wait_until(lambda: len(workers(process.pid)) > 0, process)
        os.killpg(process.pid, signal.SIGINT)
        done, _ = interrupt(process, signal.SIGINT)
    assert (done.code, done.err.count("\n")) == (130, 2)  # an empty line after the terminal's ^C, and ours
    assert files_below(tmp_path) == []


def test_two_runs_at_a_time_never_write_one_file(album: Path, tmp_path: Path) -> None:
    with start(*call(album, tmp_path)) as process:
        wait_for_parts(tmp_path, process)
        second = rebounce("restore", album / "a.wav", "-o", tmp_path, "--json")
        assert (second.code, second.statuses()) == (1, {"a.wav": "error"})
        assert "another rebounce is writing this file" in second.records[0]["error"]
        assert len(parts(tmp_path)) == 1
        interrupt(process, signal.SIGINT)
    assert parts(tmp_path) == []


@pytest.fixture
def short(album: Path, tmp_path: Path) -> Path:
    """The album's names and chain again, in files that are done at once: what a next run would meet."""
    folder = tmp_path / "short"
    for name in ("a.wav", "b.wav", "c.wav"):
        write(folder / name, damped(0.1), "PCM_16")
    chain(folder / "slow.toml", REVERB)
    return folder


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_kill_in_mid_file_leaves_no_result_and_no_process_and_the_next_run_succeeds(
    album: Path, short: Path, tmp_path: Path, jobs: int
) -> None:
    out = tmp_path / "out"
    with start(*call(album, out, "--jobs", jobs)) as process:
        wait_for_parts(out, process, count=jobs)
        inside = workers(process.pid)
        interrupt(process, signal.SIGKILL)
    assert [name for name in files_below(out) if not name.endswith(".part")] == []
    assert len(parts(out)) == jobs
    wait_until(lambda: not any("spawn_main" in command_of(pid) for pid in inside))
    again = rebounce(*call(short, out, "--json"))
    assert (again.code, set(again.statuses().values())) == (0, {"restored"})
    assert files_below(out) == ["a.wav", "b.wav", "c.wav"]


def test_a_worker_that_dies_costs_no_file_and_no_more_than_a_fresh_start(album: Path, tmp_path: Path) -> None:
    mixes = [write(tmp_path / f"in/{name}.wav", damped(3, seed=ord(name)), "PCM_16") for name in "abcdef"]
    preset = album / "slow.toml"
    out = tmp_path / "out"
    with start("restore", *mixes, "-o", out, "--preset", preset, "--jobs", 2, "--json") as process:
        wait_for_parts(out, process)
        os.kill(workers(process.pid)[0], signal.SIGKILL)
        done, _ = interrupt(process, signal.SIGCONT)  # which changes nothing: it runs to its end
    assert (done.code, set(done.statuses().values()) <= {"restored", "skipped"}) == (0, True), done
    assert [Path(record["input"]) for record in done.records] == mixes
    assert files_below(out) == [path.name for path in mixes]
    assert parts(out) == []


def test_a_file_whose_worker_dies_twice_fails_and_the_others_are_done(album: Path, tmp_path: Path) -> None:
    mixes = [album / "a.wav", *(write(tmp_path / f"in/{name}.wav", damped(0.1), "PCM_16") for name in "xyz")]
    out = tmp_path / "out"
    with start("restore", *mixes, "-o", out, "--preset", album / "slow.toml", "--jobs", 2, "--json") as process:
        killed: set[int] = set()
        for _ in range(2):
            wait_until(lambda: bool(holders(out / ".a.wav.rebounce.part", set(workers(process.pid)) - killed)), process)
            for pid in holders(out / ".a.wav.rebounce.part", set(workers(process.pid)) - killed):
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        done, _ = interrupt(process, signal.SIGCONT)
    assert done.code == 1
    statuses = done.statuses()
    assert statuses.pop("a.wav") == "error"
    # Skipped is what was done already when the crash of the other worker swallowed the news of it.
    assert set(statuses) == {"x.wav", "y.wav", "z.wav"}
    assert set(statuses.values()) <= {"restored", "skipped"}
    assert "died, twice" in done.record("a.wav")["error"]
    assert files_below(out) == [
        ".a.wav.rebounce.part",
        "x.wav",
        "y.wav",
        "z.wav",
    ]  # what SIGKILL left, for the next run


def test_a_hosted_plugin_ends_with_the_command(album: Path, tmp_path: Path, zam_folder: Path) -> None:
    preset = chain(tmp_path / "zam.toml", f'[[chain]]\nplugin = "{zam_folder / "ZamTube.vst3"}"\n', *[REVERB] * 8)
    out = tmp_path / "out"
    with start("restore", album / "a.wav", "-o", out, "--preset", preset) as process:
        wait_for_parts(out, process)
        hosts = [pid for pid in children(process.pid) if "vst3_child" in command_of(pid)]
        assert len(hosts) == 1
        interrupt(process, signal.SIGKILL)
    wait_until(lambda: "vst3_child" not in command_of(hosts[0]))
    part = tmp_path / ".a.wav.rebounce.part"
    with start("restore", album / "a.wav", "-o", tmp_path, "--preset", preset) as process:
        wait_until(part.exists, process)
        done, seconds = interrupt(process, signal.SIGINT)
    assert (done.code, seconds < SOON_S, part.exists()) == (130, True, False)
