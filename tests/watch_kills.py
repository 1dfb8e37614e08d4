"""Kills of the real service at random moments while bounces are being written: for a few, and for many."""

import random
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from commands import RATE_HZ, damped
from daw_simulator import PATTERNS, Pace
from watch_expectations import by_chain, delivered, faults
from watch_service import Ground, gain_chain, make_ground

# From before the service has read its config to when it is at work; the moment is the point, not a condition.
SHORTEST_S, LONGEST_S = 0.05, 1.6
WRITERS = 3


def kill_at_random(base: Path, moments: random.Random, *, kills: int, bounces: int, **settings: object) -> list[str]:
    """Kill the service so many times while so many bounces are written; returns what is wrong in the end."""
    ground = make_ground(base / "ground")
    chain = gain_chain(base)
    # Longer than any pause of the writers, some of whom leave a whole, shorter file meanwhile.
    ground.configure(preset=str(chain), settle_s=0.4, give_up_s=60, jobs=2, **settings)
    with ThreadPoolExecutor(WRITERS) as pool:
        written = {path: pool.submit(_bounce, ground, path, number) for number, path in enumerate(_paths(bounces))}
        for _ in range(kills):
            _kill_once(ground, moments)
    ground.finish()
    contents = {path: [future.result()] for path, future in written.items()}
    expected = delivered(contents, by_chain(chain))
    wrong = faults(ground, expected)
    return [*wrong, ground.journal()] if wrong else []


def _kill_once(ground: Ground, moments: random.Random) -> None:
    with ground.start() as running:
        time.sleep(moments.uniform(SHORTEST_S, LONGEST_S))
        assert not running.is_over, running.said
        running.kill()
        assert "Traceback" not in running.said, running.said


def _paths(count: int) -> Iterable[str]:
    return [f"Song {number % 3}/Mix {number}.wav" for number in range(count)]


def _bounce(ground: Ground, path: str, number: int) -> bytes:
    """Written at its leisure; returns what it holds in the end."""
    pattern = PATTERNS[number % len(PATTERNS)]
    target = ground.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    return pattern(target, damped(0.3, seed=number), RATE_HZ, Pace(pieces=8, pause_s=0.2))
