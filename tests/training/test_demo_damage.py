"""The damage of the demo: the four faults that are announced, nothing late, nothing longer."""

import numpy as np
import pytest
from signals import lag_frames, likeness, noise

from rebounce.engine.auto import Auto
from rebounce.training.demo_damage import CLIPPING, ECHO, LOUDEST_PEAK, OFFSET, damage
from rebounce.training.music import make_mix

RATE = 44_100


@pytest.mark.parametrize("frames", [0, 1, 319, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_shape_stays(frames: int, channels: int) -> None:
    damaged = damage(noise(frames, channels, level=0.3), RATE)
    assert damaged.shape == (channels, frames)
    assert damaged.dtype == np.float32
    assert np.abs(damaged).max(initial=0.0) < 1


def test_peaks_are_cut_off_and_nothing_is_late() -> None:
    clean = noise(RATE * 4, channels=1, level=0.2)
    damaged = damage(clean, RATE)
    at_top = np.abs(damaged) == np.abs(damaged).max()
    assert at_top.mean() == pytest.approx(1 - CLIPPING["percentile"] / 100, abs=0.002)
    assert lag_frames(clean, damaged) == 0
    by_lag = likeness(clean, damaged)
    echo = round(ECHO["delay_ms"] / 1000 * RATE)
    assert by_lag[echo] / by_lag[0] == pytest.approx(ECHO["gain"], abs=0.1)


def test_a_loud_mix_and_a_soft_one_are_damaged_alike_and_silence_gets_the_offset() -> None:
    clean = noise(RATE, level=0.1)
    assert np.allclose(damage(clean, RATE), damage(clean * np.float32(4), RATE), atol=1e-5)
    assert np.abs(damage(clean, RATE)).max() < LOUDEST_PEAK * 1.5
    assert np.all(damage(np.zeros((2, RATE), np.float32), RATE) == np.float32(OFFSET))


def test_auto_finds_all_four() -> None:
    auto = Auto()
    auto(damage(make_mix(7, 12.0, RATE).audio, RATE), RATE)
    undone = {finding.fault for finding in auto.findings() or () if finding.action in ("removed", "reduced")}
    assert undone == {"echo", "hum", "dc", "clipping"}
