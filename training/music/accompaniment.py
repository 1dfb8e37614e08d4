"""Bass, keys and pad: the patterns of a style on the chords of a piece."""

from collections.abc import Iterator

import numpy as np

from rebounce.training.music.harmony import SCALE_STEPS, Chord, voiced
from rebounce.training.music.performance import bars_of, played, touch
from rebounce.training.music.score import Note, Score
from rebounce.training.music.style import STEPS_PER_BAR

CLOSING_S = 1.2
"""How long the closing chord is held; the rest of the tail is for its echo, and for silence."""

LOWEST_KEYS_PITCH = 57
LOWEST_PAD_PITCH = 52
HIGHEST_BASS_PITCH = 43
POWER_STEPS = (-SCALE_STEPS, 4 - SCALE_STEPS, 0)
"""A power chord from the root of a voicing: an octave below it, the fifth, and itself."""


def bass(score: Score, rng: np.random.Generator) -> Iterator[Note]:
    """The bass line."""
    for bar, section in bars_of(score):
        scene = score.style.scenes[section.name]
        if "bass" not in scene.levels_db:
            continue
        root = _low_root(score, bar)
        following = _low_root(score, min(bar + 1, len(score.chords) - 1))
        for step, held, character in _pattern_notes(score.style.bass_lines[scene.bass]):
            approach = following + (1 if following < root else -1)
            tone = {"R": root, "3": root + 2, "5": root + 4, "7": root + 6, "8": root + 7, "a": approach}[character]
            yield played(score, bar, (step, held), (score.key.pitch(tone), touch(step, rng)), rng)
    yield from _closing(score, "bass", (_low_root(score, 0, degree=0),))


def keys(score: Score, rng: np.random.Generator) -> Iterator[Note]:
    """The chords as the comping patterns ask for them."""
    voicings = _voicings(score, LOWEST_KEYS_PITCH)
    strum_s = score.style.patches["keys"].strum_s
    is_power = False
    for bar, section in bars_of(score):
        scene = score.style.scenes[section.name]
        if "keys" not in scene.levels_db:
            continue
        for step, held, character in _pattern_notes(score.style.compings[scene.comping]):
            strength = touch(step, rng)
            is_power = character == "P"
            tones = _tones(score, bar, voicings[bar], character)
            for number, tone in enumerate(tones):
                note = played(score, bar, (step, held), (score.key.pitch(tone), strength), rng)
                yield _later(note, number * strum_s)
    home = Chord(degree=0, tones=score.style.chord_tones)
    yield from _closing(score, "keys", _power(score, home) if is_power else _closing_chord(voicings[0], home))


def pad(score: Score, rng: np.random.Generator) -> Iterator[Note]:
    """The chords held."""
    voicings = _voicings(score, LOWEST_PAD_PITCH)
    for bar, section in bars_of(score):
        if "pad" in score.style.scenes[section.name].levels_db:
            for step in voicings[bar]:
                yield played(score, bar, (0, STEPS_PER_BAR), (score.key.pitch(step), 0.8), rng)
    home = Chord(degree=0, tones=score.style.chord_tones)
    yield from _closing(score, "pad", _closing_chord(voicings[0], home))


def _pattern_notes(pattern: str) -> Iterator[tuple[int, int, str]]:
    """(first step, steps held, character) of each note that a pattern writes."""
    for step, character in enumerate(pattern):
        if character not in ".-":
            held = 1
            while step + held < len(pattern) and pattern[step + held] == "-":
                held += 1
            yield step, held, character


def _low_root(score: Score, bar: int, degree: int | None = None) -> int:
    """The scale step of the root that lies in the octave of a bass."""
    step = (score.chords[bar].degree if degree is None else degree) - SCALE_STEPS
    while score.key.pitch(step) > HIGHEST_BASS_PITCH:
        step -= SCALE_STEPS
    return step


def _voicings(score: Score, lowest_pitch: int) -> list[tuple[int, ...]]:
    steps: tuple[int, ...] = ()
    found = []
    for chord in score.chords:
        steps = voiced(chord, steps, score.key.nearest_step(lowest_pitch))
        found.append(steps)
    return found


def _tones(score: Score, bar: int, chord: tuple[int, ...], character: str) -> tuple[int, ...]:
    """The scale steps that a character of a comping pattern stands for."""
    if character == "C":
        return chord
    if character == "P":
        return _power(score, score.chords[bar])
    octave, tone = divmod(int(character), len(chord))
    return (chord[tone] + SCALE_STEPS * octave,)


def _power(score: Score, chord: Chord) -> tuple[int, ...]:
    root = chord.degree
    while score.key.pitch(root) < LOWEST_KEYS_PITCH:
        root += SCALE_STEPS
    while score.key.pitch(root) >= LOWEST_KEYS_PITCH + 12:
        root -= SCALE_STEPS
    return tuple(root + step for step in POWER_STEPS)


def _closing_chord(steps: tuple[int, ...], home: Chord) -> tuple[int, ...]:
    return voiced(home, steps, steps[0] - 2)


def _closing(score: Score, part: str, steps: tuple[int, ...]) -> Iterator[Note]:
    """The chord that ends the piece, in the parts that were playing."""
    if part in score.style.scenes[score.sections[-1].name].levels_db:
        for step in steps:
            yield Note(start_s=score.end_s, length_s=CLOSING_S, pitch=score.key.pitch(step), velocity=0.8)


def _later(note: Note, late_s: float) -> Note:
    """The note begun later, with its end where it was."""
    length_s = max(note.length_s - late_s, 0.5 * note.length_s)
    return Note(start_s=note.start_s + late_s, length_s=length_s, pitch=note.pitch, velocity=note.velocity)
