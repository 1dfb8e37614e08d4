"""Peaks flattened by a limiter that was driven too hard: the sound of the loudness war.

The limiter is pedalboard's `BrickwallLimiter` (its older `Limiter` turns up and is no ceiling). Measured: no sample
passes its ceiling, nothing is late, one gain holds for all channels, any buffer size gives the same samples.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.level import brought_to, rms
from rebounce.training.faults.pedalboard_chain import through_effects
from rebounce.training.faults.ranges import Choice, Pick, Range, Span

LOOKAHEAD_MS = 2.0


class Limiting:
    """The audio is turned up by `drive_db` and held at its own former peak, so that the drive is what the highest peak
    is turned down by, at any level. With `keeps_level` the root mean square is then brought back to what it was;
    without it the mix has become louder.
    """

    name = "limiting"
    about = "peaks flattened by a limiter driven too hard"
    ranges: ClassVar[Mapping[str, Range]] = {
        "drive_db": Span(lowest=0, highest=40, drawn=(6, 16)),
        "release_ms": Span(lowest=1, highest=2_000, drawn=(30, 300), is_log=True),
        "keeps_level": Choice(options=(True, False), drawn=(True,)),
    }

    def draw(self, pick: Pick) -> Parameters:
        return {key: pick(key) for key in ("drive_db", "release_ms", "keeps_level")}

    def apply(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        from pedalboard import BrickwallLimiter

        peak = np.abs(audio).max()
        if peak == 0:
            return audio.copy()
        limiter = BrickwallLimiter(ceiling_db=0.0, release_ms=parameters["release_ms"], lookahead_ms=LOOKAHEAD_MS)
        driven = audio / peak * np.float32(10 ** (parameters["drive_db"] / 20))
        limited = through_effects([limiter], driven, sample_rate_hz) * peak
        return brought_to(limited, rms(audio)) if parameters["keeps_level"] else limited
