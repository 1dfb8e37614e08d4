import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bouncing import watch_folder
from mounting import make_read_only, mount_again, own_mounts

from rebounce.watchers.former_names import remembering
from rebounce.watchers.layout import Layout, layout_of


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return layout_of(watch_folder(tmp_path / "Bounces"), False, tmp_path)


def test_every_name_that_a_folder_of_ours_had_stays_reserved(layout: Layout) -> None:
    assert remembering(layout).former == ()
    second = remembering(replace(layout, restored="Finished", done="Originals"))
    assert second.former == ("Restored", "Done")
    third = remembering(replace(layout, restored="Done", done="Kept"))
    assert set(third.former) == {"Restored", "Finished", "Originals"}
    for path in ("restored/Mix.wav", "Originals/A/Mix.wav", "Kept/Mix.wav", "Errors/Mix.wav"):
        assert third.is_reserved(path)
    assert not third.is_reserved("Album/Restored/Mix.wav")


def test_a_name_that_is_taken_out_of_the_list_is_free_again(layout: Layout) -> None:
    remembering(replace(layout, restored="Finished"))
    place = layout.private / "names"
    place.write_text(place.read_text(encoding="utf-8").replace("Finished\n", ""), encoding="utf-8")
    assert not remembering(layout).is_reserved("Finished/Mix.wav")


@pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")
def test_where_nothing_can_be_written_the_names_of_before_count(layout: Layout, tmp_path: Path) -> None:
    with own_mounts():
        remembering(layout)
        mount_again(layout.root, layout.root)
        make_read_only(layout.root)
        assert remembering(replace(layout, restored="Finished")).former == ("Restored",)
        make_read_only(layout.root, False)
