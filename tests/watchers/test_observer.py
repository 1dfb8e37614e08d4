import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from bouncing import tiny

from rebounce.watchers.observer import Observer

IN_TIME_S = 30.0


class Heard:
    """The paths that were told, from whatever thread."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self._changed = threading.Condition()

    def __call__(self, path: str) -> None:
        with self._changed:
            self.paths.add(path)
            self._changed.notify_all()

    def wait_for(self, *paths: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: set(paths) <= self.paths, IN_TIME_S), self.paths


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "Restored").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def observer(root: Path, heard: Heard) -> Iterator[Observer]:
    observer = Observer(root, lambda path: path.partition("/")[0] == "Restored", heard)
    observer.start()
    yield observer
    observer.stop()


def test_a_file_that_comes_grows_or_goes_is_told(observer: Observer, root: Path, heard: Heard) -> None:
    (root / "Mix.wav").write_bytes(tiny(1))
    heard.wait_for("Mix.wav")
    heard.paths.clear()
    with (root / "Mix.wav").open("ab") as file:
        file.write(b"more")
    heard.wait_for("Mix.wav")
    heard.paths.clear()
    (root / "Mix.wav").unlink()
    heard.wait_for("Mix.wav")


def test_of_a_renaming_both_names_are_told(observer: Observer, root: Path, heard: Heard) -> None:
    (root / "Mix.wav.tmp").write_bytes(tiny(1))
    heard.wait_for("Mix.wav.tmp")
    (root / "Mix.wav.tmp").rename(root / "Mix.wav")
    heard.wait_for("Mix.wav.tmp", "Mix.wav")


def test_what_is_moved_into_the_folder_is_told(observer: Observer, root: Path, heard: Heard, tmp_path: Path) -> None:
    (tmp_path / "Mix.wav").write_bytes(tiny(1))
    (tmp_path / "Mix.wav").rename(root / "Mix.wav")
    heard.wait_for("Mix.wav")


def test_a_tree_that_is_moved_into_the_folder_is_told_with_its_folder_at_least(
    observer: Observer, root: Path, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "Album" / "CD 1").mkdir(parents=True)
    (tmp_path / "Album" / "CD 1" / "Mix.wav").write_bytes(tiny(1))
    (tmp_path / "Album").rename(root / "Album")
    heard.wait_for("Album")


def test_in_a_folder_that_was_made_since_files_are_told_too(observer: Observer, root: Path, heard: Heard) -> None:
    (root / "Album").mkdir()
    heard.wait_for("Album")
    number = 0
    while "Album/Mix.wav" not in heard.paths:  # until the system tells of the new folder too
        number += 1
        assert number < 100_000
        (root / "Album" / "Mix.wav").write_bytes(bytes(number % 100))


def test_what_we_put_into_our_own_folders_is_not_told(observer: Observer, root: Path, heard: Heard) -> None:
    (root / "Restored" / "Mix.wav").write_bytes(tiny(1))
    (root / "Restored" / "Mix.wav").rename(root / "Restored" / "Mix (1).wav")
    (root / "last.wav").write_bytes(tiny(1))
    heard.wait_for("last.wav")
    assert not [path for path in heard.paths if path.startswith("Restored")]


def test_reading_is_not_told(observer: Observer, root: Path, heard: Heard) -> None:
    (root / "Mix.wav").write_bytes(tiny(1))
    (root / "first.wav").write_bytes(tiny(1))
    heard.wait_for("first.wav", "Mix.wav")
    (root / "between.wav").write_bytes(tiny(1))
    heard.wait_for("between.wav")
    heard.paths.clear()
    assert (root / "Mix.wav").read_bytes() == tiny(1)
    os.listdir(root)
    (root / "last.wav").write_bytes(tiny(1))
    heard.wait_for("last.wav")
    assert "Mix.wav" not in heard.paths


def test_it_is_alive_from_its_start_to_its_stop(root: Path, heard: Heard) -> None:
    observer = Observer(root, lambda path: False, heard)
    assert not observer.is_alive()
    observer.start()
    assert observer.is_alive()
    observer.stop()
    assert not observer.is_alive()
    observer.stop()
    observer.start()
    (root / "again.wav").touch()
    heard.wait_for("again.wav")
    observer.stop()


def test_that_its_folder_went_is_noticed(root: Path, heard: Heard, tmp_path: Path) -> None:
    observer = Observer(root / "sub", lambda path: False, heard)
    with pytest.raises(OSError, match="No such file"):
        observer.start()
    assert not observer.is_alive()
    observer.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_of_it_that_died_is_noticed(root: Path) -> None:
    def die(path: str) -> None:
        raise SystemExit  # which ends the thread that tells without a word

    observer = Observer(root, lambda path: False, die)
    before = set(threading.enumerate())
    observer.start()
    (teller,) = [thread for thread in set(threading.enumerate()) - before if hasattr(thread, "emitters")]
    (root / "Mix.wav").touch()
    teller.join(IN_TIME_S)
    assert not observer.is_alive()
    observer.stop()
