"""Bounces that are written as DAWs write them, into a folder that is being watched."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import soundfile
from commands import RATE_HZ, damped
from daw_simulator import PATTERNS, Pace, crashed
from watch_expectations import by_chain, delivered, faults
from watch_service import gain_chain, make_ground

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes as POSIX has them")

# Settle time, pause, and whether changes are looked for.
PACES = [(0.3, 0.1, False), (0.3, 0.1, True), (0.05, 0.4, False)]


@pytest.mark.parametrize(("settle_s", "pause_s", "polls"), PACES)
def test_no_bounce_is_picked_up_before_it_is_whole(
    tmp_path: Path, settle_s: float, pause_s: float, polls: bool
) -> None:
    """All patterns at a time. Pauses that are longer than the settle time deceive nobody either: the header tells, or
    the system says that the file is still open."""
    ground = make_ground(tmp_path)
    chain = gain_chain(tmp_path)
    ground.configure(preset=str(chain), settle_s=settle_s, give_up_s=60, poll=polls, poll_s=0.1)
    pace = Pace(pieces=6, pause_s=pause_s)
    with ground.start() as service, ThreadPoolExecutor(len(PATTERNS)) as pool:
        service.wait_for_word("watching")
        places = [ground.root / f"{write.__name__}.wav" for write in PATTERNS]
        futures = [
            pool.submit(write, place, damped(0.5, seed=number), RATE_HZ, pace)
            for number, (write, place) in enumerate(zip(PATTERNS, places, strict=True))
        ]
        contents = {place.name: [future.result()] for place, future in zip(places, futures, strict=True)}
        service.wait_until(lambda: ground.count_finished() == len(contents))
        service.stop()
    assert faults(ground, delivered(contents, by_chain(chain))) == []


def test_what_a_crashed_daw_left_is_given_up_waiting_for_and_repaired(tmp_path: Path) -> None:
    ground = make_ground(tmp_path, settle_s=0.1, give_up_s=0.5)
    audio = damped(0.5)
    content = crashed(ground.root / "a.wav", audio, RATE_HZ, Pace(pause_s=0))
    ground.run("--once")
    assert (ground.root / "Done/a.wav").read_bytes() == content
    restored, _ = soundfile.read(ground.root / "Restored/a.wav", always_2d=True)
    assert 0 < len(restored) <= audio.shape[1]
