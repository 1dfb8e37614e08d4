"""Has pictures and previews made by a child process, and keeps them for a while.

What always holds: one child runs at a time, last asked first, and for a limited time; what is kept is bounded; what the
system swept away meanwhile is made again when it is asked for; and the folder that all lies in is gone at the end, or
swept by the next start where there was no end.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from rebounce.engine.staging import FULL_DISK
from rebounce.watchers.processes import is_alive, owner_from, this_process

PREFIX = "rebounce-page-"
OWNER = "owner.json"
LONGEST_S = 300.0
MOST_WAITING = 6
MOST_KEPT = 40
MOST_KEPT_BYTES = 300_000_000
"""Beside what is made just now, for which previews have a bound of their own."""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

Sights = dict[str, Any]
Sides = dict[str, str | None]


class Darkroom:
    """Makes what there is to see and hear of a bounce; a `key` stands for the content of its files."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._changed = threading.Condition()
        self._waiting: OrderedDict[str, Sides] = OrderedDict()
        self._kept: OrderedDict[str, Sights] = OrderedDict()
        self._now: str | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def sights(self, key: str, sides: Sides) -> Sights | None:
        """What was made, or why it could not be; None while it is being made, which begins with the first question."""
        with self._changed:
            if key in self._kept and self._is_whole(key):
                self._kept.move_to_end(key)
                # A failure is told once: who asks again has it tried again.
                return self._kept.pop(key) if self._kept[key]["problem"] else self._kept[key]
            self._kept.pop(key, None)
            if key != self._now and not self._is_closed:
                self._waiting[key] = sides
                self._waiting.move_to_end(key)
                while len(self._waiting) > MOST_WAITING:
                    self._waiting.popitem(last=False)  # who still wants it asks again
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="page pictures", daemon=True)
                    self._thread.start()
                self._changed.notify()
            return None

    def place(self, key: str, name: str) -> Path | None:
        """A file that was made."""
        with self._changed:
            if key not in self._kept or self._folder is None:
                return None
            path = self._folder / key / name
        return path if path.is_file() else None

    def close(self) -> None:
        """Stop the child, end, and leave nothing behind."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
            if self._child is not None:
                self._child.kill()
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=1)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or self._waiting)
                if self._is_closed:
                    return
                self._now, sides = self._waiting.popitem()
            sights = self._made(self._now, sides)
            with self._changed:
                self._kept[self._now] = sights
                self._now = None
                self._drop_oldest()

    def _made(self, key: str, sides: Sides) -> Sights:
        try:
            about = self._developed(key, sides)
            if about.get("errno") in FULL_DISK and self._forget():  # what is kept is worth less than what is asked for
                about = self._developed(key, sides)
        except OSError as error:
            about = {"problem": error.strerror, "errno": error.errno}
        return {"problem": _said_by_system(about)} if "errno" in about else about

    def _developed(self, key: str, sides: Sides) -> Sights:
        """What the child made, in its place, or why there is nothing."""
        folder = self._standing_folder()
        part = folder / f"{key}.part"
        for old in (part, folder / key):
            shutil.rmtree(old, ignore_errors=True)
        part.mkdir()
        about = self._asked(part, sides)
        if about["problem"]:
            shutil.rmtree(part, ignore_errors=True)
            return about
        names = sorted(path.name for path in part.iterdir())
        part.rename(folder / key)
        return about | {"names": names}

    def _standing_folder(self) -> Path:
        """The folder, made anew where the system has swept it away."""
        if self._folder is None or not (self._folder / OWNER).is_file():
            self._forget()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = _new_folder()
        return self._folder

    def _is_whole(self, key: str) -> bool:
        """True while all that was made of it is there."""
        folder = self._folder
        return all(folder is not None and (folder / key / name).is_file() for name in self._kept[key].get("names", ()))

    def _forget(self) -> bool:
        """Drop all that is kept; False where there was nothing."""
        with self._changed:
            keys = [key for key in self._kept if self._kept[key].get("names")]
            for key in keys:
                self._drop(key)
        return bool(keys)

    def _asked(self, folder: Path, sides: Sides) -> Sights:
        """Run the child; returns what it says."""
        child = self._begun([sys.executable, "-m", "rebounce.watchers.web.pictures", str(folder)])
        if child is None:
            return {"problem": "the page is closed"}
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):
                # The pipe stays open: the child takes its end for that of this process.
                child.stdin.write(json.dumps(sides).encode("ascii") + b"\n")
                child.stdin.flush()
            status = child.wait(self._longest_s)
            told = child.stdout.read()
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            return {"problem": f"the pictures took longer than {self._longest_s:.0f} s, so they were given up"}
        finally:
            for pipe in (child.stdin, child.stdout):
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
            with self._changed:
                self._child = None
        if status != 0:
            return {"problem": f"the pictures could not be made (their process ended with {status})"}
        about: Sights = json.loads(told.splitlines()[-1])
        return about

    def _begun(self, command: list[str]) -> subprocess.Popen[bytes] | None:
        """A child at work; None once the page is closed."""
        low = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
        with self._changed:
            if self._is_closed:
                return None
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,  # what it says fits into the pipe
                stderr=subprocess.DEVNULL,
                env=os.environ | ONE_THREAD,
                creationflags=low,
            )
            return self._child

    def _drop(self, key: str) -> None:
        self._kept.pop(key)
        if self._folder is not None:
            shutil.rmtree(self._folder / key, ignore_errors=True)

    def _drop_oldest(self) -> None:
        while len(self._kept) > 1 and (len(self._kept) > MOST_KEPT or _bytes_in(self._folder) > MOST_KEPT_BYTES):
            self._drop(next(iter(self._kept)))


def _said_by_system(about: Sights) -> str:
    """What the system said about writing, and what can be done where the disk is full."""
    if about["errno"] not in FULL_DISK:
        return f"the pictures could not be made ({about['problem']})"
    return (
        f"the disk of the temporary folder {tempfile.gettempdir()} is full ({about['problem']}); make room there, or "
        "start the service with TMPDIR set to a folder on another disk"
    )


def _new_folder() -> Path:
    """A folder of this process; those of processes that are gone are swept first."""
    for other in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if not is_alive(owner_from(json.loads((other / OWNER).read_text(encoding="utf-8")))):
                shutil.rmtree(other, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        (folder / OWNER).write_text(json.dumps(this_process().to_dict()), encoding="utf-8")
    except OSError:  # without an owner it would be swept by nobody
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _bytes_in(folder: Path | None) -> int:
    if folder is None:
        return 0
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
