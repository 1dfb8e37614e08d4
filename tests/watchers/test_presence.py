import os
import shutil
from pathlib import Path

import pytest
from bouncing import watch_folder
from mounting import mount_memory, own_mounts, unmount

from rebounce.watchers.layout import Layout, layout_of
from rebounce.watchers.presence import Presence


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return layout_of(watch_folder(tmp_path / "Bounces"), False, tmp_path)


def test_a_folder_is_here_and_has_a_mark_that_stays(layout: Layout) -> None:
    assert Presence(layout).is_here()
    mark = layout.mark.read_text(encoding="ascii")
    assert len(mark.strip()) == 32
    assert Presence(layout).is_here()
    assert layout.mark.read_text(encoding="ascii") == mark


def test_two_folders_have_two_marks(tmp_path: Path) -> None:
    layouts = [layout_of(watch_folder(tmp_path / name), False, tmp_path) for name in ("a", "b")]
    for layout in layouts:
        Presence(layout)
    assert layouts[0].mark.read_text(encoding="ascii") != layouts[1].mark.read_text(encoding="ascii")


def test_a_folder_that_is_gone_is_not_here_until_it_is_back(layout: Layout) -> None:
    presence = Presence(layout)
    away = layout.root.with_name("away")
    layout.root.rename(away)
    assert not presence.is_here()
    away.rename(layout.root)
    assert presence.is_here()


@pytest.mark.parametrize("name", ["", ".rebounce"])
def test_what_was_removed_and_made_again_is_told_once_and_then_taken_for_it(layout: Layout, name: str) -> None:
    """All that was open in it has to be opened anew, whether the system gives it a new number or the old one."""
    presence = Presence(layout)
    shutil.rmtree(layout.root / name)
    layout.root.mkdir(exist_ok=True)
    assert [presence.is_here() for _ in range(3)] == [False, True, True]
    assert layout.mark.exists()


def test_the_bare_folder_under_a_mount_is_not_the_one_that_is_watched_and_stays_bare(layout: Layout) -> None:
    with own_mounts():
        mount_memory(layout.root, 1)
        presence = Presence(layout)
        mark = layout.mark.read_text(encoding="ascii")
        assert presence.is_here()
        unmount(layout.root)
        assert not presence.is_here()
        assert os.listdir(layout.root) == []
        assert not presence.is_here()
        mount_memory(layout.root, 1)
        layout.private.mkdir()
        layout.mark.write_text(mark, encoding="ascii")
        assert presence.is_here()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\n"])
def test_a_mark_that_cannot_be_read_is_made_anew(layout: Layout, content: bytes) -> None:
    layout.private.mkdir()
    layout.mark.write_bytes(content)
    presence = Presence(layout)
    assert presence.is_here()
    assert len(layout.mark.read_text(encoding="ascii").strip()) == 32


def test_a_glance_tells_of_another_folder_and_changes_nothing(layout: Layout) -> None:
    presence = Presence(layout)
    assert presence.is_same()
    layout.mark.write_text("0123\n", encoding="ascii")
    for _ in range(2):
        assert not presence.is_same()
    assert not presence.is_here()  # gone once, so that all is opened anew
    assert presence.is_same()
    assert presence.is_here()
