"""What a window is divided by: its level, never nothing, and the same wherever it lies in memory."""

from typing import Any

import numpy as np
import pytest
from signals import noise

from rebounce.engine.errors import ModelError
from rebounce.engine.window_scale import MONO_PART, Scaling, read_scaling

BOTH = Scaling(kind="both-rms", floor=1e-5)
MONO = Scaling(kind="mono-rms", floor=1e-8)


def test_the_level_is_that_of_all_channels_together() -> None:
    audio = np.array([[3.0] * 8, [4.0] * 8], dtype=np.float32)
    assert BOTH.of(audio) == pytest.approx((25 / 2) ** 0.5, rel=1e-7)
    assert BOTH.of(audio * np.array([[1], [-1]], dtype=np.float32)) == BOTH.of(audio)


def test_the_mono_level_is_that_of_the_mean_of_the_channels() -> None:
    audio = np.array([[3.0] * 8, [1.0] * 8], dtype=np.float32)
    assert MONO.of(audio) == pytest.approx(2 + 1e-8, rel=1e-7)


def test_where_the_channels_cancel_the_mono_level_is_held_up() -> None:
    side = noise(1_000, channels=1)
    audio = np.concatenate([side, -side])
    assert MONO.of(audio) == pytest.approx(MONO_PART * float(np.sqrt(np.mean(side.astype(float) ** 2))), rel=1e-6)


@pytest.mark.parametrize("scaling", [BOTH, MONO])
@pytest.mark.parametrize("frames", [0, 1, 500])
def test_silence_has_the_least_scale_there_is(scaling: Scaling, frames: int) -> None:
    assert scaling.of(np.zeros((2, frames), dtype=np.float32)) == pytest.approx(scaling.floor, rel=1e-6)


@pytest.mark.parametrize("scaling", [BOTH, MONO])
def test_a_scale_is_a_float32_and_follows_the_gain_exactly(scaling: Scaling) -> None:
    audio = noise(4_801)
    scale = scaling.of(audio)
    assert scale == float(np.float32(scale))
    assert BOTH.of(audio * np.float32(4)) == 4 * BOTH.of(audio)


@pytest.mark.parametrize("scaling", [BOTH, MONO])
def test_the_scale_does_not_depend_on_where_the_window_lies(scaling: Scaling) -> None:
    whole = noise(20_000)
    view = whole[:, 1_003:9_001]
    assert not view.flags.c_contiguous
    assert scaling.of(view) == scaling.of(view.copy())


@pytest.mark.parametrize("level", [1e-30, 1e-20, 1e15])
def test_squares_that_float32_could_not_hold_do_no_harm(level: float) -> None:
    audio = np.full((2, 100), level, dtype=np.float32)
    assert BOTH.of(audio) == pytest.approx(max(level, 1e-5), rel=1e-6)


def test_what_the_manifest_says_is_what_is_used() -> None:
    assert read_scaling({"kind": "both-rms", "floor": 1e-5}, "x") == BOTH
    assert read_scaling({"kind": "mono-rms", "floor": 1e-8}, "x") == MONO


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"floor": 1e-5}, "x: scaling.kind = None, expected both-rms or mono-rms"),
        ({"kind": "peak", "floor": 1e-5}, "x: scaling.kind = 'peak', expected both-rms or mono-rms"),
        ({"kind": 1, "floor": 1e-5}, "x: scaling.kind = 1, expected"),
        ({"kind": "both-rms"}, "x: scaling.floor = None, expected a level above 0"),
        ({"kind": "both-rms", "floor": 0.0}, "x: scaling.floor = 0.0, expected a level above 0"),
        ({"kind": "both-rms", "floor": -1.0}, "x: scaling.floor = -1.0"),
        ({"kind": "both-rms", "floor": 1}, "x: scaling.floor = 1"),
        ({"kind": "both-rms", "floor": True}, "x: scaling.floor = True"),
        ({"kind": "both-rms", "floor": float("nan")}, "x: scaling.floor = nan"),
    ],
)
def test_a_manifest_that_names_no_scale_is_refused(table: dict[str, Any], told: str) -> None:
    with pytest.raises(ModelError, match=told):
        read_scaling(table, "x")
