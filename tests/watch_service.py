"""The watch folder service as a test tool: a folder with its config, the real service on it in processes of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from killing_service import CLOCK, STALE, Deed, is_done, write_deeds

from rebounce.watchers.bounce import FINISHED, Bounce
from rebounce.watchers.claims import Claims
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.processes import Owner

DEADLINE_S = 60.0
LOOK_S = 0.005
KILLING_SERVICE = Path(__file__).with_name("killing_service.py")
GAIN = '[[chain]]\nplugin = "Gain"\ngain_db = -6.0\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What counts as a machine: it has a folder for its state, perhaps a name, and a time after which it takes over
    claims without a beat.
    """

    state: str = "state"
    name: str = ""
    stale_s: float | None = None

    @property
    def under(self) -> list[str]:
        """What a program has to be started under."""
        return ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.name] if self.name else []


HERE = Machine()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where a test plays: `root` is watched; all else that belongs to the test lies beside it."""

    base: Path
    root: Path
    deeds: list[tuple[Path, Deed, int]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.base / "rebounce.toml"

    @property
    def clock(self) -> Path:
        """Holds how many seconds the clock is wrong, and how many are said to have passed."""
        return self.base / "clock"

    def set_clock(self, *, wrong_s: float = 0.0, passed_s: float = 0.0) -> None:
        """For all services that are started after the first of these, and at once."""
        new = self.base / "clock.new"
        new.write_text(f"{wrong_s} {passed_s}", encoding="ascii")
        os.replace(new, self.clock)

    @property
    def ledgers(self) -> list[Path]:
        """The ledgers: one in the folder, or on a share one of each machine."""
        found = [self.root / ".rebounce/ledger.sqlite", *self.base.glob("state*/rebounce/watch/*/ledger.sqlite")]
        return [path for path in found if path.exists()]

    def configure(self, **settings: Any) -> Path:
        """Write the config: the folder is watched quickly, and with these settings."""
        quick: dict[str, Any] = {
            "path": str(self.root),
            "preset": "bypass",
            "settle_s": 0.05,
            "give_up_s": 0.2,
            "spare_mb": 0,
        }
        plan: dict[str, Any] = {key: settings.pop(key) for key in ("jobs", "ledger_days") if key in settings}
        lines = [*_toml(plan), "[[folder]]", *_toml(quick | settings)]
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self.config

    def drop(self, path: str, content: bytes) -> Path:
        """Put a whole file under the folder in one moment."""
        hand = self.base / "hand"
        hand.write_bytes(content)
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(hand, target)
        return target

    def start(self, *arguments: object, deeds: Sequence[Deed] = (), machine: Machine = HERE) -> "Running":
        """Start `rebounce watch` with the config, in a process group of its own; deeds are done in it."""
        return self.call("watch", "--config", self.config, "-v", *arguments, deeds=deeds, machine=machine)

    def call(self, *arguments: object, deeds: Sequence[Deed] = (), machine: Machine = HERE) -> "Running":
        """Start `rebounce` with any arguments, or what else the killing service can do."""
        number = len(list(self.base.glob("log-*")))
        log = self.base / f"log-{number}.txt"
        environment = {"XDG_STATE_HOME": str(self.base / machine.state)}
        if machine.stale_s is not None:
            environment[STALE] = str(machine.stale_s)
        if self.clock.exists():
            environment[CLOCK] = str(self.clock)
        if deeds:
            file = self.base / f"deeds-{number}.json"
            environment |= write_deeds(file, deeds)
            self.deeds.extend((file, deed, position) for position, deed in enumerate(deeds))
        is_plain = len(environment) == 1 and arguments[0] == "watch"
        program: list[object] = ["-m", "rebounce"] if is_plain else [KILLING_SERVICE]
        call = [*machine.under, *map(str, [sys.executable, *program, *arguments])]
        with log.open("wb") as out:
            process = subprocess.Popen(
                call, stdout=out, stderr=out, env=os.environ | environment, start_new_session=True
            )
        return Running(process=process, log=log)

    def run(self, *arguments: object, deeds: Sequence[Deed] = (), machine: Machine = HERE) -> int:
        """The same, and wait for its end; returns its exit code."""
        with self.start(*arguments, deeds=deeds, machine=machine) as running:
            return running.wait()

    def finish(self, machine: Machine = HERE) -> None:
        """Start the service until nothing is left to do."""
        end_s = time.monotonic() + DEADLINE_S
        while self.run("--once", machine=machine) != 0 and self.count_finished() < len(self.bounces()):
            assert time.monotonic() < end_s, self.journal()

    def undone(self) -> list[str]:
        """Deeds whose step was never reached."""
        return [f"{deed.when} {deed.at}" for file, deed, position in self.deeds if not is_done(file, position)]

    def bounces(self) -> list[Bounce]:
        """All rows of the ledgers."""
        found = []
        for path in self.ledgers:
            with Ledger(path) as ledger:
                found += [*ledger.unfinished(-1), *reversed(ledger.latest(-1))]
        return found

    def count_finished(self) -> int:
        """How many bounces are finished."""
        count = 0
        for path in self.ledgers:
            with Ledger(path) as ledger:
                counts = ledger.counts()
            count += sum(counts.get(state, 0) for state in FINISHED)
        return count

    def events(self) -> list[dict[str, Any]]:
        """The journal; a last line that is being written, or was when its process was killed, is left out."""
        found = []
        for path in [*self.root.glob(".rebounce/log.jsonl"), *self.base.glob("*/rebounce/watch/*/log.jsonl")]:
            for line in path.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError):
                    found.append(json.loads(line))
        return found

    def journal(self) -> str:
        """What the runs said, for those who look into a failure."""
        texts = [f"{path.name}:\n{path.read_text(encoding='utf-8')}" for path in sorted(self.base.glob("log-*"))]
        return "\n".join([*texts, *files_below(self.root)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One service that was started; leaving `with` ends it, whatever became of the test."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *problem: object) -> None:
        self.kill()

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL to the service and all that it started, in one moment."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(DEADLINE_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to end; returns after how many seconds it had, with code 0."""
        sent_s = time.monotonic()
        self.process.send_signal(number)
        code = self.wait()
        assert code == 0, (code, self.said)
        return time.monotonic() - sent_s

    def wait(self) -> int:
        """Wait for its end; a traceback is always a failure."""
        code = self.process.wait(DEADLINE_S)
        assert "Traceback" not in self.said, self.said
        return code

    def wait_until(self, holds: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
        """Look again and again until it holds, while the service lives."""
        end_s = time.monotonic() + deadline_s
        while not holds():
            assert not self.is_over, self.said
            assert time.monotonic() < end_s, self.said
            time.sleep(LOOK_S)

    def wait_for_word(self, word: str) -> None:
        """Until it said this."""
        self.wait_until(lambda: word in self.said)


def make_ground(base: Path, **settings: Any) -> Ground:
    """An empty watched folder and its config."""
    ground = Ground(base=base, root=base / "Bounces")
    ground.root.mkdir(parents=True, exist_ok=True)
    ground.configure(**settings)
    return ground


def drop_many(ground: Ground, count: int) -> dict[str, list[bytes]]:
    contents = {f"Album {number % 3}/{number}.wav": tone_file(number, seconds=0.05) for number in range(count)}
    for path, content in contents.items():
        ground.drop(path, content)
    return {path: [content] for path, content in contents.items()}


def times(ground: Ground, *events: str) -> Counter[str]:
    """How often any of these events was written down for each path, in all journals."""
    return Counter(event["path"] for event in ground.events() if event["event"] in events)


def claims_elsewhere(ground: Ground) -> Claims:
    """The claims of a machine that is not this one, and whose processes nobody here can ask for."""
    folder = ground.root / ".rebounce/claims"
    folder.mkdir(parents=True, exist_ok=True)
    return Claims(folder, Owner(host="another-machine", boot="", pid=1, started=""))


def tone_file(seed: int, seconds: float = 0.2, rate_hz: int = 44_100) -> bytes:
    """A WAV of its own for each seed."""
    noise = np.random.default_rng(seed).standard_normal((int(seconds * rate_hz), 2)) * 0.05
    file = BytesIO()
    soundfile.write(file, noise.clip(-0.4, 0.4), rate_hz, format="WAV", subtype="PCM_24")
    return file.getvalue()


def gain_chain(folder: Path) -> Path:
    """A chain whose results differ from what was put in."""
    path = folder / "gain.toml"
    path.write_text(GAIN, encoding="utf-8")
    return path


def slow_chain(folder: Path) -> Path:
    """A chain that takes a tenth of a second for each second of audio, or more."""
    path = folder / "slow.toml"
    path.write_text("\n".join(['[[chain]]\nplugin = "Reverb"\n'] * 8), encoding="utf-8")
    return path


def files_below(root: Path) -> list[str]:
    """Every file, by its path below the folder."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())


def _toml(settings: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
