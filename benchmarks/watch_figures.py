"""What the watch folder costs beside the work itself: against `restore`, from finished to started, and while idle."""

import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile

from benchmarks.measure import Figure, spread

COMMAND = (sys.executable, "-m", "rebounce")
FILES, FILE_S, PROCESSES = 200, 10.0, 2
ROUNDS = 3
DROPS, SETTLE_S = 15, 0.2
IDLE_FILES, IDLE_S, START_S = 10_000, 65.0, 8.0  # so that one rescan a minute is among them
DEADLINE_S = 120.0

# The service as the command runs it, with a worker that is let go at once: cold at each bounce.
COLD = """
import sys
from pathlib import Path
from rebounce.watchers.service import Service, Surroundings
from rebounce.watchers.watch_file import plan_for
if __name__ == "__main__":
    plan = plan_for([Path(sys.argv[1])], preset="five-stage", settle_s=float(sys.argv[2]))
    service = Service(plan, Surroundings(state_folder=Path(sys.argv[1]) / "state", warm_s=0.0))
    service.prepare()
    service.run()
"""


def five_stage_against_restore() -> Figure:
    """The same files, the same chain, the same number of processes."""
    ours, theirs = _rounds("five-stage")
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    ratio = statistics.median(ratios)
    return Figure(
        name=f"{FILES} files of {FILE_S:g} s, five-stage: first start to last delivery",
        ours=f"rebounce watch --once --jobs {PROCESSES}, by its ledger",
        rival=f"rebounce restore --jobs {PROCESSES}, less its time for an empty folder",
        value=ratio,
        unit="x",
        target="at most 1.15x",
        is_reached=ratio <= 1.15,
        detail={"ratio": spread(ratios), "ours_s": spread(ours), "rival_s": spread(theirs), "rounds": ROUNDS},
    )


def bypass_against_restore() -> Figure:
    """What sees, books and delivers a file, when next to nothing is done to it."""
    ours, theirs = _rounds("bypass")
    more = [(mine - other) / FILES * 1000 for mine, other in zip(ours, theirs, strict=True)]
    more_ms = statistics.median(more)
    return Figure(
        name=f"{FILES} files of {FILE_S:g} s, bypass: more for each file",
        ours=f"rebounce watch --once --jobs {PROCESSES}, by its ledger",
        rival=f"rebounce restore --jobs {PROCESSES}, less its time for an empty folder",
        value=more_ms,
        unit="ms",
        target="at most 40 ms",
        is_reached=more_ms <= 40,
        detail={"more_ms": spread(more), "ours_s": spread(ours), "rival_s": spread(theirs), "rounds": ROUNDS},
    )


def warm_start() -> Figure:
    """From the last byte to the start of work, the settle time taken off."""
    return _latency("warm", 0.3)


def cold_start() -> Figure:
    """The same with no worker there."""
    return _latency("cold", 2.0)


def idle_listening() -> Figure:
    """Nothing happens; the system would tell."""
    return _idle("inotify, a rescan every 60 s", (), 0.5)


def idle_polling() -> Figure:
    """Nothing happens; the folder is looked through again and again."""
    return _idle("--poll, every 5 s", ("--poll",), 2.0)


def idle_memory() -> Figure:
    """The service itself, with all those files known."""
    value = _idle_facts(())["parent_mib"]
    return Figure(
        name=f"memory of the idle service, {IDLE_FILES:,} files",
        ours="resident memory of the process, worker apart",
        rival="none",
        value=value,
        unit="MiB",
        target="at most 80 MiB",
        is_reached=value <= 80,
        detail={"with_page_mib": _started_mib(("--web", "--web-address", "127.0.0.1:0"))},
    )


def worker_memory() -> Figure:
    """The worker that is kept warm, after jobs of the default preset and of the one that computes most."""
    found = {preset: _warm_worker_mib(preset) for preset in ("auto", "five-stage")}
    value = max(found.values())
    return Figure(
        name="memory of the warm worker after jobs with auto, or five-stage",
        ours="resident memory of the worker and what helps it, the larger of the two",
        rival="none",
        value=value,
        unit="MiB",
        target="at most 200 MiB",
        is_reached=value <= 200,
        detail={f"{preset}_mib": mib for preset, mib in found.items()},
    )


FIGURES = (
    *(five_stage_against_restore, bypass_against_restore, warm_start, cold_start),
    *(idle_listening, idle_polling, idle_memory, worker_memory),
)


def _rounds(preset: str) -> tuple[list[float], list[float]]:
    """Seconds of both sides, in turns."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            bounces, out, empty = (Path(folder) / name for name in ("bounces", "out", "empty"))
            empty.mkdir()
            _write_files(bounces)
            nothing_s = _restore_s(empty, out, preset)
            theirs.append(_restore_s(bounces, out, preset) - nothing_s)
            command = [*COMMAND, "watch", bounces, "--once", "-q", "--settle", "0.2", "--preset", preset]
            subprocess.run([*command, "--jobs", str(PROCESSES)], check=True)
            ours.append(_worked_s(bounces))
    return ours, theirs


def _restore_s(source: Path, out: Path, preset: str) -> float:
    started = time.perf_counter()
    command = [*COMMAND, "restore", source, "-o", out, "--preset", preset, "--jobs", str(PROCESSES), "-q"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def _write_files(folder: Path) -> None:
    folder.mkdir()
    for number in range(FILES):
        audio = np.random.default_rng(number).normal(0, 0.1, (int(FILE_S * 48_000), 2))
        soundfile.write(folder / f"{number:04}.wav", audio, 48_000, subtype="PCM_24")


def _asked(bounces: Path, question: str) -> list[Any]:
    with closing(sqlite3.connect(bounces / ".rebounce" / "ledger.sqlite")) as database:
        return database.execute(question).fetchall()


def _worked_s(bounces: Path) -> float:
    [(count, seconds)] = _asked(
        bounces,
        "SELECT count(*), max(finished_at) - min(started_at) FROM bounces WHERE state IN ('done', 'unchanged')",
    )
    assert count == FILES, count
    return float(seconds)


def _latency(kind: str, most_s: float) -> Figure:
    waits = _waits_s(kind)
    value = statistics.median(waits)
    return Figure(
        name=f"from finished to started, {kind} worker",
        ours=f"{DROPS} bounces one after another, settle time {SETTLE_S:g} s taken off, median",
        rival="none",
        value=value,
        unit="s",
        target=f"under {most_s:g} s",
        is_reached=value < most_s,
        detail={"waits_s": spread(waits)},
    )


def _waits_s(kind: str) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        bounces = Path(folder)
        command = [*COMMAND, "watch", bounces, "-q", "--settle", str(SETTLE_S), "--preset", "five-stage"]
        if kind == "cold":
            script = bounces.with_suffix(".py")
            script.write_text(COLD, encoding="utf-8")
            command = [sys.executable, script, bounces, str(SETTLE_S)]
        with _serving(command):
            _drop(bounces, 0)  # what is loaded once, the first time
            return [_drop(bounces, number) for number in range(1, DROPS + 1)]


def _drop(bounces: Path, number: int) -> float:
    """Bounce one file, wait until it is delivered, and say how long it lay."""
    path = bounces / f"{number}.wav"
    soundfile.write(path, np.random.default_rng(number).normal(0, 0.1, (48_000, 2)), 48_000, subtype="PCM_24")
    written_s = time.time()
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        time.sleep(0.05)
        if (bounces / "Restored" / f"{number}.json").exists() and not path.exists():
            [(started_s,)] = _asked(
                bounces, f"SELECT started_at FROM bounces WHERE path = CAST('{number}.wav' AS BLOB)"
            )
            return float(started_s) - written_s - SETTLE_S
    raise TimeoutError(path)


@contextmanager
def _serving(command: list[Any]) -> Iterator[psutil.Process]:
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


@cache
def _kept_tree() -> Path:
    """A folder with many files that were all restored before and lie where they were dropped."""
    folder = Path(tempfile.mkdtemp(prefix="rebounce-idle-"))
    rng = np.random.default_rng(0)
    for number in range(IDLE_FILES):
        place = folder / f"{number // 500}"
        place.mkdir(exist_ok=True)
        soundfile.write(place / f"{number}.wav", rng.normal(0, 0.1, (100, 2)), 48_000)
    config = folder.with_suffix(".toml")
    lines = [f"path = {json.dumps(str(folder))}", 'preset = "bypass"', 'originals = "keep"', "settle_s = 0.2"]
    config.write_text("\n".join(["jobs = 2", "[[folder]]", *lines, ""]), encoding="utf-8")
    subprocess.run([*COMMAND, "watch", "--config", config, "--once", "-q"], check=True)
    return config


@cache
def _idle_facts(options: tuple[str, ...]) -> dict[str, float]:
    with _serving([*COMMAND, "watch", "--config", _kept_tree(), "-q", *options]) as process:
        time.sleep(START_S)
        before, started = process.cpu_times(), time.monotonic()
        time.sleep(IDLE_S)
        after = process.cpu_times()
        busy_s = (after.user + after.system) - (before.user + before.system)
        return {
            "percent": 100 * busy_s / (time.monotonic() - started),
            "parent_mib": process.memory_info().rss / 2**20,
        }


def _started_mib(options: tuple[str, ...]) -> float:
    with _serving([*COMMAND, "watch", "--config", _kept_tree(), "-q", *options]) as process:
        time.sleep(START_S)
        return float(process.memory_info().rss / 2**20)


def _idle(how: str, options: tuple[str, ...], most: float) -> Figure:
    facts = _idle_facts(options)
    return Figure(
        name=f"idle, {IDLE_FILES:,} files under the folder, {how}",
        ours=f"processor time of the service over {IDLE_S:g} s",
        rival="one core",
        value=facts["percent"],
        unit="%",
        target=f"below {most:g}%",
        is_reached=facts["percent"] < most,
        detail=facts,
    )


def _warm_worker_mib(preset: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        bounces = Path(folder)
        command = [*COMMAND, "watch", bounces, "-q", "--settle", str(SETTLE_S), "--preset", preset]
        with _serving(command) as process:
            for number in range(3):
                _drop(bounces, number)
            helpers = process.children(recursive=True)
            return float(sum(child.memory_info().rss for child in helpers) / 2**20)
