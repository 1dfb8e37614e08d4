"""The plate: eight combs and four all-passes a side, after the Freeverb that came to be the room of many free programs.

Its delays are always the same, so that a mix that went through one carries its mark. What always holds: a pair hears
the sum of its channels, one channel is heard by the left side alone, and nothing but the numbers of `Plate` is free.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Response = NDArray[np.complex64]

DELAYS_RATE_HZ = 44_100
COMBS = (1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617)
PASSES = (556, 441, 341, 225)
# By how much the delays of the right side are longer.
SPREAD = 23
SIDES = 2

SMALLEST_FEEDBACK, FEEDBACK_SPAN = 0.7, 0.28
DAMPING_SPAN = 0.4
PASS_GAIN = 0.5

# The latest that is looked for.
LATEST_S = 0.1

BINS_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """How a mix was heard through a plate: `level` of the first echo in the middle, and how late after the mix.

    `room_size`, `damping` and `width` are from 0 to 1, as the programs have them.
    """

    level: float
    late_s: float
    room_size: float
    damping: float
    width: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Self:
        """From its numbers in order, as an analysis keeps them."""
        return cls(**dict(zip((field.name for field in fields(cls)), numbers, strict=True)))


def is_plate(numbers: Sequence[float]) -> bool:
    """Whether these are the numbers of a plate that there can be."""
    if len(numbers) != len(fields(Plate)):
        return False
    plate = Plate.of(numbers)
    shares = (plate.room_size, plate.damping, plate.width)
    return 0 < plate.level < 1 and 0 <= plate.late_s <= LATEST_S and all(0 <= share <= 1 for share in shares)


class PlateResponse:
    """What a plate of level 1 answers at some frequencies, given as `turns` in radians a frame."""

    def __init__(self, turns: Floats, sample_rate_hz: float) -> None:
        self._back = np.exp(-1j * turns).astype(np.complex64)
        self._combs = [[_delayed(turns, sample_rate_hz, delay, side) for delay in COMBS] for side in range(SIDES)]
        self._passes = [_passed(turns, sample_rate_hz, side) for side in range(SIDES)]

    def sides(self, room_size: float, damping: float) -> tuple[Response, Response]:
        """Left and right."""
        feedback = np.float32(SMALLEST_FEEDBACK + FEEDBACK_SPAN * room_size)
        dull = np.float32(DAMPING_SPAN * damping)
        loop = feedback * (1 - dull) / (1 - dull * self._back)
        left, right = (
            through * sum((delayed / (1 - loop * delayed) for delayed in combs), start=np.complex64(0))
            for combs, through in zip(self._combs, self._passes, strict=True)
        )
        return left, right


def _passed(turns: Floats, sample_rate_hz: float, side: int) -> Response:
    """Through the all-passes of a side, which let all pass only nearly."""
    through = np.ones(turns.size, dtype=np.complex64)
    for delay in PASSES:
        delayed = _delayed(turns, sample_rate_hz, delay, side)
        through *= ((1 + PASS_GAIN) * delayed - 1) / (1 - PASS_GAIN * delayed)
    return through


def _delayed(turns: Floats, sample_rate_hz: float, delay: int, side: int) -> Response:
    return later(turns, int(sample_rate_hz) * (delay + side * SPREAD) // DELAYS_RATE_HZ)


def heard(plate: Plate, turns: Floats, sample_rate_hz: float, channels: int) -> tuple[Response, Response]:
    """What the plate adds to the middle and to the side of a mix, both for its middle."""
    made = list(_heard_in_parts(plate, turns, sample_rate_hz, channels))
    return np.concatenate([middle for middle, _ in made]), np.concatenate([side for _, side in made])


def _heard_in_parts(
    plate: Plate, turns: Floats, sample_rate_hz: float, channels: int
) -> Iterator[tuple[Response, Response]]:
    for start in range(0, turns.size, BINS_AT_ONCE):
        part = turns[start : start + BINS_AT_ONCE]
        left, right = PlateResponse(part, sample_rate_hz).sides(plate.room_size, plate.damping)
        level = np.float32(plate.level) * later(part, round(plate.late_s * sample_rate_hz))
        yield level * middle_of(left, right, channels), np.float32(plate.width) * level * (left - right)


def later(turns: Floats, frames: int) -> Response:
    """What a delay does."""
    delayed: Response = np.exp(-1j * turns * frames).astype(np.complex64)
    return delayed


def middle_of(left: Response, right: Response, channels: int) -> Response:
    """What of both sides is heard in the middle of so many channels."""
    return left + right if channels == SIDES else left
