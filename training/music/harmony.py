"""Keys, chords and how they are voiced; everything counts in steps of the scale until a pitch is asked for."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rebounce.training.music.style import MODES, Style

SCALE_STEPS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A tonic (MIDI pitch, in the octave from 48) and a mode; scale step 0 is the tonic."""

    tonic: int
    mode: str

    def pitch(self, step: int) -> int:
        """The MIDI pitch of a scale step of any octave."""
        octave, degree = divmod(step, SCALE_STEPS)
        return self.tonic + 12 * octave + MODES[self.mode][degree]

    def nearest_step(self, pitch: float) -> int:
        """The scale step whose pitch lies nearest to `pitch`."""
        around = round((pitch - self.tonic) / 12 * SCALE_STEPS)
        return min(range(around - 3, around + 4), key=lambda step: abs(self.pitch(step) - pitch))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chord:
    """A chord of stacked thirds on a degree of the scale."""

    degree: int
    tones: int

    def degrees(self) -> tuple[int, ...]:
        """The degrees of its tones, root first."""
        return tuple((self.degree + 2 * third) % SCALE_STEPS for third in range(self.tones))

    def nearest_step(self, step: int) -> int:
        """The chord tone nearest to a scale step; the lower one of two."""
        inside = self.degrees()
        return min((s for s in range(step - 4, step + 5) if s % SCALE_STEPS in inside), key=lambda s: abs(s - step))


def draw_key(style: Style, rng: np.random.Generator) -> Key:
    """A key that the style allows."""
    return Key(tonic=int(rng.integers(45, 57)), mode=str(rng.choice(style.modes)))


def voiced(chord: Chord, previous: tuple[int, ...], lowest: int) -> tuple[int, ...]:
    """The chord as ascending scale steps near the previous chord, so that the voices move as little as they can."""
    candidates = []
    for start in range(lowest, lowest + SCALE_STEPS):
        steps = [step for step in range(start, start + 2 * SCALE_STEPS) if step % SCALE_STEPS in chord.degrees()]
        candidates.append(tuple(steps[: chord.tones]))
    if not previous:
        return candidates[0]
    return min(candidates, key=lambda steps: _distance(steps, previous))


def _distance(steps: tuple[int, ...], others: tuple[int, ...]) -> float:
    """How far the voices move, with a small price for standing close together."""
    moved = sum(abs(a - b) for a, b in zip(steps, others, strict=True))
    crowded = sum(1 for a, b in pairwise(steps) if b - a < 2)
    return moved + 0.5 * crowded
