"""Finds how reverberant a file is: reverberation time, and how far below the direct sound the room is.

What always holds: it is said and left. Too much room and reverberation put there on purpose look alike: where one in
twenty clean pieces is taken for faulty, a third of the faulty ones is found, and to alter one in twenty is too much.
"""

from typing import ClassVar

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import NOTHING_FOUND, Diagnosis, Finding
from rebounce.engine.repair.reverb_statistics import RoomMeter
from rebounce.engine.repair.room_estimate import estimate_of

# On tracks that the estimate does not know, one clean piece of the training music in sixteen is taken for as sure.
LEAST_CHANCE = 0.719


class ReverbDetector:
    """Reports `reverb`, left as it is."""

    name: ClassVar[str] = "reverb"

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._meter = RoomMeter(sample_rate_hz, channels)

    def see(self, block: Audio) -> None:
        self._meter.see(block)

    def diagnose(self) -> Diagnosis:
        estimate = estimate_of(self._meter.statistics())
        if estimate.chance < LEAST_CHANCE:
            return NOTHING_FOUND
        detail = {"rt60_s": estimate.rt60_s, "drr_db": estimate.drr_db}
        return Diagnosis(findings=(Finding(fault="reverb", confidence=estimate.chance, detail=detail),))
