import numpy as np
import pytest

from rebounce.training.faults.fault import apply_fault, draw_fault
from rebounce.training.faults.gain import Gain


@pytest.mark.parametrize("gain_db", [-12.0, -0.5, 0.0, 3.0, 20.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_it_is_linear_and_goes_beyond_full_scale(gain_db: float, channels: int) -> None:
    audio = np.random.default_rng(0).normal(0, 0.3, (channels, 1001)).astype(np.float32)
    damaged = apply_fault(Gain(), audio, 44_100, {"gain_db": gain_db})
    np.testing.assert_allclose(damaged, audio * 10 ** (gain_db / 20), rtol=1e-6)


def test_it_draws_from_its_own_range_or_from_the_one_given() -> None:
    rng = np.random.default_rng(1)
    assert all(-3 <= draw_fault(Gain(), rng)["gain_db"] <= 3 for _ in range(50))
    assert draw_fault(Gain(), rng, {"gain_db": -7})["gain_db"] == -7


def test_undone_it_is_the_input_again() -> None:
    audio = np.random.default_rng(2).normal(0, 0.3, (2, 500)).astype(np.float32)
    parameters = {"gain_db": -9.3}
    undone = Gain().undo(Gain().apply(audio, 48_000, parameters), 48_000, parameters)
    np.testing.assert_allclose(undone, audio, rtol=1e-5)
