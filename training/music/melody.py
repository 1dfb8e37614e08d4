"""Tunes: short rhythms and turns that come back, on chord tones where it counts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rebounce.training.music.form import Section
from rebounce.training.music.harmony import Chord
from rebounce.training.music.style import Style

REACH = 5
"""How many scale steps a tune may stray from its centre."""

Placed = tuple[int, int, int, int]
"""(bar, first sixteenth, sixteenths held, scale steps from the centre)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Motif:
    """A bar of rhythm, (first sixteenth, sixteenths held) each, and how the tune turns in it."""

    rhythm: tuple[tuple[int, int], ...]
    turns: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tune:
    """The melodic lines of a piece by part."""

    lines: dict[str, list[Placed]]

    def line(self, part: str) -> list[Placed]:
        return self.lines.get(part, [])


def compose_melody(
    style: Style, sections: tuple[Section, ...], chords: tuple[Chord, ...], rng: np.random.Generator
) -> Tune:
    """Lines for voice, choir and lead: sections of one name share their motifs; the choir sings a third below."""
    phrases: dict[str, tuple[Motif, Motif]] = {}
    lines: dict[str, list[Placed]] = {"voice": [], "choir": [], "lead": []}
    for section in sections:
        playing = style.scenes[section.name].levels_db
        if section.name not in phrases:
            phrases[section.name] = (_draw_motif(style, rng), _draw_motif(style, rng))
        lift = 2 if section.name == "chorus" else 0
        line = list(_phrase(section, phrases[section.name], chords, lift))
        if "voice" in playing:
            lines["voice"] += line
        if "choir" in playing:
            lines["choir"] += [(bar, step, held, offset - 2) for bar, step, held, offset in line]
        if "lead" in playing:
            lines["lead"] += _answer(section, line, chords) if "voice" in playing else line
    return Tune(lines=lines)


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


def _phrase(section: Section, motifs: tuple[Motif, Motif], chords: tuple[Chord, ...], lift: int) -> Iterator[Placed]:
    """The section's bars as A A B A; on the beat and at the end of a bar stand chord tones."""
    anchor = lift
    for index in range(section.bars):
        bar = section.first_bar + index
        motif = motifs[1 if index % 4 == 2 else 0]
        anchor = chords[bar].nearest_step(int(np.clip(anchor, -2 + lift, 2 + lift)))
        for number, ((step, held), turn) in enumerate(zip(motif.rhythm, motif.turns, strict=True)):
            offset = _within(anchor + turn, lift)
            if step % 8 == 0 or number == len(motif.rhythm) - 1:
                offset = chords[bar].nearest_step(offset)
            yield bar, step, held, offset
        anchor += motif.turns[-1] // 2


def _within(offset: int, centre: int) -> int:
    """The offset, turned back where it would leave the range."""
    beyond = max(0, abs(offset - centre) - REACH)
    return offset - 2 * beyond if offset > centre else offset + 2 * beyond


def _answer(section: Section, line: list[Placed], chords: tuple[Chord, ...]) -> Iterator[Placed]:
    """Short calls in the gaps of at least a quarter that another line leaves."""
    for bar in range(section.first_bar, section.first_bar + section.bars):
        taken = [(step, step + min(held, 2)) for place, step, held, _ in line if place == bar]
        for start in (0, 4, 8, 12):
            if all(end <= start or first >= start + 4 for first, end in taken):
                top = chords[bar].nearest_step(2)
                yield from ((bar, start, 2, top), (bar, start + 2, 2, top + 1 if start % 8 else top - 1))
