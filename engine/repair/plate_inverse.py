"""The way back from a plate, as a kernel for the streaming core: the middle by itself, then the side by the middle."""

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.repair.plate import Floats, Plate, Response, heard
from rebounce.engine.repair.reverb_bands import STEREO, rows_of
from rebounce.engine.repair.two_sided import TwoSided, end_of


class PlateInverse:
    """Takes a share of the plate out of one channel or a pair."""

    def __init__(self, plate: Plate, strength: float, sample_rate_hz: float, channels: int) -> None:
        added: list[Response] = []

        def through(frequencies_hz: Floats) -> Response:
            turns = 2 * np.pi / sample_rate_hz * frequencies_hz
            added.extend(heard(plate, turns, sample_rate_hz, channels))
            return 1 + added[0]

        self._inverse = TwoSided(through, sample_rate_hz)
        self._side = added[1]
        self._strength = np.float32(strength)

    def __call__(self, window: Audio) -> Audio:
        inner = self._inverse.inner
        block = window[:, inner]
        end = end_of(window)
        if end == 0:
            return block
        rows = rows_of(window)
        middle = self._inverse.freed(rows[0], end)
        changes = np.zeros_like(block)
        changes[0] = (middle[: window.shape[1]] - rows[0])[inner]
        if len(window) == STEREO:
            middle[end:] = 0
            changes[1] = -self._inverse.through(middle, self._side)[inner]
        changes[:, self._inverse.is_black(window)] = 0
        made: Audio = block + self._strength * rows_of(changes)
        return made
