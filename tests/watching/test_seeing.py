"""What nobody told the service of is found all the same: by the second look after a start, and by looking through the
folder again and again.
"""

import sys
import time
from pathlib import Path

import pytest
from bouncing import Serving, tiny, watch_folder
from commands import wait_until
from killing_service import MUFFLE, PARENT, REPLACE, Deed
from watch_expectations import delivered, faults
from watch_service import make_ground, tone_file

from rebounce.watchers.bounce import State
from rebounce.watchers.steps import AFTER, BEFORE
from rebounce.watchers.watched_folder import SECOND_LOOK_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes as POSIX has them")

FIRST, SECOND = tone_file(1), tone_file(2)
LONG_S = 3600.0
MUFFLED = Deed(at="ledger.discover", when=BEFORE, what=MUFFLE, role=PARENT)
SEEN_TWICE_S = 2 * SECOND_LOOK_S


def test_what_an_observer_that_lives_and_tells_nothing_missed_is_found_by_the_next_rescan(tmp_path: Path) -> None:
    """One bounce after the other, until the second look after the start has long passed."""
    ground = make_ground(tmp_path, rescan_s=0.3)
    contents = {"0.wav": tone_file(0, seconds=0.05)}
    ground.drop("0.wav", contents["0.wav"])
    with ground.start(deeds=[MUFFLED]) as service:
        service.wait_for_word("watching")
        end_s = time.monotonic() + SEEN_TWICE_S
        service.wait_until(lambda: ground.count_finished() == 1)
        while time.monotonic() < end_s or len(contents) < 3:
            path, content = f"{len(contents)}.wav", tone_file(len(contents), seconds=0.05)
            contents[path] = content
            ground.drop(path, content)
            service.wait_until(lambda: ground.count_finished() == len(contents))
        assert "the observer ended" not in service.said
        service.stop()
    assert ground.undone() == []
    assert faults(ground, delivered({path: [content] for path, content in contents.items()})) == []


def test_what_came_while_it_started_is_found_long_before_the_next_rescan(tmp_path: Path) -> None:
    """The first scan has looked through the folder, and nobody tells of what comes in that moment."""
    ground = make_ground(tmp_path, rescan_s=LONG_S)
    ready = tmp_path / "ready"
    ready.write_bytes(SECOND)
    ground.drop("a.wav", FIRST)
    comes = Deed(
        at="ledger.discover", when=AFTER, what=REPLACE, role=PARENT, path=str(ground.root / "b.wav"), source=str(ready)
    )
    with ground.start(deeds=[MUFFLED, comes]) as service:
        service.wait_until(lambda: ground.count_finished() == 2)
        assert "the observer ended" not in service.said
        service.stop()
    assert ground.undone() == []
    assert faults(ground, delivered({"a.wav": [FIRST], "b.wav": [SECOND]})) == []


def test_what_came_into_a_new_folder_before_the_system_told_of_it_is_found_soon(tmp_path: Path) -> None:
    serving = Serving(watch_folder(tmp_path / "Bounces", poll_s=LONG_S))
    try:
        serving.item.tick()
        serving.layout.at("Album").mkdir()
        serving.item.hear("Album")
        serving.item.tick()
        serving.drop("Album/Mix.wav", tiny(1))  # of which nobody hears

        def is_queued() -> bool:
            serving.item.tick()
            return serving.ledger.counts() == {State.QUEUED: 1}

        wait_until(is_queued)
    finally:
        serving.close()
