"""The watch folder service in this very process: one that a test makes, runs in a thread of its own, and listens to."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bouncing import watch_folder

from rebounce.watchers.bounce import State
from rebounce.watchers.ledger import Ledger
from rebounce.watchers.service import Service, Surroundings
from rebounce.watchers.settings import WatchFolder, WatchPlan
from rebounce.watchers.status import Watched

IN_TIME_S = 120.0
OnSay = Callable[[str], None]


class Told:
    """What a service told those around it, from whatever thread."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.records: list[dict[str, Any]] = []
        self.folders: list[list[str]] = []
        self.on_say: OnSay = lambda line: None
        self._changed = threading.Condition()

    def say(self, level: str, line: str) -> None:
        self._note(self.lines, (level, line))
        self.on_say(line)

    def done(self, record: dict[str, Any]) -> None:
        self._note(self.records, record)

    def served(self, watched: list[Watched]) -> None:
        self._note(self.folders, [one.name for one in watched])

    def statuses(self, path: Path) -> list[str]:
        return [record["status"] for record in self.records if record["input"] == str(path)]

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(is_so, IN_TIME_S), (self.lines, self.records)

    def wait_for(self, path: Path, status: str = "unchanged") -> None:
        self.wait_until(lambda: status in self.statuses(path))

    def _note(self, notes: list[Any], note: Any) -> None:
        with self._changed:
            notes.append(note)
            self._changed.notify_all()


class Base:
    """A place for services, and the services that were made there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told = Told()
        self.services: list[Service] = []

    def folder(self, name: str = "Bounces", preset: str = "bypass", **settings: Any) -> WatchFolder:
        return watch_folder(self.path / name, preset, **settings)

    def drop(self, path: str, content: bytes) -> None:
        (self.path / path).parent.mkdir(parents=True, exist_ok=True)
        (self.path / path).write_bytes(content)

    def service(self, *folders: WatchFolder, processes: int = 1, **around: Any) -> Service:
        """One for these folders; what is said once for all of them goes into its plan, the rest into what is around."""
        once = {key: around.pop(key) for key in ("config", "log_mb", "keep_logs", "ledger_days") if key in around}
        plan = WatchPlan(folders=folders, processes=processes, **once)
        told = self.told
        surroundings = Surroundings(
            state_folder=self.path / "state",
            say=told.say,
            on_record=told.done,
            on_folders=told.served,
            **around,
        )
        self.services.append(Service(plan, surroundings))
        return self.services[-1]

    def once(self, *folders: WatchFolder, **around: Any) -> int:
        service = self.service(*folders, **around)
        service.prepare()
        return service.run(once=True)

    def close(self) -> None:
        """No worker is left, whatever became of the test."""
        for service in self.services:
            service._crew.dismiss()

    def files(self, name: str = "Bounces") -> set[str]:
        found = (path for path in (self.path / name).rglob("*") if path.is_file() and ".rebounce" not in path.parts)
        return {path.relative_to(self.path / name).as_posix() for path in found}


class Running:
    """A service that runs in a thread of its own until the block ends."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        self.service.prepare()
        self.service.run()

    def __enter__(self) -> "Running":
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.service.stop()
        self._thread.join(IN_TIME_S)
        assert not self._thread.is_alive()


def states(folder: WatchFolder) -> dict[State, int]:
    with Ledger(folder.path / ".rebounce" / "ledger.sqlite") as ledger:
        return ledger.counts()
