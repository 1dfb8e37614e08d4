"""What an echo is made of, and which echoes a recursion takes back."""

from typing import Any

import numpy as np
import pytest

from rebounce.engine.errors import ChainError
from rebounce.engine.repair.echo_path import EchoPath, lowpass_coefficients, lowpass_response

RATE = 44_100
FREQUENCIES_HZ = np.linspace(0, 20_000, 501)


def test_repeats_are_later_softer_and_duller_each_time() -> None:
    echoes = EchoPath(delays_s=(0.1,), gains=(0.5,), repeats=3).reflections()
    np.testing.assert_allclose(echoes, [(0.1, 0.5, 1), (0.2, 0.25, 2), (0.3, 0.125, 3)])


def test_the_response_is_the_sum_of_what_arrives() -> None:
    path = EchoPath(delays_s=(0.1, 0.25), gains=(0.5, -0.3))
    turn = -2j * np.pi * FREQUENCIES_HZ
    expected = 1 + 0.5 * np.exp(0.1 * turn) - 0.3 * np.exp(0.25 * turn)
    np.testing.assert_allclose(path.response(FREQUENCIES_HZ, RATE), expected, atol=1e-12)


def test_response_and_coefficients_are_of_one_filter() -> None:
    from scipy import signal

    coefficients = lowpass_coefficients(3_000, RATE)
    assert coefficients is not None
    _, expected = signal.freqz(*coefficients, worN=FREQUENCIES_HZ, fs=RATE)
    np.testing.assert_allclose(lowpass_response(3_000, FREQUENCIES_HZ, RATE), expected, atol=1e-9)
    assert abs(lowpass_response(3_000, np.array([3_000.0]), RATE)[0]) == pytest.approx(0.5**0.5)


def test_a_low_pass_above_the_band_is_none() -> None:
    assert lowpass_coefficients(20_000, 16_000) is None
    np.testing.assert_array_equal(lowpass_response(20_000, FREQUENCIES_HZ, 16_000), 1)


@pytest.mark.parametrize(
    ("path", "is_causal"),
    [
        (EchoPath(delays_s=(0.1,), gains=(0.9,), repeats=5), True),
        (EchoPath(delays_s=(0.1, 0.17), gains=(0.5, 0.4)), True),
        (EchoPath(delays_s=(0.1, 0.17), gains=(0.6, 0.6)), False),
        (EchoPath(delays_s=(0.1, 0.17), gains=(0.6, -0.6)), False),
        (EchoPath(delays_s=(0.1,), gains=(1.1,)), False),
    ],
)
def test_a_recursion_is_for_echoes_that_it_can_outlive(path: EchoPath, is_causal: bool) -> None:
    assert path.is_causal() is is_causal


@pytest.mark.parametrize(
    "numbers",
    [
        {"delays_s": (0.1, 0.2), "gains": (0.5,)},
        {"delays_s": (0.0,), "gains": (0.5,)},
        {"delays_s": (0.1, 0.2), "gains": (0.5, 0.5), "repeats": 2},
        {"delays_s": (1e9,), "gains": (0.5,)},
        {"delays_s": (0.1,), "gains": (0.5,), "repeats": 99},
        {"delays_s": (0.1,), "gains": (1.5,), "repeats": 2},
        {"delays_s": (0.1, 0.2), "gains": (0.5, float("nan"))},
        {"delays_s": (0.1,), "gains": (float("inf"),)},
        {"delays_s": (0.1,), "gains": (0.5,), "lowpass_hz": -100.0},
    ],
)
def test_numbers_that_do_not_belong_together_are_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match="delete the analysis"):
        EchoPath(**numbers)
