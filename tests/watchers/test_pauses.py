from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from bouncing import watch_folder
from mounting import mount_memory, own_mounts

from rebounce.watchers.layout import layout_of
from rebounce.watchers.pauses import GROWN_BYTES, TRY_AGAIN_S, Pauses
from rebounce.watchers.schedule import parse_schedule

NOON, NIGHT = datetime(2024, 5, 6, 12), datetime(2024, 5, 6, 23)
FULL = "the disk is full"


def pauses(root: Path, **settings: Any) -> Pauses:
    folder = watch_folder(root, **settings)
    return Pauses(folder, layout_of(folder, False, root))


def test_nothing_is_in_the_way_of_a_folder_with_room(tmp_path: Path) -> None:
    mine = pauses(tmp_path)
    assert mine.reason is None
    assert mine.look(NOON, 0) is None


def test_outside_its_hours_work_waits_and_the_hour_is_told(tmp_path: Path) -> None:
    mine = pauses(tmp_path, schedule=parse_schedule("22:00-06:00"))
    assert mine.look(NOON, 0) == "its hours (22:00-06:00) begin at Mon 22:00"
    assert mine.reason is not None
    assert mine.look(NIGHT, 0) is None
    assert mine.reason is None


def test_a_disk_without_the_room_to_spare_is_waited_for(tmp_path: Path) -> None:
    mine = pauses(tmp_path, spare_mb=1e9)
    reason = mine.look(NOON, 0)
    assert reason is not None
    assert "nearly full" in reason
    assert "1000000000 MB are kept free" in reason


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with own_mounts():
        yield mount_memory(tmp_path / "disk", 8)


def test_room_that_comes_back_is_noticed(small_disk: Path) -> None:
    mine = pauses(small_disk, spare_mb=5)
    assert mine.look(NOON, 0) is None
    (small_disk / "big").write_bytes(bytes(4_000_000))
    assert mine.look(NOON, 0) is not None
    (small_disk / "big").unlink()
    assert mine.look(NOON, 0) is None


def test_a_disk_that_ran_full_is_tried_again_when_there_is_more_room(small_disk: Path) -> None:
    (small_disk / "big").write_bytes(bytes(6 * GROWN_BYTES))
    mine = pauses(small_disk)
    mine.stuck(FULL)
    assert mine.reason == FULL
    assert mine.look(NOON, 0) == FULL
    with (small_disk / "big").open("r+b") as file:
        file.truncate(6 * GROWN_BYTES - GROWN_BYTES // 2)
    assert mine.look(NOON, 1) == FULL
    (small_disk / "big").unlink()
    assert mine.look(NOON, 2) is None
    assert mine.look(NOON, 3) is None


def test_a_disk_that_ran_full_is_tried_again_after_a_while_though_nothing_seems_to_have_changed(tmp_path: Path) -> None:
    mine = pauses(tmp_path)
    mine.stuck(FULL)
    assert mine.look(NOON, 1000) == FULL
    assert mine.look(NOON, 1000 + TRY_AGAIN_S - 1) == FULL
    assert mine.look(NOON, 1000 + TRY_AGAIN_S) is None
    mine.stuck(FULL)
    assert mine.look(NOON, 5000) == FULL
    assert mine.look(NOON, 5000 + TRY_AGAIN_S) is None


def test_a_full_disk_is_still_full_when_its_hours_begin(tmp_path: Path) -> None:
    mine = pauses(tmp_path, schedule=parse_schedule("22:00-06:00"))
    mine.stuck(FULL)
    reason = mine.look(NOON, 0)
    assert reason is not None
    assert reason.startswith("its hours")
    assert mine.look(NIGHT, 1) == FULL


def test_a_disk_that_cannot_be_asked_is_not_full_for_that(tmp_path: Path) -> None:
    mine = pauses(tmp_path / "Bounces", spare_mb=1)
    (tmp_path / "Bounces").rmdir()
    assert mine.look(NOON, 0) is None
