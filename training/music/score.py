"""A piece as it is written down: sections, chords, notes and drum hits, with times in seconds from its start."""

from dataclasses import dataclass

from rebounce.training.music.form import Section
from rebounce.training.music.harmony import Chord, Key
from rebounce.training.music.style import STEPS_PER_BAR, Style
from rebounce.training.music.taste import Taste

LEAD_IN_S = 0.45
TAIL_S = 3.0
PARTS = ("bass", "keys", "pad", "lead", "voice", "choir")
"""The parts that play notes; the drums play hits."""


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
    """A piece: its tempo and sections, notes by part (`PARTS`), drum hits, and how it is to be played."""

    style: Style
    taste: Taste
    bpm: float
    swing: float
    key: Key
    sections: tuple[Section, ...]
    chords: tuple[Chord, ...]
    notes: dict[str, tuple[Note, ...]]
    hits: tuple[Hit, ...]

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

    def is_stopped(self, section: Section, bar: int, step: int) -> bool:
        """True in the silence at the end of a section."""
        stop = 4 * self.style.scenes[section.name].stop_beats
        return stop > 0 and bar == section.first_bar + section.bars - 1 and step >= STEPS_PER_BAR - stop

    def silences_s(self) -> list[tuple[float, float]]:
        """Beginning and end of each silence at the end of a section."""
        found = []
        for section in self.sections:
            stop_s = self.style.scenes[section.name].stop_beats * self.beat_s
            if stop_s:
                end_s = self.time_s(section.first_bar + section.bars, 0)
                found.append((end_s - stop_s, end_s))
        return found
