"""What the drummer plays: the grooves of a style, a crash into each chorus, a fill out of each section."""

from collections.abc import Iterator, Mapping

import numpy as np

from rebounce.training.music.form import Section
from rebounce.training.music.performance import bars_of, struck
from rebounce.training.music.score import Hit, Score

ACCENTS = {"X": 1.0, "x": 0.72, "o": 0.34}
FILL_STEP = 12
FILL_SHARE = 0.8


def drum(score: Score, rng: np.random.Generator) -> Iterator[Hit]:
    """Every hit of the piece."""
    for bar, section in bars_of(score):
        groove = score.style.scenes[section.name].groove
        if not groove:
            continue
        is_filled = score.style.has_fills and bar == section.first_bar + section.bars - 1 and section.bars > 1
        yield from _groove(score, (bar, section), score.style.grooves[groove], is_filled, rng)
        if bar == section.first_bar and section.name == "chorus":
            yield struck(score, bar, 0, ("crash", 0.9), rng)
        if is_filled:
            yield from _fill(score, bar, rng)
    if score.style.scenes[score.sections[-1].name].groove:
        for last in ("kick", "crash"):
            yield Hit(start_s=score.end_s, drum=last, velocity=0.9)


def _groove(
    score: Score, place: tuple[int, Section], patterns: Mapping[str, str], is_filled: bool, rng: np.random.Generator
) -> Iterator[Hit]:
    """One bar of a groove; kick and closed hi-hat go on under a fill."""
    bar, section = place
    for name, pattern in patterns.items():
        for step, mark in enumerate(pattern):
            is_under_fill = is_filled and step >= FILL_STEP and name not in ("kick", "closed_hat")
            if mark != "." and not is_under_fill and not score.is_stopped(section, bar, step):
                yield struck(score, bar, step, (name, ACCENTS[mark]), rng)


def _fill(score: Score, bar: int, rng: np.random.Generator) -> Iterator[Hit]:
    """The last beat of a section, on snare and toms."""
    drums = rng.choice(["snare", "high_tom", "low_tom"], size=4)
    for step, name in enumerate(np.sort(drums)[::-1]):
        if rng.uniform() < FILL_SHARE:
            yield struck(score, bar, FILL_STEP + step, (str(name), 0.55 + 0.1 * step), rng)
