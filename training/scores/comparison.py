"""What every score begins with: two pieces of audio that can be compared, and a ratio that is always a number.

What always holds: silence is where every sample is 0; energies are added up in float64, slab after slab, so that
memory does not grow with the length; and a ratio in dB lies between -120 and 120, so that JSON can hold the score of
a perfect copy.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from rebounce.engine.audio import Audio, as_audio, check_numbers
from rebounce.engine.errors import UsageError

LIMIT_DB = 120.0
"""Where ratios end. float32 itself resolves a little more; nobody hears more than that."""

SLAB_FRAMES = 65_536


def comparable(clean: Any, *others: Any) -> tuple[Audio, ...]:
    """All pieces as float32 `(channels, frames)`; UsageError where shapes differ or a sample is no number."""
    pieces = tuple(check_numbers(as_audio(piece)) for piece in (clean, *others))
    for piece in pieces[1:]:
        if piece.shape != pieces[0].shape:
            raise UsageError(
                "scores: expected two pieces of the same (channels, frames), "
                f"got {pieces[0].shape} and {piece.shape}; align them and cut them to one length first"
            )
    return pieces


def energy(audio: Audio) -> float:
    """The sum of all squares."""
    return product(audio, audio)


def product(one: Audio, other: Audio) -> float:
    """The sum over all samples of one times the other."""
    return sum(float(np.multiply(one[:, slab], other[:, slab], dtype=np.float64).sum()) for slab in _slabs(one))


def energy_of_rest(clean: Audio, other: Audio, gain: float = 1.0) -> float:
    """The energy of `other - gain * clean`."""
    total = 0.0
    for slab in _slabs(clean):
        rest = other[:, slab] - clean[:, slab].astype(np.float64) * gain
        total += float(np.square(rest, out=rest).sum())
    return total


def ratio_db(above: float, below: float, limit_db: float = LIMIT_DB) -> float:
    """Two energies as a ratio in dB, between `-limit_db` and `limit_db`; one of them is above 0."""
    if below <= 0 or above <= 0:
        return limit_db if above > below else -limit_db
    return min(max(10 * (math.log10(above) - math.log10(below)), -limit_db), limit_db)


def _slabs(audio: Audio) -> Iterator[slice]:
    return (slice(start, start + SLAB_FRAMES) for start in range(0, audio.shape[1], SLAB_FRAMES))
