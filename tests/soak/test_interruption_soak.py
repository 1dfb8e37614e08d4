"""Many kills at many moments: whatever the moment, no result is half-written and the next run makes the same bytes."""

import random
import signal
import time
from pathlib import Path

import pytest
from commands import DEADLINE_S, REVERB, chain, damped, files_below, parts, rebounce, start, write

ROUNDS = 40
# Before this nothing of ours runs yet: Python itself is starting, and ends with a traceback of its own.
SHORTEST_WAIT_S = 0.1
LONGEST_WAIT_S = 4.0


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six mixes of ten seconds, and a chain that takes a while."""
    folder = tmp_path_factory.mktemp("album")
    for number in range(6):
        write(folder / f"in/{number}.wav", damped(10, seed=number), "PCM_24")
    chain(folder / "slow.toml", '[[chain]]\nplugin = "Denoise"\n', *[REVERB] * 6, '[[chain]]\nplugin = "Finish"\n')
    return folder


@pytest.fixture(scope="module")
def expected(album: Path) -> dict[str, bytes]:
    """What an undisturbed run makes."""
    done = rebounce("restore", album / "in", "-o", album / "calm", "--preset", album / "slow.toml")
    assert done.code == 0
    return {path.name: path.read_bytes() for path in (album / "calm").glob("*.wav")}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("jobs", [1, 2])
def test_stops_at_random_moments_never_leave_a_wrong_byte(
    album: Path, expected: dict[str, bytes], tmp_path: Path, number: signal.Signals, jobs: int
) -> None:
    moments = random.Random(int(number) * 10 + jobs)
    command = ["restore", album / "in", "-o", tmp_path, "--preset", album / "slow.toml", "--jobs", jobs]
    for _ in range(ROUNDS):
        with start(*command) as process:
            # The moment is the point here, not a condition to wait for.
            time.sleep(moments.uniform(SHORTEST_WAIT_S, LONGEST_WAIT_S))
            process.send_signal(number)
            process.communicate(timeout=DEADLINE_S)
        assert process.returncode in (0, 130, -int(number))
        for path in tmp_path.glob("*.wav"):
            assert path.read_bytes() == expected[path.name], path
        if number != signal.SIGKILL:
            assert parts(tmp_path) == []
    last = rebounce(*command, "--json")
    assert last.code == 0, last
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.wav")} == expected
    assert files_below(tmp_path) == sorted(expected)
