import numpy as np
import pytest
from signals import noise

from rebounce.training.scores.comparison import SLAB_FRAMES, energy, energy_of_rest, product, ratio_db


@pytest.mark.parametrize("frames", [0, 1, SLAB_FRAMES - 1, SLAB_FRAMES, 2 * SLAB_FRAMES + 7])
def test_sums_over_slabs_are_sums_over_the_whole(frames: int) -> None:
    one, other = noise(frames, seed=1).astype(np.float64), noise(frames, seed=2).astype(np.float64)
    pieces = one.astype(np.float32), other.astype(np.float32)
    assert energy(pieces[0]) == pytest.approx((one**2).sum(), rel=1e-12)
    assert product(*pieces) == pytest.approx((one * other).sum(), rel=1e-9, abs=1e-12)
    assert energy_of_rest(*pieces, gain=0.3) == pytest.approx(((other - 0.3 * one) ** 2).sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("above", "below", "expected"),
    [(1, 1, 0), (100, 1, 20), (1, 1000, -30), (1, 0, 120), (0, 1, -120), (1e30, 1, 120), (1e-300, 1e300, -120)],
)
def test_a_ratio_is_in_decibels_and_ends_at_its_limits(above: float, below: float, expected: float) -> None:
    assert ratio_db(above, below) == pytest.approx(expected)
    assert ratio_db(above, below, 25) == pytest.approx(np.clip(expected, -25, 25))
