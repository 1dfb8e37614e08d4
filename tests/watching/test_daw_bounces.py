"""Bounces that are written as DAWs write them, into a folder that is being watched."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from commands import RATE_HZ, damped
from daw_simulator import PATTERNS, Pace, crashed, logic
from watch_expectations import by_chain, delivered, faults
from watch_service import GAIN, gain_chain, make_ground, times

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes as POSIX has them")

FRAME_BYTES = 2 * 3  # two channels of 24 bits
MOST_DITHER = 2**-22  # with the rounding, of 24 bits
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


@pytest.mark.parametrize("gain_db", [0.0, -6.0])
def test_what_a_crashed_daw_left_is_given_up_waiting_for_and_all_of_it_is_restored(
    tmp_path: Path, gain_db: float
) -> None:
    chain = tmp_path / "gain.toml"
    chain.write_text(GAIN.replace("-6.0", str(gain_db)), encoding="utf-8")
    ground = make_ground(tmp_path, settle_s=0.1, give_up_s=0.5, preset=str(chain))
    audio = damped(0.5)
    content = crashed(ground.root / "a.wav", audio, RATE_HZ, Pace(pause_s=0))
    ground.run("--once")
    assert (ground.root / "Done/a.wav").read_bytes() == content
    written = samples_behind(content, content.index(b"data") + 8)
    assert len(written) == audio.shape[1] * 3 // 4
    restored, rate_hz = soundfile.read(ground.root / "Restored/a.wav", always_2d=True)
    assert (rate_hz, len(restored)) == (RATE_HZ, len(written))
    assert np.max(np.abs(restored - written * 10 ** (gain_db / 20))) <= (MOST_DITHER if gain_db else 0)


def samples_behind(content: bytes, offset: int) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """The whole frames of 24 bits in two channels from there to the end."""
    frames = (len(content) - offset) // FRAME_BYTES
    bits = np.frombuffer(content[offset:][: frames * FRAME_BYTES], np.uint8).reshape(-1, 3)
    padded = np.hstack([np.zeros((len(bits), 1), np.uint8), bits])
    return padded.view("<i4").reshape(frames, 2) / 2.0**31


def test_an_aiff_that_is_whole_again_and_again_is_picked_up_when_it_is_closed(tmp_path: Path) -> None:
    """As Logic writes: in every second pause there is a valid, shorter file."""
    ground = make_ground(tmp_path)
    chain = gain_chain(tmp_path)
    ground.configure(preset=str(chain), settle_s=0.05, give_up_s=60)
    audio = damped(0.5)
    with ground.start() as service:
        service.wait_for_word("watching")
        content = logic(ground.root / "Mix.aif", audio, RATE_HZ, Pace(pieces=6, pause_s=0.3))
        service.wait_until(lambda: ground.count_finished() == 1)
        service.stop()
    assert (ground.root / "Done/Mix.aif").read_bytes() == content
    done = soundfile.info(ground.root / "Restored/Mix.aif")
    assert (done.format, done.subtype, done.frames) == ("AIFF", "PCM_24", audio.shape[1])
    samples, _ = soundfile.read(ground.root / "Restored/Mix.aif", dtype="float32", always_2d=True)
    assert np.max(np.abs(samples.T - audio * 10 ** (-6 / 20))) < 2**-22
    assert times(ground, "started") == {"Mix.aif": 1}
