"""A whole piece of music from a seed: written, played, mixed."""

from dataclasses import dataclass

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.training.music.bus import Bus, draw_bus, through_bus
from rebounce.training.music.composition import compose
from rebounce.training.music.desk import ride, stem
from rebounce.training.music.players import Player, Synthesisers
from rebounce.training.music.score import Score
from rebounce.training.music.styles import STYLES

SHORTEST_S = 5.0
LOWEST_RATE_HZ = 16_000
HIGHEST_RATE_HZ = 192_000

STEMS = {
    "drums": ("drums",),
    "bass": ("bass",),
    "chords": ("keys", "pad"),
    "lead": ("lead",),
    "voice": ("voice", "choir"),
}
"""The parts of the score that each stem holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """A piece: `audio` is `(2, frames)`; `stems`, of the same shape, sum to what went into the bus."""

    audio: Audio
    stems: dict[str, Audio]
    sample_rate_hz: int
    score: Score
    bus: Bus

    def section_frames(self) -> list[tuple[str, int, int]]:
        """Name, first frame and end frame of each section."""
        found = []
        for section in self.score.sections:
            start_s = self.score.time_s(section.first_bar, 0)
            end_s = self.score.time_s(section.first_bar + section.bars, 0)
            found.append((section.name, round(start_s * self.sample_rate_hz), round(end_s * self.sample_rate_hz)))
        return found


def make_mix(
    seed: int,
    seconds: float = 24.0,
    sample_rate_hz: int = 44_100,
    style: str | None = None,
    player: Player | None = None,
    bus: Bus | None = None,
) -> Mix:
    """A stereo mix that only the arguments decide; without a style or a bus the seed chooses one.

    The same seed gives the same piece whoever plays it; without a player our own synthesisers do. `Bus()` leaves the
    mix nearly as it is, as one that is still to be mastered.
    """
    _check(seconds, sample_rate_hz, style)
    choosing, composing, performing, mixing = np.random.default_rng(seed).spawn(4)
    name = style or str(choosing.choice(sorted(STYLES)))
    score = compose(STYLES[name], seconds, composing)
    frames = round(seconds * sample_rate_hz)
    parts = (player or Synthesisers()).perform(score, frames, sample_rate_hz, performing)
    stems = mix_stems(parts, score, sample_rate_hz)
    settings = bus or draw_bus(score.style.bus, mixing)
    audio = through_bus(premix(stems), sample_rate_hz, settings)
    return Mix(audio=audio, stems=stems, sample_rate_hz=sample_rate_hz, score=score, bus=settings)


def premix(stems: dict[str, Audio]) -> Audio:
    """What enters the bus: the stems' sum, always added in the same order."""
    return np.asarray(sum(stems[name] for name in STEMS))


def mix_stems(parts: dict[str, Audio], score: Score, sample_rate_hz: int) -> dict[str, Audio]:
    """The parts of a score through the desk's channels, as stems."""
    stems = {}
    for name, members in STEMS.items():
        sounding = {part: parts[part] for part in members if np.any(parts[part])}
        ridden = {part: ride(part, sound, score, sample_rate_hz) for part, sound in sounding.items()}
        stems[name] = stem(ridden, score, sample_rate_hz) if ridden else np.zeros_like(parts["drums"])
    return stems


def _check(seconds: float, sample_rate_hz: int, style: str | None) -> None:
    if style is not None and style not in STYLES:
        raise UsageError(f"music style {style!r}: expected one of {', '.join(sorted(STYLES))}")
    if not seconds >= SHORTEST_S:
        raise UsageError(f"music of {seconds:g} s: expected at least {SHORTEST_S:g} s, enough for a bar and its ending")
    if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
        raise UsageError(f"music at {sample_rate_hz} Hz: expected {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz")
