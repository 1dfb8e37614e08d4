"""Who plays a score: the seam between what is written and what the desk mixes."""

from typing import Protocol

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.music.desk import brightness_curve
from rebounce.training.music.drums import Drummer
from rebounce.training.music.score import Score
from rebounce.training.music.synthesiser import play
from rebounce.training.music.voice import double, sing

SYNTHESISED = ("bass", "keys", "pad", "lead")


class Player(Protocol):
    """Turns a score into sound, one part at a time kept apart."""

    def perform(self, score: Score, frames: int, sample_rate_hz: int, rng: np.random.Generator) -> dict[str, Audio]:
        """The drums and every part of `score.PARTS` as `(2, frames)` each, dry, at any level."""


class Synthesisers:
    """The instruments that are made here: synthesisers, a drum kit and a singing voice. They need nothing installed."""

    def perform(self, score: Score, frames: int, sample_rate_hz: int, rng: np.random.Generator) -> dict[str, Audio]:
        """Every part by its own generator, so that a change in one leaves the others as they were."""
        drumming, singing, doubling, *others = rng.spawn(3 + len(SYNTHESISED))
        brightness = brightness_curve(score, frames, sample_rate_hz)
        parts = {"drums": Drummer(score.taste.kit, sample_rate_hz, drumming).play(score.hits, frames)}
        for part, own in zip(SYNTHESISED, others, strict=True):
            parts[part] = play(score.style.patches[part], score.notes[part], brightness, sample_rate_hz, own)
        singer = score.style.singer
        voice = sing(singer, score.notes["voice"], frames, sample_rate_hz, singing)
        parts["voice"] = np.repeat(voice, 2, axis=0)
        parts["choir"] = double(sing(singer, score.notes["choir"], frames, sample_rate_hz, doubling), sample_rate_hz)
        return parts
