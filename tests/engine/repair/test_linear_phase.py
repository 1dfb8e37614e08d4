"""A linear-phase filter does to each frequency what its curve says, and moves nothing in time."""

import numpy as np
import pytest
from signals import noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.repair.linear_phase import LinearPhase, cell_gains, filter_timing, response_of
from rebounce.engine.repair.tone_spectrum import THIRDS, Floats, cell_edges_hz, third_centres_hz
from rebounce.engine.stream import Stream

RATE = 44_100


def filtered(audio: Audio, curves_db: Floats, rate_hz: float = RATE) -> Audio:
    kernel = LinearPhase(np.stack([response_of(curve, rate_hz) for curve in curves_db]), rate_hz)
    run = Stream(kernel, filter_timing(rate_hz), len(audio), "test")
    return np.concatenate([run.push(audio), run.finish()], axis=1)


def tilted() -> Floats:
    """3 dB an octave, 0 dB at 1 kHz."""
    return np.asarray(3 * np.log2(third_centres_hz() / 1_000))


def test_a_flat_curve_is_a_gain() -> None:
    audio = noise(3 * RATE, 3)
    made = filtered(audio, np.full((1, THIRDS), -6.0))
    np.testing.assert_allclose(made, audio * 10 ** (-6 / 20), atol=1e-6)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("frequency_hz", [100.0, 1_000.0, 3_300.0])
def test_a_sine_gets_the_gain_of_the_curve_and_stays_in_phase(rate_hz: int, frequency_hz: float) -> None:
    audio = tone(frequency_hz, 3 * rate_hz, rate_hz, level=0.1)
    made = filtered(audio, tilted()[np.newaxis], rate_hz)
    gain = 10 ** (3 * np.log2(frequency_hz / 1_000) / 20)
    middle = slice(rate_hz, 2 * rate_hz)
    np.testing.assert_allclose(made[:, middle], audio[:, middle] * gain, atol=2e-3 * gain * 0.1)


def test_an_impulse_becomes_even_around_where_it_was() -> None:
    audio = np.zeros((1, 2 * RATE), dtype=np.float32)
    audio[0, RATE] = 1
    made = filtered(audio, tilted()[np.newaxis])[0]
    np.testing.assert_allclose(made[RATE + 1 : RATE + 9_000], made[RATE - 1 : RATE - 9_000 : -1], atol=1e-6)
    assert np.argmax(np.abs(made)) == RATE


def test_mid_and_side_get_a_curve_each() -> None:
    mid, side = noise(RATE, 1), noise(RATE, 1, seed=5)
    curves_db = np.stack([tilted(), np.full(THIRDS, -12.0)])
    made = filtered(np.concatenate([mid + side, mid - side]), curves_db)
    np.testing.assert_allclose((made[0] + made[1]) / 2, filtered(mid, curves_db[:1])[0], atol=1e-5)
    np.testing.assert_allclose((made[0] - made[1]) / 2, filtered(side, curves_db[1:])[0], atol=1e-5)


def test_the_gains_of_cells_are_those_of_the_curve() -> None:
    gains_db = 10 * np.log10(cell_gains(response_of(tilted(), RATE), RATE))
    middles = np.sqrt(cell_edges_hz()[:-1] * cell_edges_hz()[1:])
    inside = (middles > 100) & (middles < 18_000)
    np.testing.assert_allclose(gains_db[inside], 3 * np.log2(middles[inside] / 1_000), atol=0.1)
