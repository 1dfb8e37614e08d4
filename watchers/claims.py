"""Claims on a share: which machine works on which bounce, since a ledger is known to its own machine alone.

A claim is a small file in `.rebounce/claims/` that only one can create. Its owner writes a new beat into it as long as
it works; a claim whose beat stands still is taken over. What always holds: time is measured by the clock of whoever
looks, from the moment it first saw a beat, so that clocks may differ, and may jump.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from rebounce.watchers.bounce import stem_of, to_bytes
from rebounce.watchers.processes import Owner, is_alive, is_here, owner_from
from rebounce.watchers.renaming import give_name
from rebounce.watchers.steps import step

BEAT_S = 5.0
# A machine that sleeps, or a share that hangs, must not lose its claims at once.
STALE_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The content of a claim, and when it was first seen so, by the monotonic clock."""

    content: bytes
    since_s: float


class Claims:
    """The claims in one folder, as one process sees and makes them."""

    def __init__(
        self, folder: Path, owner: Owner, *, stale_s: float = STALE_S, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._owner = owner
        self._stale_s = stale_s
        self._now_s = now_s
        self._seen: dict[Path, Seen] = {}

    def take(self, path: str) -> bool:
        """Claim a bounce; False while somebody else has it."""
        place = self._place(path)
        with contextlib.suppress(FileNotFoundError):  # the folder is unmounted: it is not for us to make it anew
            self._folder.mkdir(exist_ok=True)
        if self._create(place, path):
            return True
        return self._is_stale(place) and self._remove(place) and self._create(place, path)

    def beat(self, path: str, number: int) -> None:
        """Show that the work goes on."""
        with contextlib.suppress(OSError), self._place(path).open("r+b") as file:
            if _owner_in(file.read()) != self._owner:
                return  # taken over while this process slept
            file.seek(0)
            file.write(self._content(path, number))
            file.truncate()

    @step("claims.release")
    def release(self, path: str) -> None:
        """Give a claim back; one that was taken over meanwhile stays with whoever has it now."""
        place = self._place(path)
        with contextlib.suppress(OSError):
            if _owner_in(place.read_bytes()) == self._owner:
                place.unlink()

    @contextlib.contextmanager
    def held(self, path: str) -> Iterator[bool]:
        """Hold a claim for the length of a block, beating; gives False where there is none to be had."""
        if not self.take(path):
            yield False
            return
        ended = threading.Event()
        thread = threading.Thread(target=self._beat_until, args=(path, ended), daemon=True)
        thread.start()
        try:
            yield True
        finally:
            ended.set()
            thread.join()
            self.release(path)

    def sweep(self) -> bool:
        """Remove what processes that are gone have claimed; True when no claim is left."""
        for place in self._folder.glob("*.json"):
            if self._is_stale(place):
                self._remove(place)
        if not any(self._folder.glob("*.json")):
            for place in self._folder.glob("*.*-*"):  # of processes that were killed in the middle of it
                place.unlink(missing_ok=True)
        return not any(self._folder.glob("*.json"))

    def _beat_until(self, path: str, ended: threading.Event) -> None:
        number = 1
        while not ended.wait(BEAT_S):
            self.beat(path, number)
            number += 1

    def _place(self, path: str) -> Path:
        # By the stem, as files that differ in their suffix only may want the same names for their results.
        return self._folder / f"{blake2b(to_bytes(stem_of(path)), digest_size=16).hexdigest()}.json"

    def _content(self, path: str, beat: int) -> bytes:
        table = {"path": path, "owner": self._owner.to_dict(), "beat": beat}
        return json.dumps(table).encode()

    @step("claims.create")
    def _create(self, place: Path, path: str) -> bool:
        """Written under a name of its own first, so that a claim is never seen without its owner."""
        own = place.with_suffix(f".new-{self._owner.pid}")
        try:
            own.write_bytes(self._content(path, 0))
            give_name(own, place)
        except FileExistsError:
            own.unlink(missing_ok=True)
            return self._is_ours(place)
        return True

    def _is_ours(self, place: Path) -> bool:
        """True for a claim of this very process, which it could not give back while the share was gone."""
        try:
            return _owner_in(place.read_bytes()) == self._owner
        except OSError:
            return False

    def _is_stale(self, place: Path) -> bool:
        """True when the owner is known to be gone, or its beat has stood still for long."""
        try:
            content = place.read_bytes()
        except OSError:
            self._seen.pop(place, None)
            return False
        owner = _owner_in(content)
        if owner is not None and is_here(owner) and not is_alive(owner):
            return True
        seen = self._seen.get(place)
        if seen is None or seen.content != content:
            self._seen[place] = Seen(content=content, since_s=self._now_s())
            return False
        return self._now_s() - seen.since_s >= self._stale_s

    def _remove(self, place: Path) -> bool:
        """Take a stale claim away. Of several that try, the one whose renaming succeeds does it."""
        seen = self._seen.pop(place, None)
        aside = place.with_suffix(f".stale-{self._owner.pid}")
        try:
            place.rename(aside)
            is_the_one = seen is None or aside.read_bytes() == seen.content
            if not is_the_one and not place.exists():
                aside.rename(place)  # somebody else took it over in this moment
                return False
            aside.unlink()
        except OSError:
            return False
        return is_the_one


def _owner_in(content: bytes) -> Owner | None:
    try:
        table: dict[str, Any] = json.loads(content)
        return owner_from(table["owner"])
    except (ValueError, KeyError, TypeError):
        return None  # being written in this moment, or by a process that died in it
