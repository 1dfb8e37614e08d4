import sys
from typing import Any

import numpy as np
import pytest
from scipy import signal

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.training.faults.fault import apply_fault, draw_fault
from rebounce.training.faults.reverb import Reverb
from rebounce.training.faults.reverb_level import tail_energy
from rebounce.training.faults.reverb_room import octave_rt60_s


def drawn(seed: int = 0, **given: Any) -> dict[str, Any]:
    return draw_fault(Reverb(), np.random.default_rng(seed), {"kind": "room", "predelay_ms": 0} | given)


def response(parameters: dict[str, Any], channels: int, seconds: float, rate_hz: int) -> Audio:
    """What comes of an impulse in every channel at frame 100."""
    impulse = np.zeros((channels, int(seconds * rate_hz)), dtype=np.float32)
    impulse[:, 100] = 1
    return apply_fault(Reverb(), impulse, rate_hz, parameters)


def rt60_s(tail: Audio, band_hz: float, rate_hz: int) -> float:
    """T30 of an octave, from Schroeder's integral over the tails of all channels."""
    edges_hz = (band_hz / np.sqrt(2), band_hz * np.sqrt(2))
    sections = signal.butter(3, edges_hz, "bandpass", fs=rate_hz, output="sos")
    energy = np.sum(signal.sosfilt(sections, tail.astype(np.float64), axis=1) ** 2, axis=0)
    coming_db = 10 * np.log10(np.cumsum(energy[::-1])[::-1] / energy.sum() + 1e-30)
    fit = np.flatnonzero((coming_db < -5) & (coming_db > -35))
    return float(-60 / np.polyfit(fit / rate_hz, coming_db[fit], 1)[0])


@pytest.mark.parametrize("middle_hz", [500.0, 1_000.0])
def test_the_measured_rt60_is_that_of_an_exponential_fall_in_its_octave_alone(middle_hz: float) -> None:
    time_s = np.arange(16_000) / 16_000
    fall = np.random.default_rng(0).standard_normal((8, 16_000)) * np.exp(-3 * np.log(10) / 0.4 * time_s)
    above = 0.03 * np.sin(2 * np.pi * 4 * middle_hz * time_s)
    assert octave_rt60_s((fall + above).astype(np.float32), 16_000, middle_hz) == pytest.approx(0.4, rel=0.03)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("asked_s", "absorption", "rate_hz"),
    [(0.2, 0.3, 16_000), (0.25, 0.4, 48_000), (0.5, 0.2, 44_100), (1.0, 0.4, 16_000), (2.5, 0.3, 16_000)],
)
def test_the_middle_octaves_of_a_room_reverberate_as_long_as_asked(
    asked_s: float, absorption: float, rate_hz: int, seed: int
) -> None:
    pytest.importorskip("pyroomacoustics")
    parameters = drawn(seed, rt60_s=asked_s, absorption=absorption, drr_db=-3)
    tail = response(parameters, 2, 1.5 * asked_s, rate_hz)[:, 101:]
    found_s = [rt60_s(tail, band_hz, rate_hz) for band_hz in (500.0, 1_000.0)]
    assert np.mean(found_s) == pytest.approx(asked_s, rel=0.1)
    assert found_s == pytest.approx([asked_s] * 2, rel=0.2)


@pytest.mark.parametrize(("asked_s", "absorption", "rate_hz"), [(0.25, 0.4, 48_000), (0.8, 0.2, 44_100)])
def test_a_room_has_the_ratio_asked_for_and_a_tail_of_its_own_in_each_channel(
    asked_s: float, absorption: float, rate_hz: int
) -> None:
    pytest.importorskip("pyroomacoustics")
    parameters = drawn(rt60_s=asked_s, absorption=absorption, drr_db=-3)
    heard = response(parameters, 2, 1.5 * asked_s, rate_hz)
    np.testing.assert_allclose(heard[:, 100], 1, atol=1e-6)
    np.testing.assert_allclose(heard[:, :100], 0, atol=1e-6)
    tail = heard[:, 101:]
    assert -10 * np.log10(tail_energy(tail, rate_hz)) == pytest.approx(-3, abs=0.2)
    assert abs(np.corrcoef(tail[0], tail[1])[0, 1]) < 0.5


def test_a_room_is_decided_by_its_parameters() -> None:
    pytest.importorskip("pyroomacoustics")
    first, again, other = (response(drawn(seed, rt60_s=0.3), 1, 0.4, 16_000) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_no_room_is_drawn_smaller_than_a_room_can_be() -> None:
    assert drawn(rt60_s=0.05)["rt60_s"] == 0.2
    assert drawn(rt60_s=0.3)["rt60_s"] == 0.3


def test_without_the_simulator_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyroomacoustics", None)
    parameters = drawn(seed=99)
    with pytest.raises(UsageError, match=r"needs pyroomacoustics.*rebounce\[train\]"):
        response(parameters, 1, 0.1, 16_000)
