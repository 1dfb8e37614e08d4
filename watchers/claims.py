"""Claims on a share: which machine works on which bounce, since a ledger is known to its own machine alone.

A claim is a small file in `.rebounce/claims/` that only one can create. Its owner writes a new beat into it as long as
it works; a claim whose beat stands still is taken over. What always holds: time is measured by the clock of whoever
looks, from the moment it first saw a beat, so that clocks may differ, and may jump.
"""

import contextlib
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from rebounce.engine.staging import NO_LINKS
from rebounce.watchers.bounce import stem_of, to_bytes
from rebounce.watchers.leases import STALE_S
from rebounce.watchers.processes import Owner, is_alive, is_here, owner_from
from rebounce.watchers.steps import step

BEAT_S = 5.0


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
        self._owed: set[str] = set()  # not given back, as the share was gone

    def take(self, path: str) -> bool:
        """Claim a bounce; False while somebody else has it."""
        for owed in list(self._owed):
            self.release(owed)
        place = self._place(path)
        with contextlib.suppress(FileNotFoundError):  # the folder is unmounted: it is not for us to make it anew
            self._folder.mkdir(exist_ok=True)
        if self._create(place, path):
            return True
        stale = self._stale_content(place)
        return stale is not None and self._take_over(place, path, stale)

    def beat(self, path: str, number: int) -> None:
        """Show that the work goes on."""
        with contextlib.suppress(OSError), self._place(path).open("r+b") as file:
            if _owner_in(file.read()) != self._owner:
                return  # taken over while this process slept
            file.seek(0)
            file.write(self._content(path, number))
            file.truncate()

    def is_held(self, path: str) -> bool:
        """True while the claim is this process's; one that slept for long may have lost it."""
        return self._is_ours(self._place(path))

    @step("claims.release")
    def release(self, path: str) -> None:
        """Give a claim back; one that was taken over meanwhile stays with whoever has it now. While the share is gone
        it is owed, and given back before the next one is taken."""
        place = self._place(path)
        self._owed.add(path)
        with contextlib.suppress(OSError):
            if self._folder.is_dir():
                self._owed.discard(path)
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
            stale = self._stale_content(place)
            if stale is not None and self._take_over(place, "", stale):
                place.unlink(missing_ok=True)
        if any(self._folder.glob("*.json")):
            return False
        for place in self._folder.glob("*.*-*"):  # of processes that were killed in the middle of it
            place.unlink(missing_ok=True)
        return True

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
        own = self._written(place, path)
        try:
            os.link(own, place)
        except FileExistsError:
            return self._is_ours(place)
        except OSError as problem:
            if problem.errno not in NO_LINKS:
                raise
            return self._create_alone(place, own)
        finally:
            own.unlink(missing_ok=True)
        return True

    def _create_alone(self, place: Path, own: Path) -> bool:
        """For shares without links, where it can only be created first and written then."""
        try:
            descriptor = os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return self._is_ours(place)
        with os.fdopen(descriptor, "wb") as file:
            file.write(own.read_bytes())
        return True

    def _written(self, place: Path, path: str) -> Path:
        own = place.with_suffix(f".new-{secrets.token_hex(6)}")
        own.write_bytes(self._content(path, 0))
        return own

    def _is_ours(self, place: Path) -> bool:
        """True for a claim of this very process, which it could not give back while the share was gone."""
        try:
            return _owner_in(place.read_bytes()) == self._owner
        except OSError:
            return False

    def _stale_content(self, place: Path) -> bytes | None:
        """What stands in a claim whose owner is known to be gone, or whose beat has stood still for long; else None."""
        try:
            content = place.read_bytes()
        except OSError:
            self._seen.pop(place, None)
            return None
        owner = _owner_in(content)
        is_dead = owner is not None and is_here(owner) and not is_alive(owner)
        return content if is_dead or self._has_stood_still(place, content) else None

    def _has_stood_still(self, place: Path, content: bytes) -> bool:
        """True when a file has held the same for long, as far as this process has seen."""
        seen = self._seen.get(place)
        if seen is None or seen.content != content:
            self._seen[place] = Seen(content=content, since_s=self._now_s())
            return False
        return self._now_s() - seen.since_s >= self._stale_s

    @step("claims.take_over")
    def _take_over(self, place: Path, path: str, stale: bytes) -> bool:
        """Put our claim in the place of a stale one, which is never absent meanwhile.

        Of several that try, one alone can create the file that is named after what they all found there.
        """
        turn = place.with_suffix(f".turn-{blake2b(stale, digest_size=8).hexdigest()}")
        try:
            os.close(os.open(turn, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            if self._has_stood_still(turn, b""):
                turn.unlink(missing_ok=True)  # of one that died at it
            return False
        try:
            if place.read_bytes() != stale:
                return False
            self._written(place, path).replace(place)
        except FileNotFoundError:
            return False
        finally:
            turn.unlink(missing_ok=True)
        self._seen.pop(place, None)
        return True


def _owner_in(content: bytes) -> Owner | None:
    try:
        table: dict[str, Any] = json.loads(content)
        return owner_from(table["owner"])
    except (ValueError, KeyError, TypeError):
        return None  # being written in this moment, or by a process that died in it
