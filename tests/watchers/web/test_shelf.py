import os
import sys
from pathlib import Path

import pytest
from page_folders import drop, folder_at

from rebounce.engine.errors import OutputError
from rebounce.watchers.web.shelf import Shelf, file_inside, key_of, opened, shown


def test_a_folder_keeps_its_key_whatever_comes_and_goes_beside_it(tmp_path: Path) -> None:
    first, second = folder_at(tmp_path / "A"), folder_at(tmp_path / "B")
    shelf = Shelf([first, second])
    key = key_of(second)
    assert shelf.find(key) == second
    shelf.replace([second])
    assert shelf.find(key) == second
    assert shelf.find(key_of(first)) is None
    assert list(shelf.all()) == [key]


@pytest.mark.parametrize(
    "path", ["../outside.wav", "/etc/passwd", "Done", "", ".", "a\0b", "nothing.wav", ".rebounce/ledger.sqlite"]
)
def test_only_files_that_lie_in_the_folder_are_given_out(tmp_path: Path, path: str) -> None:
    watched = folder_at(tmp_path / "Bounces")
    (tmp_path / "outside.wav").write_bytes(b"x")
    (tmp_path / "Bounces/Done").mkdir()
    assert file_inside(watched.layout, path) is None
    assert file_inside(watched.layout, None) is None


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_link_counts_by_where_it_leads(tmp_path: Path) -> None:
    watched = folder_at(tmp_path / "Bounces")
    inside = drop(watched, "Mix.wav")
    (tmp_path / "Bounces/Link.wav").symlink_to(inside)
    (tmp_path / "Bounces/Out").symlink_to(tmp_path)
    (tmp_path / "outside.wav").write_bytes(b"x")
    assert file_inside(watched.layout, "Link.wav") == inside.resolve()
    assert file_inside(watched.layout, "Out/outside.wav") is None
    (tmp_path / "Other").symlink_to(tmp_path / "Bounces")
    assert file_inside(folder_at(tmp_path / "Other").layout, "Mix.wav") == inside.resolve()


def test_to_look_at_a_folder_makes_nothing_in_it(tmp_path: Path) -> None:
    watched = folder_at(tmp_path / "Bounces")
    (tmp_path / "Bounces").rename(tmp_path / "away")
    with pytest.raises(OutputError, match="out of reach"), opened(watched):
        pass
    assert not (tmp_path / "Bounces").exists()


def test_a_ledger_that_is_none_is_said_plainly(tmp_path: Path) -> None:
    watched = folder_at(tmp_path / "Bounces")
    watched.layout.ledger.write_bytes(b"no ledger at all" * 100)
    with pytest.raises(OutputError, match="cannot be read"), opened(watched):
        pass


def test_bytes_that_are_no_text_are_written_out() -> None:
    assert shown("Mix é.wav") == "Mix é.wav"
    assert shown(os.fsdecode(b"Mix \xff.wav") if sys.platform == "linux" else "Mix \udcff.wav") == "Mix \\udcff.wav"
