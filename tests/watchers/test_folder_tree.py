import errno
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bouncing import watch_folder

from rebounce.watchers.folder_tree import check_here, make_folder, remove_bare
from rebounce.watchers.layout import Layout, layout_of
from rebounce.watchers.presence import Presence

needs_modes = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    """A folder with its mark, whatever mode new files get."""
    mask = os.umask(0o022)
    layout = layout_of(watch_folder(tmp_path / "Bounces"), False, tmp_path)
    Presence(layout)
    yield layout
    os.umask(mask)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_tree_is_made_again(layout: Layout) -> None:
    layout.at("A/B").mkdir(parents=True)
    make_folder(layout, "Restored/A/B/Mix.wav", "A/B/Mix.wav")
    assert layout.at("Restored/A/B").is_dir()
    make_folder(layout, "Restored/A/B/Mix.wav", "A/B/Mix.wav")


@needs_modes
def test_each_folder_has_the_mode_of_its_counterpart(layout: Layout) -> None:
    layout.at("A/B").mkdir(parents=True)
    layout.root.chmod(0o770)
    layout.at("A").chmod(0o2750)
    layout.at("A/B").chmod(0o700)
    make_folder(layout, "Restored/A/B/Mix.wav", "A/B/Mix.wav")
    found = [mode(layout.at(path)) for path in ("Restored", "Restored/A", "Restored/A/B")]
    assert found == [0o770, 0o2750, 0o700]


@needs_modes
def test_of_a_retried_failure_the_tree_begins_in_the_folder_that_it_lies_in(layout: Layout) -> None:
    layout.at("Errors/A").mkdir(parents=True)
    layout.at("Errors").chmod(0o711)
    layout.at("Errors/A").chmod(0o710)
    make_folder(layout, "Done/A/Mix.wav", "Errors/A/Mix.wav")
    assert (mode(layout.at("Done")), mode(layout.at("Done/A"))) == (0o711, 0o710)


@needs_modes
def test_a_folder_that_is_there_keeps_its_mode(layout: Layout) -> None:
    layout.at("Restored").mkdir(mode=0o701)
    make_folder(layout, "Restored/Mix.wav", "Mix.wav")
    assert mode(layout.at("Restored")) == 0o701


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root may give files to other groups")
def test_each_folder_has_the_group_of_its_counterpart(layout: Layout) -> None:
    layout.at("A").mkdir()
    os.chown(layout.root, -1, 12)
    os.chown(layout.at("A"), -1, 34)
    make_folder(layout, "Restored/A/Mix.wav", "A/Mix.wav")
    assert (layout.at("Restored").stat().st_gid, layout.at("Restored/A").stat().st_gid) == (12, 34)


def test_a_counterpart_that_is_gone_is_no_hindrance(layout: Layout) -> None:
    make_folder(layout, "Restored/Gone/Mix.wav", "Gone/Mix.wav")
    assert layout.at("Restored/Gone").is_dir()


@needs_modes
def test_a_folder_of_ours_can_be_written_to_whatever_its_counterpart_is(layout: Layout) -> None:
    layout.at("A").mkdir()
    layout.at("A").chmod(0o555)
    make_folder(layout, "Restored/A/Mix.wav", "A/Mix.wav")
    assert mode(layout.at("Restored/A")) & 0o700 == 0o700


def test_where_the_watched_folder_is_gone_nothing_is_made(layout: Layout) -> None:
    check_here(layout)
    layout.mark.unlink()
    with pytest.raises(OSError, match="gone or unmounted") as caught:
        make_folder(layout, "Restored/A/Mix.wav", "A/Mix.wav")
    assert caught.value.errno == errno.ESTALE
    assert not layout.at("Restored").exists()


def test_what_was_made_in_the_place_of_a_folder_that_was_gone_is_taken_away_where_it_is_bare(layout: Layout) -> None:
    make_folder(layout, "Restored/A/Mix.wav", "A/Mix.wav")
    remove_bare(layout, "Restored/A/Mix.wav")
    assert layout.at("Restored/A").is_dir()
    layout.mark.unlink()
    layout.at("Restored/keep.txt").touch()
    remove_bare(layout, "Restored/A/Mix.wav")
    assert not layout.at("Restored/A").exists()
    assert layout.at("Restored/keep.txt").exists()
