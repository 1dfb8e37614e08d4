"""A whole piece of music from a seed: written, played, mixed."""

from dataclasses import dataclass

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.training.music.desk import brightness_curve, ride, strip, through_bus
from rebounce.training.music.drums import Drummer
from rebounce.training.music.score import Score, compose
from rebounce.training.music.styles import STYLES
from rebounce.training.music.synthesiser import play
from rebounce.training.music.voice import double, sing

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

    def section_frames(self) -> list[tuple[str, int, int]]:
        """Name, first frame and end frame of each section."""
        found = []
        for section in self.score.sections:
            start_s = self.score.time_s(section.first_bar, 0)
            end_s = self.score.time_s(section.first_bar + section.bars, 0)
            found.append((section.name, round(start_s * self.sample_rate_hz), round(end_s * self.sample_rate_hz)))
        return found


def make_mix(seed: int, seconds: float = 24.0, sample_rate_hz: int = 44_100, style: str | None = None) -> Mix:
    """A stereo mix that only the arguments decide; without a style the seed chooses one."""
    _check(seconds, sample_rate_hz, style)
    choosing, composing, performing = np.random.default_rng(seed).spawn(3)
    name = style or str(choosing.choice(sorted(STYLES)))
    score = compose(STYLES[name], seconds, composing)
    stems = perform(score, round(seconds * sample_rate_hz), sample_rate_hz, performing)
    audio = through_bus(premix(stems), sample_rate_hz)
    return Mix(audio=audio, stems=stems, sample_rate_hz=sample_rate_hz, score=score)


def premix(stems: dict[str, Audio]) -> Audio:
    """What enters the bus: the stems' sum, always added in the same order."""
    return np.asarray(sum(stems[name] for name in STEMS))


def perform(score: Score, frames: int, sample_rate_hz: int, rng: np.random.Generator) -> dict[str, Audio]:
    """The score played and put through the desk's channels, as stems."""
    raw = _play_parts(score, frames, sample_rate_hz, rng)
    stems = {}
    for name, parts in STEMS.items():
        stem = np.zeros((2, frames), dtype=np.float32)
        for part in parts:
            if np.any(raw[part]):
                stem += strip(part, ride(part, raw[part], score, sample_rate_hz), score, sample_rate_hz)
        stems[name] = stem
    return stems


def _play_parts(score: Score, frames: int, rate: int, rng: np.random.Generator) -> dict[str, Audio]:
    """Every part by its own generator, so that a change in one leaves the others as they were."""
    drumming, singing, doubling, *others = rng.spawn(7)
    brightness = brightness_curve(score, frames, rate)
    raw = {"drums": Drummer(score.style.kit, rate, drumming).play(score.hits, frames)}
    for part, own in zip(("bass", "keys", "pad", "lead"), others, strict=True):
        raw[part] = play(score.style.patches[part], score.notes[part], brightness, rate, own)
    singer = score.style.singer
    raw["voice"] = np.repeat(sing(singer, score.notes["voice"], frames, rate, singing), 2, axis=0)
    raw["choir"] = double(sing(singer, score.notes["choir"], frames, rate, doubling), rate)
    return raw


def _check(seconds: float, sample_rate_hz: int, style: str | None) -> None:
    if style is not None and style not in STYLES:
        raise UsageError(f"music style {style!r}: expected one of {', '.join(sorted(STYLES))}")
    if not seconds >= SHORTEST_S:
        raise UsageError(f"music of {seconds:g} s: expected at least {SHORTEST_S:g} s, enough for a bar and its ending")
    if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
        raise UsageError(f"music at {sample_rate_hz} Hz: expected {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz")
