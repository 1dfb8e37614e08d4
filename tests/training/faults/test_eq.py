"""The equaliser's response against what was asked and against the cookbook's formula."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from signals import noise

from rebounce.training.faults.eq import KINDS, Eq
from rebounce.training.faults.fault import Parameters, apply_fault, draw_fault

RATE = 48_000
FRAMES = 65_536


def filters(*drawn: tuple[str, float, float, float]) -> Parameters:
    """From kind, frequency, gain and Q of each."""
    keys = ("kind", "frequency_hz", "gain_db", "q")
    return {"filters": [dict(zip(keys, one, strict=True)) for one in drawn]}


def response(parameters: Parameters, rate: int = RATE) -> NDArray[np.complex128]:
    """The transfer function at 0 Hz, rate / FRAMES, ..., from an impulse at the very first frame."""
    impulse = np.zeros((1, FRAMES), dtype=np.float32)
    impulse[0, 0] = 1
    return np.asarray(np.fft.rfft(apply_fault(Eq(), impulse, rate, parameters)[0].astype(np.float64)))


def response_db(parameters: Parameters, at_hz: float, rate: int = RATE) -> float:
    return float(20 * np.log10(np.abs(response(parameters, rate)[round(at_hz / rate * FRAMES)])))


def cookbook(kind: str, frequency_hz: float, gain_db: float, q: float) -> NDArray[np.complex128]:
    """R. Bristow-Johnson, Cookbook formulae for audio EQ biquad filter coefficients, at RATE."""
    a, w = 10 ** (gain_db / 40), 2 * np.pi * frequency_hz / RATE
    alpha, c = np.sin(w) / (2 * q), np.cos(w) * (-1 if kind == "high_shelf" else 1)
    if kind == "peak":
        top, bottom = [1 + alpha * a, -2 * c, 1 - alpha * a], [1 + alpha / a, -2 * c, 1 - alpha / a]
    else:
        s, sign = 2 * np.sqrt(a) * alpha, -1 if kind == "high_shelf" else 1
        top = [a * (a + 1 - (a - 1) * c + s), 2 * a * (a - 1 - (a + 1) * c) * sign, a * (a + 1 - (a - 1) * c - s)]
        bottom = [a + 1 + (a - 1) * c + s, -2 * (a - 1 + (a + 1) * c) * sign, a + 1 + (a - 1) * c - s]
    z = np.exp(-2j * np.pi * np.arange(FRAMES // 2 + 1) / FRAMES)
    return np.asarray(np.polyval(top[::-1], z) / np.polyval(bottom[::-1], z))


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("frequency_hz", [300, 1_000, 5_000])
@pytest.mark.parametrize("gain_db", [-12.0, -6.0, 0.5, 6.0, 12.0])
@pytest.mark.parametrize("q", [0.5, 2.0])
def test_a_peak_moves_its_centre_by_what_was_asked(rate: int, frequency_hz: int, gain_db: float, q: float) -> None:
    moved = response_db(filters(("peak", frequency_hz, gain_db, q)), frequency_hz, rate)
    assert moved == pytest.approx(gain_db, abs=0.1)


@pytest.mark.parametrize("frequency_hz", [500, 1_000, 2_000])
@pytest.mark.parametrize("gain_db", [-6.0, 6.0])
@pytest.mark.parametrize("q", [1.0, 2.0])
def test_a_peak_leaves_what_is_a_decade_away(frequency_hz: int, gain_db: float, q: float) -> None:
    peak = filters(("peak", frequency_hz, gain_db, q))
    assert response_db(peak, frequency_hz / 10) == pytest.approx(0, abs=0.1)
    assert response_db(peak, frequency_hz * 10) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("gain_db", [-6.0, 6.0])
@pytest.mark.parametrize("q", [0.5, 0.8])
def test_a_shelf_has_its_plateau_on_one_side_and_nothing_on_the_other(gain_db: float, q: float) -> None:
    low, high = (filters((kind, 800, gain_db, q)) for kind in ("low_shelf", "high_shelf"))
    assert response_db(low, 20) == pytest.approx(gain_db, abs=0.1)
    assert response_db(low, 20_000) == pytest.approx(0, abs=0.1)
    assert response_db(high, 20) == pytest.approx(0, abs=0.1)
    assert response_db(high, 20_000) == pytest.approx(gain_db, abs=0.1)
    assert response_db(low, 800) == pytest.approx(gain_db / 2, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("frequency_hz", "gain_db", "q"), [(100, 9, 0.7), (1_000, -12, 0.5), (15_000, 6, 1.5)])
def test_it_is_the_cookbooks_filter_from_the_first_frame_on(
    kind: str, frequency_hz: float, gain_db: float, q: float
) -> None:
    error = response(filters((kind, frequency_hz, gain_db, q))) / cookbook(kind, frequency_hz, gain_db, q) - 1
    # Single precision moves the lowest frequencies of a low filter by up to 0.02 dB.
    assert np.abs(error).max() < 3e-3


def test_filters_add_up_in_db() -> None:
    one, other = ("peak", 900.0, 5.0, 1.0), ("high_shelf", 2_000.0, -4.0, 0.7)
    for at_hz in (100, 900, 2_000, 10_000):
        parts = response_db(filters(one), at_hz) + response_db(filters(other), at_hz)
        assert response_db(filters(one, other), at_hz) == pytest.approx(parts, abs=0.01)


def test_channels_are_filtered_each_for_itself() -> None:
    audio = noise(4_000, 5)
    parameters = filters(("peak", 1_000, 6, 1))
    damaged = apply_fault(Eq(), audio, RATE, parameters)
    for channel in range(5):
        alone = apply_fault(Eq(), audio[channel : channel + 1], RATE, parameters)
        assert np.array_equal(damaged[channel : channel + 1], alone)


def test_a_frequency_above_the_rate_is_brought_down() -> None:
    audio = noise(4_000)
    high, highest = (filters(("peak", frequency_hz, 6, 1)) for frequency_hz in (5_000, 3_600))
    assert np.array_equal(apply_fault(Eq(), audio, 8_000, high), apply_fault(Eq(), audio, 8_000, highest))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_undone_it_is_the_input_again(seed: int, rate: int) -> None:
    audio = noise(20_000, seed=seed)
    parameters = draw_fault(Eq(), np.random.default_rng(seed), {"gain_db": [-12, 12]})
    undone = Eq().undo(apply_fault(Eq(), audio, rate, parameters), rate, parameters)
    assert np.abs(undone - audio).max() < 1e-3 * np.abs(audio).max()


def test_it_draws_what_the_recipe_says() -> None:
    rng = np.random.default_rng(0)
    given: dict[str, Any] = {"filters": [2, 3], "kind": ["peak"], "frequency_hz": [100, 200], "q": 4}
    drawn = [draw_fault(Eq(), rng, given)["filters"] for _ in range(50)]
    assert {len(one) for one in drawn} == {2, 3}
    for one in (one for several in drawn for one in several):
        assert one["kind"] == "peak"
        assert 100 <= one["frequency_hz"] <= 200
        assert one["q"] == 4


def test_shelves_have_a_q_of_their_own() -> None:
    rng = np.random.default_rng(0)
    drawn = draw_fault(Eq(), rng, {"filters": 8, "q": 3, "shelf_q": 0.7})["filters"]
    assert {(one["kind"] == "peak", one["q"]) for one in drawn} == {(True, 3), (False, 0.7)}
