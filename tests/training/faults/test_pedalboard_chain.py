import numpy as np
import pytest
from pedalboard import BrickwallLimiter, Gain, PeakFilter, Plugin
from signals import noise

from rebounce.training.faults.pedalboard_chain import BUFFER_FRAMES, through_effects

RATE = 44_100


@pytest.mark.parametrize("channels", [1, 2, 3, 64])
@pytest.mark.parametrize("frames", [1, 2, 3, 64, 127, 128, 129, BUFFER_FRAMES + 1])
def test_a_short_piece_is_the_beginning_of_a_long_one(channels: int, frames: int) -> None:
    audio = noise(BUFFER_FRAMES + 2, channels)
    long = through_effects([PeakFilter(1_000, 6, 1)], audio, RATE)
    short = through_effects([PeakFilter(1_000, 6, 1)], audio[:, :frames], RATE)
    assert np.array_equal(short, long[:, :frames])


@pytest.mark.parametrize("effect", [PeakFilter(200, 12, 4), BrickwallLimiter(ceiling_db=-20)])
def test_nothing_is_heard_of_the_piece_before(effect: Plugin) -> None:
    loud, soft = noise(20_000, level=0.5), noise(20_000, seed=1, level=0.05)
    alone = through_effects([effect], soft, RATE)
    through_effects([effect], loud, RATE)
    assert np.array_equal(through_effects([effect], soft, RATE), alone)


def test_effects_follow_one_another() -> None:
    audio = noise(1_000, level=0.5)
    made = through_effects([Gain(12), BrickwallLimiter(ceiling_db=-3)], audio, RATE)
    assert np.abs(made).max() == pytest.approx(10 ** (-3 / 20), rel=1e-5)
