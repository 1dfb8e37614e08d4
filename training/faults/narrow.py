"""A stereo image that has come too close together."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.ranges import Pick, Range, Span

# Below this width the sides are too faint to be brought back.
LEAST_WIDTH_UNDONE = 0.05


class Narrow:
    """The difference of left and right times `width`: 1 leaves it, 0 is mono. Their sum stays as it is.

    Only stereo has a width: one channel, or more than two, come back unchanged.
    """

    name = "narrow"
    about = "stereo width lost"
    ranges: ClassVar[Mapping[str, Range]] = {"width": Span(lowest=0, highest=1, drawn=(0, 0.6))}

    def draw(self, pick: Pick) -> Parameters:
        return {"width": pick("width")}

    def apply(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
        return _with_width(audio, parameters["width"])

    def undo(self, audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio | None:
        width = parameters["width"]
        return None if width < LEAST_WIDTH_UNDONE else _with_width(audio, 1 / width)


def _with_width(audio: Audio, width: float) -> Audio:
    if audio.shape[0] != 2:
        return audio.copy()
    mid = (audio[0] + audio[1]) / 2
    side = (audio[0] - audio[1]) * np.float32(width / 2)
    return np.stack([mid + side, mid - side])
