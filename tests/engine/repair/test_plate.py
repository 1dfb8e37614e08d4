"""The formula of the plate is what pedalboard's Reverb does, at any rate, in a pair and in one channel."""

import numpy as np
import pytest
from scipy import fft

from rebounce.engine.repair.plate import Plate, PlateResponse, heard, middle_of
from rebounce.training.faults.reverb_plate import plate_wet

PLATE = Plate(level=0.02, late_s=0.01, room_size=0.1, damping=0.35, width=0.6)
# Of pedalboard's Reverb at a wet level of 1, of each side in the sum of both channels.
PEDALBOARD_LEVEL = 0.045
# It computes in 32 bits, which shows below what can be heard; responses come to about 1.
TOLERANCE = 2e-3
HEARD = slice(100, None)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000, 96_000])
def test_the_sum_of_both_channels_hears_both_sides(rate_hz: int) -> None:
    size = 1 << round(np.log2(4 * rate_hz))
    impulse = np.zeros((2, size), dtype=np.float32)
    impulse[:, 0] = 0.5
    wet = plate_wet(impulse, rate_hz, {"room_size": 0.1, "damping": 0.35, "width": 0.6}).astype(np.float64)
    turns = np.linspace(0, np.pi, size // 2 + 1)
    left, right = PlateResponse(turns, rate_hz).sides(0.1, 0.35)
    summed, difference = fft.rfft(wet[0] + wet[1]), fft.rfft(wet[0] - wet[1])
    np.testing.assert_allclose(summed[HEARD], PEDALBOARD_LEVEL * (left + right)[HEARD], atol=TOLERANCE)
    np.testing.assert_allclose(difference[HEARD], 0.6 * PEDALBOARD_LEVEL * (left - right)[HEARD], atol=TOLERANCE)


def test_one_channel_hears_the_left_side() -> None:
    impulse = np.zeros((1, 1 << 17), dtype=np.float32)
    impulse[0, 0] = 1
    wet = fft.rfft(plate_wet(impulse, 44_100, {"room_size": 0.1, "damping": 0.35, "width": 0.6})[0].astype(np.float64))
    left, _ = PlateResponse(np.linspace(0, np.pi, wet.size), 44_100).sides(0.1, 0.35)
    level = (wet[100] / left[100]).real
    np.testing.assert_allclose(wet[HEARD], level * left[HEARD], atol=TOLERANCE)


def test_it_is_heard_as_late_and_as_loud_as_it_says() -> None:
    """More bins than are computed at once, so that parts meet."""
    turns = np.linspace(0, np.pi, 100_001)
    left, right = PlateResponse(turns, 44_100).sides(PLATE.room_size, PLATE.damping)
    middle, side = heard(PLATE, turns, 44_100, 2)
    delayed = 0.02 * np.exp(-441j * turns)
    np.testing.assert_allclose(middle, delayed * middle_of(left, right, 2), atol=1e-4)
    np.testing.assert_allclose(side, 0.6 * delayed * (left - right), atol=1e-4)


def test_numbers_in_their_order_are_the_plate_again() -> None:
    assert Plate.of((0.02, 0.01, 0.1, 0.35, 0.6)) == PLATE
