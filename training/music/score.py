"""Writing a piece: a style and a generator in, sections, notes and drum hits out. No sound yet.

What always holds: the first `LEAD_IN_S` and the last part of the piece carry no note, and times are in seconds from
its start.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from rebounce.training.music.form import Section, plan_form
from rebounce.training.music.harmony import SCALE_STEPS, Chord, Key, draw_key, voiced
from rebounce.training.music.melody import Placed, compose_melody
from rebounce.training.music.style import STEPS_PER_BAR, Style

LEAD_IN_S = 0.45
TAIL_S = 3.0
CLOSING_S = 1.2
"""How long the closing chord is held; the rest of the tail is for its echo, and for silence."""

LEAD_PITCH = 76.0
TIMING_S = 0.004
"""Standard deviation of a player's timing."""

TASTE_DB = 1.2
"""Standard deviation of a part's level from the style's balance: no two mixers agree."""

DRUM_ACCENTS = {"X": 1.0, "x": 0.72, "o": 0.34}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note; `pitch` is a MIDI pitch, `velocity` 0-1."""

    start_s: float
    length_s: float
    pitch: int
    velocity: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.length_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One stroke of a drum; `velocity` 0-1."""

    start_s: float
    drum: str
    velocity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A piece: its tempo and sections, notes by part (`bass keys pad lead voice choir`), drum hits, levels by part."""

    style: Style
    bpm: float
    swing: float
    key: Key
    sections: tuple[Section, ...]
    chords: tuple[Chord, ...]
    notes: dict[str, tuple[Note, ...]]
    hits: tuple[Hit, ...]
    balance_db: dict[str, float]

    @property
    def beat_s(self) -> float:
        return 60.0 / self.bpm

    @property
    def end_s(self) -> float:
        """Where the last bar ends; the closing chord is struck there."""
        return LEAD_IN_S + 4 * self.beat_s * len(self.chords)

    def time_s(self, bar: int, step: float) -> float:
        """When a sixteenth of a bar is due, swing included."""
        unit = self.style.swing_steps
        late = self.swing * unit if int(step) // unit % 2 == 1 else 0.0
        return LEAD_IN_S + (4 * bar + (step + late) / 4) * self.beat_s


def compose(style: Style, seconds: float, rng: np.random.Generator) -> Score:
    """A piece of the style that fills `seconds`, lead-in and tail included."""
    wanted_bpm = float(rng.uniform(*style.bpm))
    bars = max(1, round((seconds - LEAD_IN_S - TAIL_S) * wanted_bpm / 240))
    bpm = 240 * bars / (seconds - LEAD_IN_S - TAIL_S)
    sections = plan_form(style, bars)
    score = Score(
        style=style,
        bpm=bpm,
        swing=float(rng.uniform(*style.swing)),
        key=draw_key(style, rng),
        sections=sections,
        chords=tuple(_progress(style, sections, rng)),
        notes={},
        hits=(),
        balance_db=_balance(style, rng),
    )
    return replace(score, notes=_write_parts(score, rng), hits=tuple(_drum(score, rng)))


def _balance(style: Style, rng: np.random.Generator) -> dict[str, float]:
    """The style's balance as one mixer likes it."""
    return {
        part: level_db + float(np.clip(rng.normal(0.0, TASTE_DB), -2.5, 2.5))
        for part, level_db in sorted(style.balance_db.items())
    }


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
        "bass": list(_bass(score, rng)),
        "keys": list(_keys(score, rng)),
        "pad": list(_pad(score, rng)),
        "lead": list(_sung(score, lines["lead"], rng)),
        "voice": [*_sung(score, lines["voice"], rng), *_last_word(score)],
        "choir": list(_sung(score, lines["choir"], rng)),
    }
    return {part: tuple(_stopped(score, notes)) for part, notes in parts.items()}


def _bars(score: Score) -> Iterator[tuple[int, Section]]:
    for section in score.sections:
        for bar in range(section.first_bar, section.first_bar + section.bars):
            yield bar, section


def _pattern_notes(pattern: str) -> Iterator[tuple[int, int, str]]:
    """(first step, steps held, character) of each note that a pattern writes."""
    for step, character in enumerate(pattern):
        if character not in ".-":
            held = 1
            while step + held < len(pattern) and pattern[step + held] == "-":
                held += 1
            yield step, held, character


def _bass(score: Score, rng: np.random.Generator) -> Iterator[Note]:
    for bar, section in _bars(score):
        scene = score.style.scenes[section.name]
        if "bass" not in scene.levels_db:
            continue
        root = _low_root(score, bar)
        following = _low_root(score, min(bar + 1, len(score.chords) - 1))
        for step, held, character in _pattern_notes(score.style.bass_lines[scene.bass]):
            approach = following + (1 if following < root else -1)
            tone = {"R": root, "3": root + 2, "5": root + 4, "7": root + 6, "8": root + 7, "a": approach}[character]
            yield _played(score, bar, (step, held), (score.key.pitch(tone), _velocity(step, rng)), rng)
    yield from _closing(score, "bass", (_low_root(score, 0, degree=0),))


def _low_root(score: Score, bar: int, degree: int | None = None) -> int:
    """The scale step of the root that lies in the octave of a bass."""
    step = (score.chords[bar].degree if degree is None else degree) - SCALE_STEPS
    while score.key.pitch(step) >= 44:
        step -= SCALE_STEPS
    return step


def _voicings(score: Score, lowest_pitch: int) -> list[tuple[int, ...]]:
    steps: tuple[int, ...] = ()
    found = []
    for chord in score.chords:
        steps = voiced(chord, steps, score.key.nearest_step(lowest_pitch))
        found.append(steps)
    return found


def _keys(score: Score, rng: np.random.Generator) -> Iterator[Note]:
    voicings = _voicings(score, 57)
    for bar, section in _bars(score):
        scene = score.style.scenes[section.name]
        if "keys" not in scene.levels_db:
            continue
        chord = voicings[bar]
        for step, held, character in _pattern_notes(score.style.compings[scene.comping]):
            strength = _velocity(step, rng)
            for tone in chord if character == "C" else (_arpeggio_step(chord, int(character)),):
                yield _played(score, bar, (step, held), (score.key.pitch(tone), strength), rng)
    yield from _closing(score, "keys", voicings[0])


def _arpeggio_step(chord: tuple[int, ...], index: int) -> int:
    """Tone `index` of a chord that goes on upwards in octaves."""
    octave, tone = divmod(index, len(chord))
    return chord[tone] + SCALE_STEPS * octave


def _pad(score: Score, rng: np.random.Generator) -> Iterator[Note]:
    voicings = _voicings(score, 52)
    for bar, section in _bars(score):
        if "pad" in score.style.scenes[section.name].levels_db:
            for step in voicings[bar]:
                yield _played(score, bar, (0, STEPS_PER_BAR), (score.key.pitch(step), 0.8), rng)
    yield from _closing(score, "pad", voicings[0])


def _sung(score: Score, line: list[Placed], rng: np.random.Generator) -> Iterator[Note]:
    """A melody line as notes."""
    for bar, step, held, tone in line:
        yield _played(score, bar, (step, held), (score.key.pitch(tone), _velocity(step, rng)), rng)


def _closing(score: Score, part: str, steps: tuple[int, ...]) -> Iterator[Note]:
    """The chord that ends the piece, in the parts that were playing."""
    if part in score.style.scenes[score.sections[-1].name].levels_db:
        tonic = Chord(degree=0, tones=score.style.chord_tones)
        for step in steps if part == "bass" else voiced(tonic, steps, steps[0] - 2):
            yield Note(start_s=score.end_s, length_s=CLOSING_S, pitch=score.key.pitch(step), velocity=0.8)


def _last_word(score: Score) -> Iterator[Note]:
    """The voice ends on the closing chord."""
    if "voice" in score.style.scenes[score.sections[-1].name].levels_db:
        tonic = Chord(degree=0, tones=3)
        step = tonic.nearest_step(score.key.nearest_step(score.style.singer.centre_pitch))
        yield Note(start_s=score.end_s, length_s=CLOSING_S, pitch=score.key.pitch(step), velocity=0.75)


def _played(score: Score, bar: int, place: tuple[int, int], sound: tuple[int, float], rng: np.random.Generator) -> Note:
    """The note as a player puts it: a little early or late, and let go a little before the next."""
    step, held = place
    start = score.time_s(bar, step) + float(np.clip(rng.normal(0.0, TIMING_S), -0.012, 0.012))
    length = (held / 4) * score.beat_s - 0.012
    return Note(start_s=start, length_s=max(length, 0.05), pitch=sound[0], velocity=sound[1])


def _velocity(step: int, rng: np.random.Generator) -> float:
    """Louder on the beat, never twice the same."""
    accent = 0.86 if step % 4 == 0 else 0.76 if step % 2 == 0 else 0.66
    return float(np.clip(accent + rng.normal(0.0, 0.05), 0.3, 1.0))


def _drum(score: Score, rng: np.random.Generator) -> Iterator[Hit]:
    for bar, section in _bars(score):
        scene = score.style.scenes[section.name]
        if not scene.groove:
            continue
        is_last = bar == section.first_bar + section.bars - 1
        for drum, pattern in score.style.grooves[scene.groove].items():
            for step, mark in enumerate(pattern):
                is_under_fill = is_last and section.bars > 1 and step >= 12 and drum not in ("kick", "closed_hat")
                if mark != "." and not is_under_fill and not _is_stopped(score, section, bar, step):
                    yield _struck(score, bar, step, (drum, DRUM_ACCENTS[mark]), rng)
        if bar == section.first_bar and section.name == "chorus":
            yield _struck(score, bar, 0, ("crash", 0.9), rng)
        if is_last and section.bars > 1:
            yield from _fill(score, bar, rng)
    if score.style.scenes[score.sections[-1].name].groove:
        for drum in ("kick", "crash"):
            yield Hit(start_s=score.end_s, drum=drum, velocity=0.9)


def _fill(score: Score, bar: int, rng: np.random.Generator) -> Iterator[Hit]:
    """The last beat of a section, on snare and toms."""
    drums = rng.choice(["snare", "high_tom", "low_tom"], size=4)
    for step, drum in enumerate(np.sort(drums)[::-1]):
        if rng.uniform() < 0.8:
            yield _struck(score, bar, 12 + step, (str(drum), 0.55 + 0.1 * step), rng)


def _struck(score: Score, bar: int, step: int, stroke: tuple[str, float], rng: np.random.Generator) -> Hit:
    drum, accent = stroke
    start = score.time_s(bar, step) + float(np.clip(rng.normal(0.0, TIMING_S), -0.01, 0.01))
    return Hit(start_s=start, drum=drum, velocity=float(np.clip(accent * (1 + rng.normal(0, 0.07)), 0.05, 1.0)))


def _is_stopped(score: Score, section: Section, bar: int, step: int) -> bool:
    """True in the silence at the end of a section."""
    stop = 4 * score.style.scenes[section.name].stop_beats
    return stop > 0 and bar == section.first_bar + section.bars - 1 and step >= STEPS_PER_BAR - stop


def _stopped(score: Score, notes: list[Note]) -> Iterator[Note]:
    """The notes, cut short or left out where a section falls silent at its end."""
    silences = []
    for section in score.sections:
        end = score.time_s(section.first_bar + section.bars, 0)
        stop = score.style.scenes[section.name].stop_beats
        if stop:
            silences.append((end - stop * score.beat_s, end))
    for note in notes:
        inside = [start for start, end in silences if note.start_s < end - 0.02 and note.end_s > start]
        length = min([note.length_s, *(start - note.start_s for start in inside)])
        if length > 0.03:
            yield replace(note, length_s=length)
