import sys
from typing import Any

import numpy as np
import pytest

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.training.faults.fault import apply_fault, draw_fault
from rebounce.training.faults.reverb import Reverb
from rebounce.training.faults.reverb_room import measured_rt60_s


def drawn(seed: int = 0, **given: Any) -> dict[str, Any]:
    return draw_fault(Reverb(), np.random.default_rng(seed), {"kind": "room", "predelay_ms": 0} | given)


def response(parameters: dict[str, Any], channels: int, seconds: float, rate_hz: int) -> Audio:
    """What comes of an impulse in every channel at frame 100."""
    impulse = np.zeros((channels, int(seconds * rate_hz)), dtype=np.float32)
    impulse[:, 100] = 1
    return apply_fault(Reverb(), impulse, rate_hz, parameters)


def test_the_measured_rt60_is_that_of_an_exponential_fall() -> None:
    fall = np.exp(-3 * np.log(10) / 0.4 * np.arange(16_000) / 16_000).astype(np.float32)
    assert measured_rt60_s(fall, 16_000) == pytest.approx(0.4, rel=1e-3)


@pytest.mark.parametrize(
    ("asked_s", "absorption", "rate_hz"), [(0.25, 0.4, 48_000), (0.8, 0.2, 44_100), (2.5, 0.3, 16_000)]
)
def test_a_simulated_room_has_the_reverberation_asked_for(asked_s: float, absorption: float, rate_hz: int) -> None:
    pytest.importorskip("pyroomacoustics")
    parameters = drawn(rt60_s=asked_s, absorption=absorption, drr_db=-3)
    heard = response(parameters, 2, 1.5 * asked_s, rate_hz)
    np.testing.assert_allclose(heard[:, 100], 1, atol=1e-6)
    np.testing.assert_allclose(heard[:, :100], 0, atol=1e-6)
    tail = heard[:, 101:]
    assert -10 * np.log10(np.mean(np.sum(tail.astype(np.float64) ** 2, axis=1))) == pytest.approx(-3, abs=0.2)
    for channel in tail:
        assert measured_rt60_s(channel, rate_hz) == pytest.approx(asked_s, rel=0.25)
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
