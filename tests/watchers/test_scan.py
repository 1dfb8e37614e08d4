import os
import sys
from pathlib import Path

import pytest

from rebounce.watchers.scan import scan


def make(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def found(root: Path, below: str = "", reserved: tuple[str, ...] = ()) -> list[str]:
    problems: list[str] = []
    entries = scan(str(root), below, lambda path: path in reserved, lambda folder, problem: problems.append(folder))
    paths = sorted(Path(entry.path).relative_to(root).as_posix() for entry in entries)
    assert problems == []
    return paths


def test_every_file_of_the_tree_is_found_with_its_whole_path(tmp_path: Path) -> None:
    make(tmp_path, "Mix.wav", "A/Mix.wav", "A/B/C/notes.txt")
    assert found(tmp_path) == ["A/B/C/notes.txt", "A/Mix.wav", "Mix.wav"]
    assert found(tmp_path, "A") == ["A/B/C/notes.txt", "A/Mix.wav"]
    assert found(tmp_path, "A/B") == ["A/B/C/notes.txt"]


def test_our_own_folders_and_those_of_systems_are_not_walked(tmp_path: Path) -> None:
    make(tmp_path, "Done/a.wav", "A/Done/b.wav", ".git/c.wav", "A/__MACOSX/d.wav", "A/.x/e.wav", "A/f.wav")
    assert found(tmp_path, reserved=("Done",)) == ["A/Done/b.wav", "A/f.wav"]


def test_a_folder_that_is_gone_is_told_and_the_rest_found(tmp_path: Path) -> None:
    problems: list[tuple[str, type[OSError]]] = []
    make(tmp_path, "Mix.wav")
    entries = scan(str(tmp_path), "gone", lambda path: False, lambda folder, exc: problems.append((folder, type(exc))))
    assert list(entries) == []
    assert problems == [("gone", FileNotFoundError)]


def test_a_folder_that_goes_while_it_is_walked_is_told_and_the_rest_found(tmp_path: Path) -> None:
    problems: list[str] = []
    make(tmp_path, "A/a.wav", "B/b.wav")
    names = []
    for entry in scan(str(tmp_path), "", lambda path: False, lambda folder, problem: problems.append(folder)):
        names.append(entry.name)
        for folder in ("A", "B"):
            if not entry.path.startswith(f"{tmp_path / folder}{os.sep}"):
                (tmp_path / folder / f"{folder.lower()}.wav").unlink()
                (tmp_path / folder).rmdir()
    assert len(names) == 1
    assert len(problems) == 1


def test_that_the_root_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(scan(str(tmp_path / "gone"), "", lambda path: False, lambda folder, problem: None))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_to_folders_are_not_followed_and_links_to_files_are_told(tmp_path: Path) -> None:
    make(tmp_path, "elsewhere/x.wav", "root/a.wav")
    root = tmp_path / "root"
    (root / "loop").symlink_to(root)
    (root / "away").symlink_to(tmp_path / "elsewhere")
    (root / "file.wav").symlink_to(tmp_path / "elsewhere/x.wav")
    (root / "nowhere.wav").symlink_to(tmp_path / "nowhere")
    assert found(root) == ["a.wav", "away", "file.wav", "loop", "nowhere.wav"]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
def test_names_of_any_bytes_are_found(tmp_path: Path) -> None:
    make(tmp_path, "A\udcff/M\udc80.wav")
    assert found(tmp_path) == ["A\udcff/M\udc80.wav"]


def test_deep_trees_are_walked(tmp_path: Path) -> None:
    path = "/".join(["d"] * 200)
    make(tmp_path, f"{path}/Mix.wav")
    assert found(tmp_path) == [f"{path}/Mix.wav"]
