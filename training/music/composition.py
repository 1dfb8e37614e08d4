"""Writing a piece: a style and a generator in, sections, notes and drum hits out. No sound yet.

What always holds: the first `LEAD_IN_S` and the last part of the piece carry no note.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from rebounce.training.music.accompaniment import CLOSING_S, bass, keys, pad
from rebounce.training.music.drumming import drum
from rebounce.training.music.form import Section, plan_form
from rebounce.training.music.harmony import Chord, draw_key
from rebounce.training.music.melody import Placed, compose_melody
from rebounce.training.music.performance import played, touch
from rebounce.training.music.score import LEAD_IN_S, TAIL_S, Note, Score
from rebounce.training.music.style import Style
from rebounce.training.music.taste import draw_taste

LEAD_PITCH = 76.0


def compose(style: Style, seconds: float, rng: np.random.Generator) -> Score:
    """A piece of the style that fills `seconds`, lead-in and tail included."""
    wanted_bpm = float(rng.uniform(*style.bpm))
    bars = max(1, round((seconds - LEAD_IN_S - TAIL_S) * wanted_bpm / 240))
    form = style.forms[int(rng.integers(len(style.forms)))]
    sections = plan_form(style, form, bars)
    score = Score(
        style=style,
        taste=draw_taste(style, rng),
        bpm=240 * bars / (seconds - LEAD_IN_S - TAIL_S),
        swing=float(rng.uniform(*style.swing)),
        key=draw_key(style, rng),
        sections=sections,
        chords=tuple(_progress(style, sections, rng)),
        notes={},
        hits=(),
    )
    return replace(score, notes=_write_parts(score, rng), hits=tuple(drum(score, rng)))


def _progress(style: Style, sections: tuple[Section, ...], rng: np.random.Generator) -> Iterator[Chord]:
    """A chord for each bar: one progression for the verses, another for the choruses."""
    order = rng.permutation(len(style.progressions))
    for section in sections:
        progression = style.progressions[order[1 if section.name == "chorus" else 0]]
        for bar in range(section.bars):
            yield Chord(degree=progression[bar % len(progression)], tones=style.chord_tones)


def _write_parts(score: Score, rng: np.random.Generator) -> dict[str, tuple[Note, ...]]:
    """The notes of every pitched part, cut where a section stops."""
    centres = {"voice": score.style.singer.centre_pitch, "lead": LEAD_PITCH}
    steps = {part: score.key.nearest_step(pitch) for part, pitch in centres.items()}
    lines = compose_melody(score.style, score.sections, score.chords, steps, rng)
    parts = {
        "bass": list(bass(score, rng)),
        "keys": list(keys(score, rng)),
        "pad": list(pad(score, rng)),
        "lead": list(_sung(score, lines["lead"], rng)),
        "voice": [*_sung(score, lines["voice"], rng), *_last_word(score)],
        "choir": list(_sung(score, lines["choir"], rng)),
    }
    return {part: tuple(_stopped(score, notes)) for part, notes in parts.items()}


def _sung(score: Score, line: list[Placed], rng: np.random.Generator) -> Iterator[Note]:
    """A melody line as notes."""
    for bar, step, held, tone in line:
        yield played(score, bar, (step, held), (score.key.pitch(tone), touch(step, rng)), rng)


def _last_word(score: Score) -> Iterator[Note]:
    """The voice ends on the closing chord."""
    if "voice" in score.style.scenes[score.sections[-1].name].levels_db:
        tonic = Chord(degree=0, tones=3)
        step = tonic.nearest_step(score.key.nearest_step(score.style.singer.centre_pitch))
        yield Note(start_s=score.end_s, length_s=CLOSING_S, pitch=score.key.pitch(step), velocity=0.75)


def _stopped(score: Score, notes: list[Note]) -> Iterator[Note]:
    """The notes, cut short or left out where a section falls silent at its end."""
    silences = score.silences_s()
    for note in notes:
        inside = [start for start, end in silences if note.start_s < end - 0.02 and note.end_s > start]
        length = min([note.length_s, *(start - note.start_s for start in inside)])
        if length > 0.03:
            yield replace(note, length_s=length)
