"""The plate: pedalboard's Reverb, without the sound that goes into it.

Measured: it is linear, answers from the first frame on as it does later, and hears only the sum of its two channels.
"""

import math
from functools import lru_cache

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.pedalboard_chain import through_effects
from rebounce.training.faults.ranges import Pick
from rebounce.training.faults.reverb_level import tail_energy

# The longest of its delay lines, and what goes round in it at the smallest and the largest room.
LONGEST_LINE_S = 1640 / 44_100
SMALLEST_FEEDBACK, FEEDBACK_SPAN = 0.7, 0.28


def draw_plate(pick: Pick) -> Parameters:
    return {"room_size": pick("room_size"), "damping": pick("damping"), "width": pick("width")}


def plate_wet(audio: Audio, sample_rate_hz: int, parameters: Parameters) -> Audio:
    """The plate alone, `(channels, frames)`: each pair of neighbours has its own, as has a channel that is left."""
    character = parameters["room_size"], parameters["damping"], parameters["width"]
    pairs = [_response(audio[first : first + 2], sample_rate_hz, character) for first in range(0, len(audio), 2)]
    return np.concatenate(pairs)


def plate_energy(sample_rate_hz: int, channels: int, parameters: Parameters) -> float:
    """The energy of what an impulse in every channel comes back as, on average over the channels."""
    character = parameters["room_size"], parameters["damping"], parameters["width"]
    sizes = [min(2, channels - first) for first in range(0, channels, 2)]
    return sum(size * _pair_energy(sample_rate_hz, size, character) for size in sizes) / channels


@lru_cache(maxsize=256)
def _pair_energy(sample_rate_hz: int, channels: int, character: tuple[float, float, float]) -> float:
    impulse = np.zeros((channels, int(_half_fall_s(character[0]) * sample_rate_hz)), dtype=np.float32)
    impulse[:, 0] = 1
    return tail_energy(_response(impulse, sample_rate_hz, character), sample_rate_hz)


def _half_fall_s(room_size: float) -> float:
    """How long the tail takes to fall by 30 dB at most; the rest is a thousandth of its energy."""
    feedback = SMALLEST_FEEDBACK + FEEDBACK_SPAN * room_size
    return LONGEST_LINE_S * (1 + 1.5 / -math.log10(feedback))


def _response(audio: Audio, sample_rate_hz: int, character: tuple[float, float, float]) -> Audio:
    from pedalboard import Reverb

    room_size, damping, width = character
    reverb = Reverb(room_size=room_size, damping=damping, width=width, wet_level=1, dry_level=0)
    return through_effects([reverb], audio, sample_rate_hz)
