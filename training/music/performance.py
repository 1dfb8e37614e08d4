"""What players do to what is written: timing and loudness that are never twice the same."""

from collections.abc import Iterator

import numpy as np

from rebounce.training.music.form import Section
from rebounce.training.music.score import Hit, Note, Score

TIMING_S = 0.004
"""Standard deviation of a player's timing."""

LET_GO_S = 0.012
SHORTEST_NOTE_S = 0.05


def bars_of(score: Score) -> Iterator[tuple[int, Section]]:
    """Every bar with the section it stands in."""
    for section in score.sections:
        for bar in range(section.first_bar, section.first_bar + section.bars):
            yield bar, section


def played(score: Score, bar: int, place: tuple[int, int], sound: tuple[int, float], rng: np.random.Generator) -> Note:
    """A note (first sixteenth, sixteenths held; pitch, velocity) a little early or late, let go before the next."""
    step, held = place
    start = score.time_s(bar, step) + float(np.clip(rng.normal(0.0, TIMING_S), -0.012, 0.012))
    length = (held / 4) * score.beat_s - LET_GO_S
    return Note(start_s=start, length_s=max(length, SHORTEST_NOTE_S), pitch=sound[0], velocity=sound[1])


def touch(step: int, rng: np.random.Generator) -> float:
    """A velocity: louder on the beat."""
    accent = 0.86 if step % 4 == 0 else 0.76 if step % 2 == 0 else 0.66
    return float(np.clip(accent + rng.normal(0.0, 0.05), 0.3, 1.0))


def struck(score: Score, bar: int, step: int, stroke: tuple[str, float], rng: np.random.Generator) -> Hit:
    """A stroke (drum, accent) of a drummer."""
    drum, accent = stroke
    start = score.time_s(bar, step) + float(np.clip(rng.normal(0.0, TIMING_S), -0.01, 0.01))
    return Hit(start_s=start, drum=drum, velocity=float(np.clip(accent * (1 + rng.normal(0, 0.07)), 0.05, 1.0)))
