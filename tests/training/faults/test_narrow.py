"""Sum and difference of left and right before and after."""

import numpy as np
import pytest
from signals import noise

from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.narrow import Narrow

RATE = 44_100


@pytest.mark.parametrize("width", [0.0, 0.05, 0.3, 1.0])
def test_the_sum_stays_and_the_difference_is_scaled(width: float) -> None:
    audio = noise(5_000, 2)
    damaged = apply_fault(Narrow(), audio, RATE, {"width": width})
    np.testing.assert_allclose(damaged[0] + damaged[1], audio[0] + audio[1], atol=1e-7)
    np.testing.assert_allclose(damaged[0] - damaged[1], (audio[0] - audio[1]) * width, atol=1e-7)


def test_without_any_width_both_channels_are_the_same() -> None:
    damaged = apply_fault(Narrow(), noise(5_000, 2), RATE, {"width": 0.0})
    assert np.array_equal(damaged[0], damaged[1])


def test_what_has_no_sides_stays_bit_identical() -> None:
    mono = noise(5_000, 1)
    both = np.concatenate([mono, mono])
    assert np.array_equal(apply_fault(Narrow(), both, RATE, {"width": 0.2}), both)


@pytest.mark.parametrize("channels", [1, 3, 6])
def test_only_stereo_has_a_width(channels: int) -> None:
    audio = noise(5_000, channels)
    assert np.array_equal(apply_fault(Narrow(), audio, RATE, {"width": 0.2}), audio)


@pytest.mark.parametrize("width", [0.05, 0.3, 1.0])
def test_undone_it_is_the_input_again(width: float) -> None:
    audio = noise(5_000, 2)
    undone = Narrow().undo(apply_fault(Narrow(), audio, RATE, {"width": width}), RATE, {"width": width})
    assert undone is not None
    np.testing.assert_allclose(undone, audio, atol=1e-6)


@pytest.mark.parametrize("width", [0.0, 0.01])
def test_what_is_all_but_mono_cannot_be_undone(width: float) -> None:
    assert Narrow().undo(noise(100, 2), RATE, {"width": width}) is None
