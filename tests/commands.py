"""The command line as its users meet it: real processes, with what every one of them must keep to checked each time."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from rebounce.engine.audio import Audio
from rebounce.engine.record import Record

RATE_HZ = 44_100
DEADLINE_S = 60.0
RECORD_KEYS = [field.name for field in fields(Record)]

GAIN = '[[chain]]\nplugin = "Gain"\ngain_db = {gain_db}\n'
REVERB = '[[chain]]\nplugin = "Reverb"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one command."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The objects of `--json`; anything else on stdout is an error, and so is a NaN."""
        return [json.loads(line, parse_constant=_refuse) for line in self.out.splitlines()]

    def record(self, name: str) -> dict[str, Any]:
        """The record of the one input that has this name."""
        (found,) = [record for record in self.records if Path(record["input"]).name == name]
        return found

    def statuses(self) -> dict[str, str]:
        """Status by the name of the input."""
        return {Path(record["input"]).name: record["status"] for record in self.records}


def rebounce(*arguments: object, under: Sequence[str] = ()) -> Outcome:
    """Run `rebounce`, perhaps under another program, and wait for its end; a traceback is always a failure."""
    call = [*under, sys.executable, "-m", "rebounce", *map(str, arguments)]
    done = subprocess.run(call, capture_output=True, timeout=DEADLINE_S, check=False)
    return outcome(done.returncode, done.stdout, done.stderr)


def outcome(code: int, out: bytes, err: bytes) -> Outcome:
    """What a finished process said, checked."""
    result = Outcome(code=code, out=out.decode(), err=err.decode())
    assert "Traceback" not in result.out + result.err, result.err
    return result


# Runs many short commands in one process, since each start costs half a second: what they print is told as JSON.
_MANY = """
import contextlib, io, json, sys
from rebounce.__main__ import run
for line in sys.stdin:
    sys.argv = ["rebounce", *json.loads(line)]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run()
            code = 0
        except SystemExit as end:
            code = end.code or 0
    print(json.dumps([code, *(text.buffer.getvalue().decode() for text in (out, err))]))
"""


def rebounce_many(calls: Iterable[Sequence[object]]) -> list[Outcome]:
    """Run commands that need no process of their own: those that end before any work starts."""
    lines = [json.dumps([str(argument) for argument in call]) for call in calls]
    done = subprocess.run(
        [sys.executable, "-c", _MANY],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    assert done.stderr == ""
    return [Outcome(code=code, out=out, err=err) for code, out, err in map(json.loads, done.stdout.splitlines())]


def start(*arguments: object, new_session: bool = False) -> "subprocess.Popen[bytes]":
    """Start `rebounce` and do not wait."""
    return subprocess.Popen(
        [sys.executable, "-m", "rebounce", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=new_session,
        preexec_fn=_hear_ctrl_c if os.name != "nt" else None,  # noqa: PLW1509 - it takes no lock a thread could hold
    )


def _hear_ctrl_c() -> None:
    """A shell starts what it runs in the background with Ctrl-C ignored, and that is handed down."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_until(holds: Callable[[], bool], process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Look again and again until it holds; no longer than the deadline, or than the process lives."""
    end_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < end_s, "waited in vain"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.002)


def parts(folder: Path) -> list[Path]:
    """What is half-written below a folder."""
    return sorted(folder.rglob("*.rebounce.part*"))


def wait_for_parts(folder: Path, process: "subprocess.Popen[bytes]", count: int = 1) -> None:
    """Wait until so many files are being written, each with some audio in it."""
    wait_until(lambda: len([path for path in parts(folder) if _size(path) > 100]) >= count, process)


def interrupt(process: "subprocess.Popen[bytes]", number: signal.Signals) -> tuple[Outcome, float]:
    """Send a signal; return what came of the command and after how many seconds."""
    sent_s = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE_S)
    return outcome(process.returncode, out, err), time.monotonic() - sent_s


def children(pid: int) -> list[int]:
    """The processes that a process started and that are still there."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []


def workers(pid: int) -> list[int]:
    """Those of the children that restore files."""
    return [child for child in children(pid) if "spawn_main" in command_of(child)]


def holders(path: Path, pids: Iterable[int]) -> list[int]:
    """Those of the processes that have a file open."""
    return [pid for pid in pids if str(path) in map(_link, Path(f"/proc/{pid}/fd").glob("*"))]


def _link(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


def command_of(pid: int) -> str:
    """How a process was started; empty once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def write(path: Path, audio: Audio, subtype: str | None = "PCM_24", rate_hz: int = RATE_HZ) -> Path:
    """Write audio `(channels, frames)` into a file whose suffix says what kind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio.T, rate_hz, subtype=subtype)
    return path


def read(path: Path | str, dtype: str = "float64") -> Any:
    """The samples of a file, `(frames, channels)`."""
    return soundfile.read(os.fsencode(path), dtype=dtype, always_2d=True)[0]


def chain(path: Path, *tables: str) -> Path:
    """Write a chain file."""
    path.write_text("\n".join(tables), encoding="utf-8")
    return path


def files_below(folder: Path) -> list[str]:
    """Every file but our notes, by its path below the folder."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return sorted(str(path) for path in found if path.parts[0] != ".rebounce")


def same_bytes(left: Iterable[Path], right: Iterable[Path]) -> bool:
    """True when the files hold the same, one for one."""
    pairs: Sequence[tuple[Path, Path]] = list(zip(left, right, strict=True))
    return all(a.read_bytes() == b.read_bytes() for a, b in pairs)


def damped(seconds: float, seed: int = 0, channels: int = 2) -> Audio:
    """Noise that leaves room above it, as a mix does."""
    noise = np.random.default_rng(seed).standard_normal((channels, int(seconds * RATE_HZ))) * 0.05
    return noise.clip(-0.4, 0.4).astype(np.float32)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
