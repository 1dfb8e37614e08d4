"""A score as a standard MIDI file, so that other instruments can play it.

One track for the tempo, one for each part. What always holds: the times are those of the score to within a tick (under
0.6 ms at 60 beats a minute), a note ends before its pitch is struck again, and every track ends where the piece does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import pack

import numpy as np

from rebounce.training.music.drums import VELOCITY_POWER
from rebounce.training.music.score import PARTS, TAIL_S, Note, Score

TICKS_PER_BEAT = 1920
DRUM_CHANNEL = 9
DRUM_HOLD_S = 0.1

ALL_PARTS = ("drums", *PARTS)

# The percussion key map of General MIDI.
DRUM_KEYS: Mapping[str, int] = {
    "kick": 36,
    "rim": 37,
    "snare": 38,
    "clap": 39,
    "closed_hat": 42,
    "low_tom": 43,
    "open_hat": 46,
    "crash": 49,
    "high_tom": 50,
    "ride": 51,
    "shaker": 70,
}

Event = tuple[int, int, bytes]
"""(tick, rank, message): where the ticks are equal the lower rank comes first, a note's end before a note's start."""


def midi_file(score: Score, parts: Sequence[str] = ALL_PARTS) -> bytes:
    """The parts of a score as a standard MIDI file of format 1."""
    tempo = [
        (0, 0, _meta(0x51, round(60e6 / score.bpm).to_bytes(3, "big"))),
        (0, 0, _meta(0x58, bytes([4, 2, 24, 8]))),
    ]
    tracks = [_track(score, score.style.name, tempo), *(_track(score, part, _events(score, part)) for part in parts)]
    return b"MThd" + pack(">IHHH", 6, 1, len(tracks), TICKS_PER_BEAT) + b"".join(tracks)


def _events(score: Score, part: str) -> Iterator[Event]:
    channel = DRUM_CHANNEL if part == "drums" else PARTS.index(part)
    if part != "drums":
        yield 0, 0, bytes([0xC0 | channel, score.style.programs[part]])
    for note in _apart(_drum_notes(score) if part == "drums" else score.notes[part]):
        start, end = _tick(score, note.start_s), _tick(score, note.end_s)
        yield start, 2, bytes([0x90 | channel, note.pitch, _velocity(note.velocity)])
        yield max(end, start + 1), 1, bytes([0x80 | channel, note.pitch, 0])


def _velocity(gain: float) -> int:
    """General MIDI synthesisers answer with the square of the velocity; ours are linear, and so are scores."""
    return int(np.clip(round(127 * gain**0.5), 1, 127))


def _drum_notes(score: Score) -> Iterator[Note]:
    """The hits at the levels of the style's kit."""
    for hit in score.hits:
        gain = hit.velocity**VELOCITY_POWER * 10 ** (score.style.kit.levels_db.get(hit.drum, 0.0) / 20)
        yield Note(start_s=hit.start_s, length_s=DRUM_HOLD_S, pitch=DRUM_KEYS[hit.drum], velocity=gain)


def _apart(notes: Iterable[Note]) -> Iterator[Note]:
    """The notes, each over when its own pitch is struck again: the end of one would silence the other."""
    following: dict[int, Note] = {}
    for note in sorted(notes, key=lambda note: note.start_s, reverse=True):
        later = following.get(note.pitch)
        following[note.pitch] = note
        length_s = min(note.length_s, later.start_s - note.start_s) if later else note.length_s
        if length_s > 0:
            yield Note(start_s=note.start_s, length_s=length_s, pitch=note.pitch, velocity=note.velocity)


def _tick(score: Score, seconds: float) -> int:
    return max(0, round(seconds / score.beat_s * TICKS_PER_BEAT))


def _track(score: Score, name: str, events: Iterable[Event]) -> bytes:
    """A track chunk with its name, its events in order, and its end where the piece ends."""
    end = (_tick(score, score.end_s + TAIL_S), 3, _meta(0x2F, b""))
    data, now = bytearray(), 0
    for tick, _, message in sorted([(0, -1, _meta(0x03, name.encode("ascii"))), *events, end]):
        data += _variable_length(tick - now) + message
        now = tick
    return b"MTrk" + pack(">I", len(data)) + bytes(data)


def _meta(kind: int, content: bytes) -> bytes:
    return bytes([0xFF, kind]) + _variable_length(len(content)) + content


def _variable_length(number: int) -> bytes:
    """A number in groups of seven bits, all but the last marked."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))
