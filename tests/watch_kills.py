"""Kills of the real service at random moments while bounces are being written: for a few, and for many."""

import random
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from commands import RATE_HZ, damped
from daw_simulator import PATTERNS, Pace
from watch_expectations import by_chain, delivered, faults
from watch_service import Ground, files_below, make_ground, slow_chain, tone_file

from rebounce.watchers.bounce import State

# A kill in four comes while the service starts, two after it has begun to work on something, and one after it has
# delivered something; the moment is the point here, not a condition.
SHORTEST_S, LONGEST_S = 0.05, 1.6
LONGEST_WORK_S = 0.8
WORDS = ("", ": started", ": started", ": restored -> ")
WRITERS = 3
BOUNCE_S = 2.0


@dataclass(slots=True)
class Met:
    """What the kills found: how many met a bounce that was being worked on, and how many a half-written file."""

    work: int = 0
    parts: int = 0
    delivered: int = 0

    def faults(self, kills: int) -> list[str]:
        """Kills that meet nothing prove nothing."""
        enough = self.work >= kills / 3 and self.parts >= kills / 10 and self.delivered >= kills / 10
        return [] if enough else [f"of {kills} kills: {self}"]


def kill_at_random(base: Path, moments: random.Random, *, kills: int, bounces: int, **settings: object) -> list[str]:
    """Kill the service so many times while so many bounces are written, and one more is dropped before each kill;
    returns what is wrong in the end."""
    ground = make_ground(base / "ground")
    chain = slow_chain(base)
    # Longer than any pause of the writers, some of whom leave a whole, shorter file meanwhile.
    ground.configure(preset=str(chain), settle_s=0.4, give_up_s=60, jobs=2, **settings)
    contents: dict[str, list[bytes]] = {}
    met = Met()
    with ThreadPoolExecutor(WRITERS) as pool:
        written = {path: pool.submit(_bounce, ground, path, number) for number, path in enumerate(_paths(bounces))}
        for number in range(kills):
            path, content = f"Drop {number}.wav", tone_file(number, seconds=BOUNCE_S)
            ground.drop(path, content)
            contents[path] = [content]
            met.delivered = ground.count_finished()
            _kill_once(ground, moments)
            met.work += any(bounce.state is State.RUNNING for bounce in ground.bounces())
            met.parts += any(path.endswith(".part") for path in files_below(ground.root))
    ground.finish()
    contents |= {path: [future.result()] for path, future in written.items()}
    wrong = [*met.faults(kills), *faults(ground, delivered(contents, by_chain(chain)))]
    return [*wrong, ground.journal()] if wrong else []


def _kill_once(ground: Ground, moments: random.Random) -> None:
    with ground.start() as running:
        word = moments.choice(WORDS)
        if word:
            running.wait_for_word(word)
        time.sleep(moments.uniform(0, LONGEST_WORK_S) if word else moments.uniform(SHORTEST_S, LONGEST_S))
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
    return pattern(target, damped(BOUNCE_S, seed=number), RATE_HZ, Pace(pieces=8, pause_s=0.2))
