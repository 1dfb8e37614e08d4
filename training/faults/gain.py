"""A level that is wrong, all along and for all channels alike."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.ranges import Pick, Range, Span


class Gain:
    """The whole mix louder or softer by `gain_db`. Loudness and scale hear it; scale-invariant scores do not."""

    name = "gain"
    about = "the whole mix louder or softer"
    ranges: ClassVar[Mapping[str, Range]] = {"gain_db": Span(lowest=-60, highest=60, drawn=(-3, 3))}

    def draw(self, pick: Pick) -> Parameters:
        return {"gain_db": pick("gain_db")}

    def apply(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        return audio * np.float32(10 ** (parameters["gain_db"] / 20))

    def undo(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        return audio * np.float32(10 ** (-parameters["gain_db"] / 20))
