"""Where the watched folder is, and what its own folders are called: links, disks that come later, names that change."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mounting import make_read_only, mount_again, mount_memory, own_mounts, unmount
from watch_expectations import delivered, faults
from watch_service import Ground, files_below, make_ground, tone_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")

FIRST, SECOND, THIRD = tone_file(1), tone_file(2), tone_file(3)
LONG_S = 600.0
ROOMS = {"a": ("Restored", "Done"), "b": ("Finished", "Originals"), "c": ("Third", "Kept")}


@pytest.fixture(autouse=True)
def _mounts() -> Iterator[None]:
    with own_mounts():
        yield


def test_a_link_to_the_folder_hears_as_the_folder_does(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(ground.root)
    ground.configure(path=str(link), rescan_s=LONG_S)
    with ground.start() as service:
        service.wait_for_word("watching")
        time.sleep(2.5)  # past the second look after a start, which finds what nobody hears
        ground.drop("a.wav", FIRST)
        service.wait_until(lambda: ground.count_finished() == 1)
        service.stop()
    assert {"Restored/a.wav", "Restored/a.json", "Done/a.wav"} <= set(files_below(ground.root))


def test_a_disk_that_is_mounted_after_the_start_is_served(tmp_path: Path) -> None:
    """It was watched before, as every disk whose machine is started anew."""
    ground = make_ground(tmp_path / "ground")
    disk = mount_memory(tmp_path / "disk", megabytes=64)
    mount_again(disk, ground.root)
    ground.finish()
    unmount(ground.root)
    with ground.start() as service:
        service.wait_for_word("watching")
        (disk / "a.wav").write_bytes(FIRST)
        mount_again(disk, ground.root)
        service.wait_for_word("the folder is there again")
        service.wait_until(lambda: (ground.root / "Done/a.wav").exists() and ground.count_finished() == 1)
        service.stop()
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []


def test_a_disk_that_comes_back_read_only_is_waited_for(tmp_path: Path) -> None:
    ground = make_ground(tmp_path / "ground")
    disk = mount_memory(tmp_path / "disk", megabytes=64)
    mount_again(disk, ground.root)
    with ground.start() as service:
        service.wait_for_word("watching")
        unmount(ground.root)
        service.wait_for_word("the folder is gone or unmounted")
        (disk / "a.wav").write_bytes(FIRST)
        mount_again(disk, ground.root)
        make_read_only(ground.root)
        service.wait_for_word("ead-only")
        make_read_only(ground.root, False)
        service.wait_for_word("the folder is there again")
        service.wait_until(lambda: ground.count_finished() == 1)
        service.stop()
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []


def test_a_folder_whose_settings_change_while_it_cannot_be_opened_is_served_later(tmp_path: Path) -> None:
    ground = make_ground(tmp_path / "ground", share=True, poll_s=0.2)
    disk = mount_memory(tmp_path / "disk", megabytes=64)
    mount_again(disk, ground.root)
    with ground.start() as service:
        service.wait_for_word("watching")
        make_read_only(ground.root)
        ground.configure(share=True, poll_s=0.2, settle_s=0.06)
        service.wait_for_word("not served yet")
        (disk / "a.wav").write_bytes(FIRST)
        make_read_only(ground.root, False)
        service.wait_for_word("the config was read again: 1 folders are served")
        service.wait_until(lambda: ground.count_finished() == 1)
        service.stop()
    assert faults(ground, delivered({"a.wav": [FIRST]})) == []


def test_what_lies_in_folders_of_former_names_is_not_restored_again(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    ground.drop("a.wav", FIRST)
    with ground.start() as service:
        service.wait_until(lambda: ground.count_finished() == 1)
        rename(ground, "Finished", "Originals")
        service.wait_for_word("the config was read again")
        ground.drop("b.wav", SECOND)
        service.wait_until(lambda: ground.count_finished() == 2)
        service.stop()
    rename(ground, "Third", "Kept")
    ground.drop("c.wav", THIRD)
    ground.finish()
    places = {name for name in files_below(ground.root) if name.endswith(".wav")}
    a, b, c = ({f"{room}/{name}.wav" for room in rooms} for name, rooms in ROOMS.items())
    assert places == a | b | c


def rename(ground: Ground, restored: str, done: str) -> None:
    names = f"[folder.names]\nrestored = '{restored}'\ndone = '{done}'\n"
    config = ground.configure()
    config.write_text(config.read_text(encoding="utf-8") + names, encoding="utf-8")
