"""Finding audio files: each once, in a fixed order, with the tree that is to be rebuilt."""

import os
import sys
from pathlib import Path

import pytest

from rebounce.engine.errors import UsageError
from rebounce.training.audio_files import find_audio_files


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def relatives(*inputs: Path | str) -> list[str]:
    files, problems = find_audio_files(inputs)
    assert problems == []
    return [file.relative.as_posix() for file in files]


def test_a_folder_gives_its_audio_files_in_order_and_nothing_hidden(tmp_path: Path) -> None:
    names = ("b.wav", "a.FLAC", "x/c.mp3", "x/.d.wav", ".y/e.wav", "._a.wav", "notes.txt", ".f.wav.rebounce.part")
    touch(*(tmp_path / name for name in names))
    assert relatives(tmp_path) == ["a.FLAC", "b.wav", "x/c.mp3"]


def test_a_file_named_is_taken_whatever_its_suffix_and_a_glob_is_expanded(tmp_path: Path) -> None:
    touch(tmp_path / "a.raw", tmp_path / "b.wav", tmp_path / "c.wav")
    assert relatives(tmp_path / "a.raw", str(tmp_path / "[bc].wav")) == ["a.raw", "b.wav", "c.wav"]


def test_a_name_with_the_signs_of_a_glob_is_a_name_first(tmp_path: Path) -> None:
    touch(tmp_path / "a[1].wav", tmp_path / "a1.wav")
    assert relatives(tmp_path / "a[1].wav") == ["a[1].wav"]


def test_what_is_named_twice_is_found_once(tmp_path: Path) -> None:
    touch(tmp_path / "x/a.wav")
    assert relatives(tmp_path, tmp_path / "x/a.wav", tmp_path / "x" / ".." / "x") == ["x/a.wav"]


def test_several_folders_keep_their_equal_names_apart(tmp_path: Path) -> None:
    touch(tmp_path / "one/a.wav", tmp_path / "two/a.wav")
    assert relatives(tmp_path / "one", tmp_path / "two") == ["one/a.wav", "two/a.wav"]


def test_what_is_not_there_is_a_sentence_that_names_it(tmp_path: Path) -> None:
    touch(tmp_path / "a.wav")
    files, problems = find_audio_files([tmp_path / "none.wav", tmp_path / "a.wav", "\0"])
    assert [file.path for file in files] == [tmp_path / "a.wav"]
    assert [str(tmp_path / "none.wav") in problems[0], len(problems)] == [True, 2]
    assert "expected a file or folder, found nothing (No such file or directory)" in problems[0]


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_links_are_followed_and_a_loop_ends(tmp_path: Path) -> None:
    touch(tmp_path / "disk/a.wav", tmp_path / "in/b.wav")
    (tmp_path / "in/linked").symlink_to(tmp_path / "disk")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    assert relatives(tmp_path / "in") == ["b.wav", "linked/a.wav"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_link_that_leads_to_itself_stops_nothing(tmp_path: Path) -> None:
    touch(tmp_path / "in/a.wav", tmp_path / "other/b.wav")
    (tmp_path / "in/x.wav").symlink_to("x.wav")
    (tmp_path / "in/loop").symlink_to("loop")
    assert relatives(tmp_path / "in", tmp_path / "other") == ["in/a.wav", "in/x.wav", "other/b.wav"]
    files, problems = find_audio_files([tmp_path / "in/loop"])
    assert (files, len(problems)) == ([], 1)


def test_an_empty_text_is_no_folder() -> None:
    with pytest.raises(UsageError, match="expected the path of a file or folder, found an empty text"):
        find_audio_files(["a.wav", ""])


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_a_folder_that_may_not_be_read_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    touch(tmp_path / "a/x.wav", tmp_path / "b/y.wav")
    (tmp_path / "a").chmod(0)
    files, problems = find_audio_files([tmp_path])
    (tmp_path / "a").chmod(0o700)
    assert [file.relative.as_posix() for file in files] == ["b/y.wav"]
    assert "the folder cannot be read (Permission denied)" in problems[0]
