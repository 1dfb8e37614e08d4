"""The gain curve of a ride, read from what it does to a constant."""

import numpy as np
import pytest
from numpy.typing import NDArray
from signals import noise

from rebounce.training.faults.fault import Parameters, apply_fault, draw_fault
from rebounce.training.faults.level_ride import LevelRide

RATE = 8_000
SECTIONS = [(-6.0, 2.0, 100.0), (4.0, 1.5, 200.0), (0.0, 3.0, 50.0)]


def ride(*sections: tuple[float, float, float]) -> Parameters:
    keys = ("gain_db", "section_s", "transition_ms")
    return {"sections": [dict(zip(keys, one, strict=True)) for one in sections]}


def curve_db(parameters: Parameters, seconds: float, rate: int = RATE) -> NDArray[np.float64]:
    ones = np.ones((1, round(seconds * rate)), dtype=np.float32)
    return np.asarray(20 * np.log10(apply_fault(LevelRide(), ones, rate, parameters)[0].astype(np.float64)))


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_each_section_has_its_gain_once_its_transition_is_over(rate: int) -> None:
    curve = curve_db(ride(*SECTIONS), 6.5, rate)
    for gain_db, start_s, end_s in [(-6, 0, 2), (4, 2.2, 3.5), (0, 3.55, 6.5)]:
        flat = curve[round(start_s * rate) : round(end_s * rate)]
        assert flat == pytest.approx(np.full(flat.size, gain_db), abs=1e-5)


def test_a_transition_is_a_straight_line_in_db() -> None:
    moving = curve_db(ride(*SECTIONS), 6.5)[2 * RATE : round(2.2 * RATE)]
    assert moving == pytest.approx(np.linspace(-6, 4, moving.size, endpoint=False), abs=1e-4)


def test_nothing_jumps_within_a_frame() -> None:
    assert np.abs(np.diff(curve_db(ride(*SECTIONS), 30))).max() < 10 / (0.05 * RATE) * 1.01


def test_after_the_last_section_the_first_comes_again() -> None:
    curve = curve_db(ride(*SECTIONS), 13)
    assert curve[round(6.5 * RATE) + 800 :] == pytest.approx(curve[800 : round(6.5 * RATE)], abs=1e-5)


def test_a_transition_longer_than_its_section_ends_with_it() -> None:
    curve = curve_db(ride((0.0, 1.0, 10.0), (6.0, 0.5, 2_000.0), (-6.0, 1.0, 10.0)), 2.5)
    assert curve[RATE : RATE + 4_000] == pytest.approx(np.linspace(0, 6, 4_000, endpoint=False), abs=1e-4)
    assert curve[-1] == pytest.approx(-6, abs=1e-5)


def test_all_channels_are_ridden_alike_and_a_part_as_the_whole() -> None:
    audio = noise(40_000, 3)
    damaged = apply_fault(LevelRide(), audio, RATE, ride(*SECTIONS))
    alone = apply_fault(LevelRide(), audio[1:2, :13_001], RATE, ride(*SECTIONS))
    assert np.array_equal(damaged[1:2, :13_001], alone)


@pytest.mark.parametrize("seed", range(3))
def test_undone_it_is_the_input_again(seed: int) -> None:
    audio = noise(100_000, seed=seed)
    parameters = draw_fault(LevelRide(), np.random.default_rng(seed))
    undone = LevelRide().undo(apply_fault(LevelRide(), audio, RATE, parameters), RATE, parameters)
    np.testing.assert_allclose(undone, audio, rtol=1e-6)


def test_sections_are_drawn_as_data() -> None:
    drawn = draw_fault(LevelRide(), np.random.default_rng(0))["sections"]
    assert all(-8 <= one["gain_db"] <= 8 and 1.5 <= one["section_s"] <= 5 for one in drawn)
    assert len({one["gain_db"] for one in drawn}) == len(drawn)
