"""What is written before anything sounds: forms, chords, tunes and rhythms."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebounce.training.music import STEMS
from rebounce.training.music.composition import compose
from rebounce.training.music.form import plan_form
from rebounce.training.music.harmony import Chord, Key, voiced
from rebounce.training.music.score import LEAD_IN_S, PARTS, Score
from rebounce.training.music.style import MODES, STEPS_PER_BAR
from rebounce.training.music.styles import STYLES


def a_score(seed: int, seconds: float = 24.0, style: str = "pop") -> Score:
    return compose(STYLES[style], seconds, np.random.default_rng(seed))


@settings(max_examples=25, deadline=None)
@given(bars=st.integers(1, 200), style=st.sampled_from(sorted(STYLES)), number=st.integers(0, 2))
def test_a_form_fills_its_bars_without_gaps(bars: int, style: str, number: int) -> None:
    sections = plan_form(STYLES[style], STYLES[style].forms[number], bars)
    assert sum(section.bars for section in sections) == bars
    assert all(section.bars >= 1 for section in sections)
    assert [section.first_bar for section in sections] == [
        sum(s.bars for s in sections[:i]) for i in range(len(sections))
    ]
    assert bars < 5 or {"verse", "chorus", "break"} <= {section.name for section in sections}


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), seconds=st.floats(5.0, 200.0), style=st.sampled_from(sorted(STYLES)))
def test_everything_lies_within_the_piece_and_nothing_in_the_lead_in(seed: int, seconds: float, style: str) -> None:
    score = a_score(seed, seconds, style)
    notes = [note for part in score.notes.values() for note in part]
    assert min([note.start_s for note in notes] + [hit.start_s for hit in score.hits]) > LEAD_IN_S - 0.02
    assert max(note.end_s for note in notes) < seconds - 1.0
    assert all(0 < note.velocity <= 1 for note in notes)


@pytest.mark.parametrize("style", sorted(STYLES))
def test_every_note_is_in_the_key_and_in_the_range_of_its_part(style: str) -> None:
    ranges = {
        "bass": (20, 56),
        "keys": (45, 96),
        "pad": (45, 84),
        "voice": (48, 80),
        "choir": (45, 77),
        "lead": (60, 92),
    }
    for seed in range(8):
        score = a_score(seed, style=style)
        scale = {(score.key.tonic + step) % 12 for step in MODES[score.key.mode]}
        for part, notes in score.notes.items():
            assert {note.pitch % 12 for note in notes} <= scale
            assert all(ranges[part][0] <= note.pitch <= ranges[part][1] for note in notes), part


@pytest.mark.parametrize("style", sorted(STYLES))
def test_the_tune_stands_on_chord_tones_at_the_half_bars(style: str) -> None:
    for seed in range(8):
        score = a_score(seed, style=style)
        for bar, chord in enumerate(score.chords):
            allowed = {score.key.pitch(degree) % 12 for degree in chord.degrees()}
            for step in (0, 8):
                due = score.time_s(bar, step)
                on_it = [note for note in score.notes["voice"] if abs(note.start_s - due) < 0.015]
                assert {note.pitch % 12 for note in on_it} <= allowed


@pytest.mark.parametrize("style", sorted(STYLES))
def test_bass_keys_and_pad_play_the_chord_of_the_bar(style: str) -> None:
    for seed in range(8):
        score = a_score(seed, style=style)
        for bar, chord in enumerate(score.chords):
            start, end = score.time_s(bar, 0) - 0.02, score.time_s(bar + 1, 0) - 0.05
            tones = {score.key.pitch(degree) % 12 for degree in chord.degrees()}
            for part in ("keys", "pad"):
                begun = [note for note in score.notes[part] if start < note.start_s < end]
                assert {note.pitch % 12 for note in begun} <= tones
            first = [note for note in score.notes["bass"] if abs(note.start_s - score.time_s(bar, 0)) < 0.02]
            assert {note.pitch % 12 for note in first} <= {score.key.pitch(chord.degree) % 12}


def test_a_power_chord_is_a_root_its_perfect_fifth_and_its_octave() -> None:
    for seed in range(20):
        score = a_score(seed, style="rock")
        verse = next(section for section in score.sections if section.name == "verse")
        for bar in range(verse.first_bar, verse.first_bar + verse.bars):
            start = score.time_s(bar, 0)
            pitches = sorted(note.pitch for note in score.notes["keys"] if abs(note.start_s - start) < 0.03)
            assert [pitch - pitches[0] for pitch in pitches] == [0, 7, 12]


def test_a_strum_sounds_string_after_string_and_ends_together() -> None:
    score = a_score(1, seconds=40.0, style="folk")
    written = STYLES["folk"].compings["strummed"]
    chorus = next(section for section in score.sections if section.name == "chorus")
    start, until = score.time_s(chorus.first_bar, 0), score.time_s(chorus.first_bar, written.index("C", 1))
    strings = [note for note in score.notes["keys"] if start - 0.02 < note.start_s < until - 0.05]
    assert [note.start_s for note in sorted(strings, key=lambda note: note.pitch)] == pytest.approx(
        [start + number * STYLES["folk"].patches["keys"].strum_s for number in range(3)], abs=0.013
    )
    assert max(note.end_s for note in strings) - min(note.end_s for note in strings) < 0.03


@pytest.mark.parametrize("style", sorted(STYLES))
def test_every_stem_has_something_to_play_from_twelve_seconds_on(style: str) -> None:
    for seed in range(20):
        score = a_score(seed, seconds=12.0, style=style)
        playing = {part for part, notes in score.notes.items() if notes} | ({"drums"} if score.hits else set())
        assert all(set(parts) & playing for parts in STEMS.values())


def test_two_bands_take_one_style_differently() -> None:
    tastes = [a_score(seed).taste for seed in range(20)]
    for values in (
        [taste.dynamics for taste in tastes],
        [taste.brightness_octaves for taste in tastes],
        [taste.kit.kick_hz for taste in tastes],
        [taste.pans["keys"] for taste in tastes],
        [taste.balance_db["voice"] for taste in tastes],
    ):
        assert len(set(values)) == 20


def test_the_silence_at_the_end_of_a_break_is_kept() -> None:
    score = a_score(5, seconds=40.0)
    section = next(section for section in score.sections if section.name == "break")
    end = score.time_s(section.first_bar + section.bars, 0)
    stop = end - STYLES["pop"].scenes["break"].stop_beats * score.beat_s
    sounding = [note for part in score.notes.values() for note in part if note.end_s > stop + 1e-6]
    assert all(note.start_s > end - 0.02 for note in sounding)
    assert not [hit for hit in score.hits if stop < hit.start_s < end - 0.02]


def test_parts_play_only_where_their_scene_has_them() -> None:
    score = a_score(2, seconds=40.0)
    for section in score.sections:
        start, end = score.time_s(section.first_bar, 0), score.time_s(section.first_bar + section.bars, 0)
        for part, notes in score.notes.items():
            if part not in score.style.scenes[section.name].levels_db:
                assert not [note for note in notes if start + 0.02 < note.start_s < end - 0.02]


def test_swing_delays_every_second_sixteenth_and_nothing_else() -> None:
    straight, swung = (replace(a_score(0), swing=swing) for swing in (0.0, 0.25))
    late = [swung.time_s(2, step) - straight.time_s(2, step) for step in range(STEPS_PER_BAR)]
    assert late[::2] == [0.0] * 8
    assert late[1::2] == pytest.approx([0.25 * straight.beat_s / 4] * 8)


def test_timing_and_loudness_are_a_players() -> None:
    score = a_score(1, seconds=60.0)
    beats = [hit for hit in score.hits if hit.drum == "closed_hat"]
    off = [(hit.start_s - LEAD_IN_S) / (score.beat_s / 4) % 1 for hit in beats]
    assert len({round(hit.velocity, 4) for hit in beats}) > 20
    assert len({round(value, 4) for value in off}) > 20


@pytest.mark.parametrize("mode", sorted(MODES))
def test_steps_and_pitches_of_a_key_are_each_others_inverse(mode: str) -> None:
    key = Key(tonic=50, mode=mode)
    assert [key.nearest_step(key.pitch(step)) for step in range(-14, 15)] == list(range(-14, 15))
    assert key.pitch(7) == 62


def test_voices_move_as_little_as_they_can() -> None:
    previous = (0, 2, 4)
    for degree in range(7):
        steps = voiced(Chord(degree=degree, tones=3), previous, -2)
        assert {step % 7 for step in steps} == set(Chord(degree=degree, tones=3).degrees())
        assert sum(abs(a - b) for a, b in zip(steps, previous, strict=True)) <= 6


@pytest.mark.parametrize("style", sorted(STYLES))
def test_every_pattern_of_a_style_is_one_bar_long_and_every_name_in_it_exists(style: str) -> None:
    data = STYLES[style]
    grooves = [pattern for groove in data.grooves.values() for pattern in groove.values()]
    for pattern in [*grooves, *data.bass_lines.values(), *data.compings.values(), *data.motifs]:
        assert len(pattern) == STEPS_PER_BAR
    for form in data.forms:
        assert {*form.opening, *form.cycle, *form.closing} <= set(data.scenes)
    assert set(data.programs) == set(data.balance_db) - {"drums"} == set(PARTS)
    assert set(data.patches) == {"bass", "keys", "pad", "lead"}
    assert all(0 <= program <= 127 for program in data.programs.values())
    assert set(data.channels) <= set(data.balance_db)
    for scene in data.scenes.values():
        assert set(scene.levels_db) <= set(data.balance_db)
        assert scene.groove in {"", *data.grooves}
        assert scene.bass in {"", *data.bass_lines}
        assert scene.comping in {"", *data.compings}
        assert ("bass" in scene.levels_db) == bool(scene.bass)
        assert ("keys" in scene.levels_db) == bool(scene.comping)
