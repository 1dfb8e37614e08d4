"""A simulated room: a box, its walls alike, mirrored until the sound has fallen far enough (pyroomacoustics).

In a room of the same proportions and walls everything takes as much longer as the room is larger, if it were not for
the wavelengths: small rooms ring on at the bottom. So two trials tell how large it must be for the octaves of 500 Hz
and 1 kHz to take as long as asked on average, and a third simulation is the room. What always holds: the direct sound
is not in the tail, which begins where that arrives.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.ranges import Pick

Floats = NDArray[np.float64]

SPEED_M_PER_S = 343.0

# Boxes with less are smaller than a wardrobe, and ring at the bottom for longer than asked.
SHORTEST_RT60_S = 0.2

# Mirror images are followed until 45 of the 60 dB are gone: their number grows with the cube of the time.
FOLLOWED_SHARE = 0.75
# Measured after two trials, in two channels: the octaves together are off by 4 %, either one by up to a fifth.
TRIALS = 2
TRIAL_RATE_HZ = 16_000
TRIAL_CHANNELS = 2
MEASURED_OCTAVES_HZ = (500.0, 1_000.0)
# As a share of the height: how far the microphones stand from the middle between them.
MICROPHONE_RADIUS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A room without its size: its sides against its height, its source and the middle between its microphones as
    shares of each side, and how much of the energy its walls take."""

    proportions: tuple[float, ...]
    absorption: float
    source: tuple[float, ...]
    microphones: tuple[float, ...]


def draw_room(pick: Pick) -> Parameters:
    """Where things are is left to chance, the source in one half and the microphones in the other; `rt60_s` is no less
    than `SHORTEST_RT60_S`."""
    share = pick.rng.random
    return {
        "rt60_s": max(pick("rt60_s"), SHORTEST_RT60_S),
        "absorption": pick("absorption"),
        "proportions": [1.4 + 0.8 * share(), 1.1 + 0.3 * share(), 1.0],
        "source": [0.15 + 0.25 * share(), 0.25 + 0.5 * share(), 0.3 + 0.3 * share()],
        "microphones": [0.6 + 0.2 * share(), 0.25 + 0.5 * share(), 0.3 + 0.3 * share()],
    }


def room_tail(sample_rate_hz: int, channels: int, parameters: Parameters) -> Audio:
    """What follows the direct sound at as many microphones as there are channels, `(channels, frames)`."""
    room = Room(
        proportions=tuple(parameters["proportions"]),
        absorption=parameters["absorption"],
        source=tuple(parameters["source"]),
        microphones=tuple(parameters["microphones"]),
    )
    return _tail(room, parameters["rt60_s"], sample_rate_hz, channels)


@lru_cache(maxsize=8)
def _tail(room: Room, rt60_s: float, sample_rate_hz: int, channels: int) -> Audio:
    return _simulated(room, _height_m(room, rt60_s), rt60_s, sample_rate_hz, channels)


@lru_cache(maxsize=64)
def _height_m(room: Room, rt60_s: float) -> float:
    """The height at which the middle octaves of the room take `rt60_s` to fall by 60 dB."""
    length, width, height = room.proportions
    walls = 2 * (length * width + length * height + width * height)
    # Eyring's formula. The simulation exceeds it by a sixth or so: walls that only mirror do not mix directions.
    height_m = rt60_s * -math.log(1 - room.absorption) / 0.161 * walls / (length * width * height)
    for _ in range(TRIALS):
        tails = _simulated(room, height_m, rt60_s, TRIAL_RATE_HZ, TRIAL_CHANNELS)
        found_s = [octave_rt60_s(tails, TRIAL_RATE_HZ, middle_hz) for middle_hz in MEASURED_OCTAVES_HZ]
        height_m *= rt60_s * len(found_s) / sum(found_s)
    return height_m


def octave_rt60_s(tails: Audio, sample_rate_hz: int, middle_hz: float) -> float:
    """From the fall between 5 and 35 dB of the energy that is still to come in an octave (Schroeder 1965)."""
    from scipy import signal

    edges_hz = (middle_hz / math.sqrt(2), middle_hz * math.sqrt(2))
    octave = signal.butter(4, edges_hz, "bandpass", fs=sample_rate_hz, output="sos")
    energy = np.sum(np.square(signal.sosfilt(octave, tails.astype(np.float64), axis=1)), axis=0)
    coming = np.cumsum(energy[::-1])[::-1]
    levels_db = 10 * np.log10(coming / coming[0] + 1e-30)
    fit = np.flatnonzero((levels_db < -5) & (levels_db > -35))
    slope, _ = np.polyfit(fit / sample_rate_hz, levels_db[fit], 1)
    return float(-60 / slope)


def _simulated(room: Room, height_m: float, rt60_s: float, sample_rate_hz: int, channels: int) -> Audio:
    """The tail of the room of that height, `rt60_s` long."""
    simulator = _simulator()
    size_m = height_m * np.array(room.proportions)
    source_m = size_m * room.source
    microphones_m = _microphones_m(size_m * room.microphones, height_m, channels)
    order = math.ceil(FOLLOWED_SHARE * rt60_s * SPEED_M_PER_S / height_m)

    def responses(most_reflections: int) -> list[Floats]:
        walls = simulator.Material(room.absorption)
        box = simulator.ShoeBox(size_m, fs=sample_rate_hz, materials=walls, max_order=most_reflections)
        box.add_source(source_m)
        box.add_microphone_array(microphones_m)
        box.compute_rir()
        return [np.array(responses_of_one[0]) for responses_of_one in box.rir]

    distances_m = np.linalg.norm(microphones_m - source_m[:, np.newaxis], axis=0)
    # It delays everything by half the length of the filter that puts a reflection between two samples.
    late = simulator.constants.get("frac_delay_length") // 2
    arrivals = late + np.ceil(distances_m / SPEED_M_PER_S * sample_rate_hz).astype(int)
    tails = np.zeros((channels, max(1, round(rt60_s * sample_rate_hz))), dtype=np.float32)
    for tail, whole, direct, arrival in zip(tails, responses(order), responses(0), arrivals, strict=True):
        whole[: len(direct)] -= direct
        heard = whole[arrival : arrival + len(tail)]
        tail[: len(heard)] = heard
    return tails


def _microphones_m(middle_m: Floats, height_m: float, channels: int) -> Floats:
    """Where the microphones are, `(3, channels)`: around the middle, two of them left and right of it."""
    turns = 2 * np.pi * np.arange(channels) / max(channels, 2)
    around = np.stack([np.sin(turns), np.cos(turns), np.zeros(channels)])
    return np.asarray(middle_m[:, np.newaxis] + MICROPHONE_RADIUS * height_m * around)


def _simulator() -> Any:
    try:
        return import_module("pyroomacoustics")
    except ImportError as error:
        raise UsageError(
            f'reverb of the kind "room" needs pyroomacoustics: {error}; install it with pip install '
            '"rebounce[train]", or leave that kind out of the recipe'
        ) from error
