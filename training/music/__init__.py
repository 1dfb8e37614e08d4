"""Music without a data set: seeded stereo mixes from real arrangement rules, with their stems.

    mix = make_mix(seed=7)
    mix.audio, mix.stems["voice"], mix.score.bpm

`styles` says what is played as data, `composition` writes it down, a player sounds it (our own synthesisers, drums and
voice, or `fluidsynth`), `desk` and `bus` mix it, and `statistics` holds it against real music. Nothing here needs
torch, and nothing but the arguments decides what comes out.
"""

from rebounce.training.music.mix import STEMS, Mix, make_mix, premix
from rebounce.training.music.styles import STYLES

__all__ = ["STEMS", "STYLES", "Mix", "make_mix", "premix"]
