"""The file behind a ledger: opened, made or brought up to date, with named statements and whole transactions.

What always holds: a transaction is whole on the disk or not there; the file has the newest schema once it is open; and
what the disk or SQLite will not do is an OutputError that names the file.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rebounce.engine.errors import DiskFull, OutputError
from rebounce.watchers.file_systems import is_share
from rebounce.watchers.named_sql import migrations, queries

BUSY_S = 30.0
BUSY_LOOK_S = 0.01
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class LedgerFile:
    """One connection, to be used by one thread."""

    def __init__(self, path: Path, *, creates: bool) -> None:
        self.path = path
        if creates:
            path.parent.mkdir(parents=True, exist_ok=True)
        place = f"{path.absolute().as_uri()}?mode={'rwc' if creates else 'rw'}"
        try:
            self._database = sqlite3.connect(place, timeout=BUSY_S, isolation_level=None, uri=True)
        except sqlite3.OperationalError as problem:
            raise _disk_trouble(path, problem, "opened") from problem
        self._database.row_factory = sqlite3.Row
        try:
            self._prepare()
            self._number = _file_number(path)
        except BaseException as problem:
            self._database.close()
            if isinstance(problem, sqlite3.OperationalError):
                raise _disk_trouble(path, problem, "opened") from problem
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def is_there(self) -> bool:
        """False when the file that is open lies at its path no more: somebody removed it, or a disk is gone."""
        return self._number == _file_number(self.path)

    def version(self) -> int:
        """A number that changes when somebody else has changed the ledger."""
        try:
            return int(self._database.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.DatabaseError as problem:
            raise _disk_trouble(self.path, problem) from problem

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """What is done within it is done together, or not at all."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            yield
            self._database.execute("COMMIT")
        except sqlite3.DatabaseError as problem:
            raise _disk_trouble(self.path, problem) from problem
        finally:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")

    def change(self, name: str, values: Mapping[str, Any]) -> int:
        """Run a statement; returns how many rows it changed."""
        return self._database.execute(queries()[name], values).rowcount

    def rows(self, name: str, values: Mapping[str, Any]) -> list[sqlite3.Row]:
        """What a question gives."""
        try:
            return self._database.execute(queries()[name], values).fetchall()
        except sqlite3.DatabaseError as problem:
            raise _disk_trouble(self.path, problem) from problem

    def _prepare(self) -> None:
        """Set the file up, waiting for another process that does the same in this moment."""
        # With a log of changes readers and one writer do not wait for each other; it needs shared memory, which a share
        # has not (a home folder may be one). Each change is on the disk when its transaction ends.
        mode = "truncate" if is_share(self.path.parent) else "wal"
        deadline_s = time.monotonic() + BUSY_S
        while True:
            try:
                if self._database.execute("PRAGMA journal_mode").fetchone()[0] != mode:
                    self._database.execute(f"PRAGMA journal_mode = {mode}")
                self._database.execute("PRAGMA synchronous = FULL")
                self._migrate()
                return
            except sqlite3.OperationalError as problem:
                # To change the mode SQLite needs the file alone, and says so at once instead of waiting.
                if problem.sqlite_errorcode not in BUSY or time.monotonic() > deadline_s:
                    raise
                time.sleep(BUSY_LOOK_S)

    def _migrate(self) -> None:
        scripts = migrations()
        version = self._schema()
        if version > len(scripts):
            raise OutputError(
                f"{self.path}: a ledger of a newer rebounce (schema {version}, this one knows {len(scripts)}); "
                "update rebounce"
            )
        if version == len(scripts):
            return
        with self.transaction():
            for script in scripts[self._schema() :]:
                for statement in _statements(script):
                    self._database.execute(statement)
            self._database.execute(f"PRAGMA user_version = {len(scripts)}")

    def _schema(self) -> int:
        return int(self._database.execute("PRAGMA user_version").fetchone()[0])


def _file_number(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _disk_trouble(path: Path, problem: sqlite3.DatabaseError, what: str = "used") -> OutputError:
    # Python's own complaints, as of a file that is closed, have no code.
    kind = DiskFull if getattr(problem, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL else OutputError
    return kind(
        f"{path}: the ledger cannot be {what} ({problem}); check its permissions, and its disk for room and health"
    )


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, since `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
