"""`Vst3Fault` with real plugins: ZaMaximX2 (two channels, 480 frames of latency) and ZamDelay (one)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from signals import lag_frames, noise

from rebounce.engine.errors import ChainError, RecipeError, UsageError
from rebounce.engine.vst3 import Vst3
from rebounce.engine.vst3_guest import Guest
from rebounce.training.faults.fault import Parameters, apply_fault, draw_fault
from rebounce.training.faults.vst3 import Vst3Fault, vst3_paths

RATE_HZ = 48_000


def drawn(path: Path | str, /, seed: int = 0, **ranges: Any) -> Parameters:
    return draw_fault(Vst3Fault(), np.random.default_rng(seed), {"path": str(path), "parameters": ranges})


def test_parameters_are_drawn_in_the_given_ranges_and_the_rest_is_left_to_the_plugin() -> None:
    tables = [drawn("Any.vst3", seed, release_ms=[20, 200], mode=["A", "B"], knee=3) for seed in range(50)]
    assert all(item["path"] == "Any.vst3" and item["plugin_name"] is None for item in tables)
    releases = [item["parameters"]["release_ms"] for item in tables]
    assert 20 <= min(releases) < 40
    assert 180 < max(releases) <= 200
    assert {item["parameters"]["mode"] for item in tables} == {"A", "B"}
    assert {item["parameters"]["knee"] for item in tables} == {3}


def test_without_a_path_it_says_what_is_missing() -> None:
    with pytest.raises(RecipeError, match="expected path = where a VST3 bundle is"):
        draw_fault(Vst3Fault(), np.random.default_rng(0))


def test_the_bundles_of_a_recipe_can_be_told_before_anything_is_loaded() -> None:
    assert vst3_paths({"path": "/opt/Mine.vst3", "parameters": {}}) == ["/opt/Mine.vst3"]
    assert vst3_paths({"parameters": {"release_ms": 20}}) == []


@pytest.mark.parametrize("frames", [0, 1, 319, 48_001])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_limiter_with_latency_does_what_the_engines_own_host_does(
    zam_folder: Path, frames: int, channels: int
) -> None:
    audio = noise(frames, channels, level=0.4)
    bundle = zam_folder / "ZaMaximX2.vst3"
    parameters = drawn(bundle, threshold_db=[-14, -10], release_ms=50)
    made = apply_fault(Vst3Fault(), audio, RATE_HZ, parameters)
    assert made.shape == audio.shape
    plugin = Vst3(str(bundle), **parameters["parameters"])
    np.testing.assert_array_equal(made, plugin(audio, RATE_HZ))
    plugin.close()


def test_nothing_comes_late_and_a_second_piece_hears_nothing_of_the_first(zam_folder: Path) -> None:
    parameters = drawn(zam_folder / "ZaMaximX2.vst3", threshold_db=-30)
    audio = noise(24_000, level=0.4)
    first, again = (apply_fault(Vst3Fault(), audio, RATE_HZ, parameters) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - audio).max() > 0.1
    assert lag_frames(audio, first) == 0


def test_the_plugins_process_is_ended_also_after_an_error(zam_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Guest] = []
    close = Guest.close

    def close_and_count(guest: Guest) -> None:
        close(guest)
        closed.append(guest)

    monkeypatch.setattr(Guest, "close", close_and_count)
    parameters = drawn(zam_folder / "ZamDelay.vst3")
    apply_fault(Vst3Fault(), noise(100), RATE_HZ, parameters)
    with pytest.raises(UsageError, match="sample rate"):
        apply_fault(Vst3Fault(), noise(100), 1_000, parameters)
    assert len(closed) == 2


def test_a_parameter_or_bundle_that_is_not_there_is_named(zam_folder: Path) -> None:
    with pytest.raises(ChainError, match="release_ms"):
        apply_fault(Vst3Fault(), noise(100), RATE_HZ, drawn(zam_folder / "ZaMaximX2.vst3", relase_ms=[20, 30]))
    with pytest.raises(ChainError, match="path"):
        apply_fault(Vst3Fault(), noise(100), RATE_HZ, drawn(zam_folder / "ZamDelay.vst3", path=3))
    with pytest.raises(ChainError, match=r"did you mean .*ZamDelay\.vst3"):
        apply_fault(Vst3Fault(), noise(100), RATE_HZ, drawn(zam_folder / "ZamDely.vst3"))
