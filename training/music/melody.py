"""Tunes: short rhythms and turns that come back, on chord tones where it counts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from rebounce.training.music.form import Section
from rebounce.training.music.harmony import Chord
from rebounce.training.music.style import Style

REACH = 5
"""How many scale steps a tune may stray from home."""

LIFT = 2
"""How many scale steps a chorus lies higher."""

Placed = tuple[int, int, int, int]
"""(bar, first sixteenth, sixteenths held, scale step)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Motif:
    """A bar of rhythm, (first sixteenth, sixteenths held) each, and how the tune turns in it."""

    rhythm: tuple[tuple[int, int], ...]
    turns: tuple[int, ...]


def compose_melody(
    style: Style,
    sections: tuple[Section, ...],
    chords: tuple[Chord, ...],
    centres: Mapping[str, int],
    rng: np.random.Generator,
) -> dict[str, list[Placed]]:
    """Lines for `voice`, `choir` and `lead` around the scale steps where voice and lead are at home.

    Sections of one name share their motifs. The choir sings a third below the voice; the lead has the tune where
    nobody sings, and answers where somebody does.
    """
    phrases: dict[str, tuple[Motif, Motif]] = {}
    lines: dict[str, list[Placed]] = {"voice": [], "choir": [], "lead": []}
    for section in sections:
        playing = style.scenes[section.name].levels_db
        if section.name not in phrases:
            phrases[section.name] = (_draw_motif(style, rng), _draw_motif(style, rng))
        lift = LIFT if section.name == "chorus" else 0
        tunes = {
            part: list(_phrase(section, phrases[section.name], chords, home + lift)) for part, home in centres.items()
        }
        if "voice" in playing:
            lines["voice"] += tunes["voice"]
        if "choir" in playing:
            lines["choir"] += [(bar, first, held, step - 2) for bar, first, held, step in tunes["voice"]]
        if "lead" in playing and "voice" in playing:
            lines["lead"] += _answer(section, tunes["voice"], chords, centres["lead"])
        elif "lead" in playing:
            lines["lead"] += tunes["lead"]
    return lines


def _draw_motif(style: Style, rng: np.random.Generator) -> Motif:
    pattern = str(rng.choice(style.motifs))
    rhythm = []
    for step, mark in enumerate(pattern):
        if mark == "x":
            held = 1
            while step + held < len(pattern) and pattern[step + held] == "-":
                held += 1
            rhythm.append((step, held))
    moves = rng.choice([-2, -1, -1, 0, 1, 1, 2, 3], size=len(rhythm))
    return Motif(rhythm=tuple(rhythm), turns=tuple(int(turn) for turn in np.cumsum(moves) - moves[0]))


def _phrase(section: Section, motifs: tuple[Motif, Motif], chords: tuple[Chord, ...], home: int) -> Iterator[Placed]:
    """The section's bars as A A B A; on the beat and at the end of a bar stand chord tones."""
    anchor = home
    for index in range(section.bars):
        bar = section.first_bar + index
        motif = motifs[1 if index % 4 == 2 else 0]
        anchor = chords[bar].nearest_step(int(np.clip(anchor, home - 2, home + 2)))
        for number, ((first, held), turn) in enumerate(zip(motif.rhythm, motif.turns, strict=True)):
            step = _within(anchor + turn, home)
            if first % 8 == 0 or number == len(motif.rhythm) - 1:
                step = chords[bar].nearest_step(step)
            yield bar, first, held, step
        anchor += motif.turns[-1] // 2


def _within(step: int, home: int) -> int:
    """The step, turned back where it would leave the range."""
    beyond = max(0, abs(step - home) - REACH)
    return step - 2 * beyond if step > home else step + 2 * beyond


def _answer(section: Section, line: list[Placed], chords: tuple[Chord, ...], home: int) -> Iterator[Placed]:
    """Short calls in the gaps of at least a quarter that another line leaves."""
    for bar in range(section.first_bar, section.first_bar + section.bars):
        taken = [(first, first + min(held, 2)) for place, first, held, _ in line if place == bar]
        for start in (0, 4, 8, 12):
            if all(end <= start or first >= start + 4 for first, end in taken):
                top = chords[bar].nearest_step(home + 2)
                yield from ((bar, start, 2, top), (bar, start + 2, 2, top + 1 if start % 8 else top - 1))
