"""Pedalboard effects over a whole piece, for faults that are made of them.

What always holds: as many frames out as in, and nothing of an earlier piece is heard. Only for effects that hold no
frames back: filters, the brick-wall limiter and, with no more than two channels, the reverb; not codecs or resampling.
"""

from typing import TYPE_CHECKING

import numpy as np

from rebounce.engine.audio import MOST_CHANNELS, Audio

if TYPE_CHECKING:
    from pedalboard import Plugin

BUFFER_FRAMES = 8192

# Above half the sample rate there is nothing to filter, and pedalboard's filters return infinities.
HIGHEST_SHARE_OF_RATE = 0.45

# pedalboard guesses from the shape which axis is time, and refuses a square: no piece is handed over as short as wide.
SHORTEST_FRAMES = 2 * MOST_CHANNELS


def through_effects(effects: "list[Plugin]", audio: Audio, sample_rate_hz: int) -> Audio:
    """The audio `(channels, frames)` after the effects, which are fresh."""
    from pedalboard import Pedalboard

    frames = audio.shape[1]
    missing = max(0, SHORTEST_FRAMES - frames)
    whole = np.pad(audio, ((0, 0), (0, missing))) if missing else audio
    made: Audio = Pedalboard(effects)(whole, sample_rate_hz, buffer_size=BUFFER_FRAMES, reset=True)
    return made[:, :frames]
