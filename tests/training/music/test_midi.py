"""Scores as MIDI files, read back by a reader that was written from the standard alone."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from rebounce.training.music.composition import compose
from rebounce.training.music.midi import DRUM_KEYS, TICKS_PER_BEAT, midi_file
from rebounce.training.music.score import PARTS, TAIL_S, Note, Score
from rebounce.training.music.styles import STYLES


@dataclass
class Track:
    """What a track holds: (second, key, velocity) of the strikes, (second, key) of the releases."""

    name: str = ""
    channel: int | None = None
    program: int | None = None
    strikes: list[tuple[float, int, int]] = field(default_factory=list)
    releases: list[tuple[float, int]] = field(default_factory=list)
    end_s: float = -1.0


def number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    value = 0
    while True:
        value, at, byte = value << 7 | data[at] & 0x7F, at + 1, data[at]
        if byte < 0x80:
            return value, at


def tracks_of(data: bytes) -> list[Track]:
    assert data[:8] == b"MThd\0\0\0\x06"
    kind, count, ticks = (int.from_bytes(data[8 + 2 * i : 10 + 2 * i], "big") for i in range(3))
    assert (kind, ticks) == (1, TICKS_PER_BEAT)
    tracks, at, beat_s = [], 14, 0.5
    for _ in range(count):
        assert data[at : at + 4] == b"MTrk"
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        track, beat_s = track_of(data[at + 8 : at + 8 + size], beat_s)
        tracks.append(track)
        at += 8 + size
    assert at == len(data)
    return tracks


def track_of(data: bytes, beat_s: float) -> tuple[Track, float]:
    track, at, tick = Track(), 0, 0
    while at < len(data):
        assert track.end_s < 0
        wait, at = number(data, at)
        tick += wait
        now = tick / TICKS_PER_BEAT * beat_s
        status = data[at]
        if status == 0xFF:
            size, start = number(data, at + 2)
            content, kind = data[start : start + size], data[at + 1]
            at = start + size
            beat_s = int.from_bytes(content, "big") / 1e6 if kind == 0x51 else beat_s
            track.name = content.decode() if kind == 3 else track.name
            track.end_s = now if kind == 0x2F else track.end_s
            continue
        track.channel = status & 15
        if status >> 4 == 0xC:
            track.program, at = data[at + 1], at + 2
        else:
            strike = (now, data[at + 1], data[at + 2])
            track.strikes += [strike] if status >> 4 == 9 else []
            track.releases += [strike[:2]] if status >> 4 == 8 else []
            at += 3
    return track, beat_s


def a_score(style: str, seed: int = 5) -> Score:
    return compose(STYLES[style], 24.0, np.random.default_rng(seed))


@pytest.mark.parametrize("style", sorted(STYLES))
def test_every_note_stands_in_the_file_where_it_stands_in_the_score(style: str) -> None:
    score = a_score(style)
    tempo, drums, *others = tracks_of(midi_file(score))
    assert tempo.name == style
    for part, track in zip(PARTS, others, strict=True):
        assert (track.name, track.channel) == (part, PARTS.index(part))
        assert track.program == score.style.programs[part]
        written = sorted((note.start_s, note.pitch) for note in score.notes[part])
        found = sorted(strike[:2] for strike in track.strikes)
        assert sorted(key for _, key in found) == sorted(key for _, key in written)
        assert [at for at, _ in found] == pytest.approx([at for at, _ in written], abs=0.001)
    assert (drums.channel, drums.program) == (9, None)
    assert sorted(at for at, _, _ in drums.strikes) == pytest.approx(
        sorted(hit.start_s for hit in score.hits), abs=1e-3
    )
    assert {key for _, key, _ in drums.strikes} <= set(DRUM_KEYS.values())


@pytest.mark.parametrize("style", sorted(STYLES))
def test_every_strike_is_released_before_its_key_is_struck_again(style: str) -> None:
    for track in tracks_of(midi_file(a_score(style)))[1:]:
        for key in {strike[1] for strike in track.strikes}:
            strikes = sorted(at for at, struck, _ in track.strikes if struck == key)
            releases = sorted(at for at, released in track.releases if released == key)
            assert len(strikes) == len(releases)
            assert all(start < end for start, end in zip(strikes, releases, strict=True))
            assert all(end <= start for end, start in zip(releases, strikes[1:], strict=False))


def test_every_track_ends_where_the_piece_ends() -> None:
    score = a_score("pop")
    tracks = tracks_of(midi_file(score))
    assert [track.end_s for track in tracks[1:]] == pytest.approx([score.end_s + TAIL_S] * (len(tracks) - 1), abs=1e-3)
    assert score.end_s + TAIL_S == pytest.approx(24.0)


def test_a_velocity_is_the_root_of_a_level() -> None:
    notes = tuple(
        Note(start_s=at, length_s=0.3, pitch=60, velocity=velocity) for at, velocity in ((1.0, 1.0), (2.0, 0.25))
    )
    score = a_score("pop")
    (_, track) = tracks_of(midi_file(replace(score, notes=score.notes | {"lead": notes}), ("lead",)))
    assert [velocity for _, _, velocity in track.strikes] == [127, 64]


def test_a_part_that_is_silent_is_an_empty_track() -> None:
    score = a_score("pop")
    (_, track) = tracks_of(midi_file(replace(score, notes=score.notes | {"lead": ()}), ("lead",)))
    assert (track.strikes, track.releases) == ([], [])
