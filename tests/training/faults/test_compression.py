"""Threshold, ratio and times of the compressor on signals whose level is known at every frame."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from signals import noise, tone

from rebounce.engine.audio import Audio
from rebounce.training.faults.compression import Compression
from rebounce.training.faults.fault import Parameters, apply_fault, draw_fault

RATE = 44_100


def settings(**changed: Any) -> Parameters:
    usual = {"threshold_db": -20.0, "ratio": 4.0, "attack_ms": 10.0, "release_ms": 100.0, "makeup_db": 0.0}
    parameters = usual | changed
    if "threshold_over_rms_db" in changed:
        del parameters["threshold_db"]
    return parameters


def level_steps(levels_db: list[float], rate: int = RATE) -> Audio:
    """A second of each level, the sign left to chance."""
    magnitude = np.repeat(10 ** (np.array(levels_db) / 20), rate)
    signs = np.random.default_rng(0).choice([-1, 1], magnitude.size)
    return np.asarray(magnitude * signs, dtype=np.float32)[np.newaxis]


def gain_db(audio: Audio, parameters: Parameters, rate: int = RATE) -> NDArray[np.float64]:
    damaged = apply_fault(Compression(), audio, rate, parameters)
    return np.asarray(20 * np.log10((damaged[0] / audio[0]).astype(np.float64)))


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("attack_ms", [3.0, 10.0, 30.0])
def test_after_the_attack_the_gain_has_gone_63_percent_of_its_way(rate: int, attack_ms: float) -> None:
    gain = gain_db(level_steps([-60, -6], rate), settings(attack_ms=attack_ms), rate)[rate:]
    reached_ms = np.argmax(gain <= (1 - np.exp(-1)) * gain[-1]) / rate * 1000
    assert reached_ms == pytest.approx(attack_ms, rel=0.1)


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("release_ms", [40.0, 100.0, 300.0])
def test_after_the_release_63_percent_are_back(rate: int, release_ms: float) -> None:
    gain = gain_db(level_steps([-6, -60], rate), settings(release_ms=release_ms), rate)[rate - 1 :]
    reached_ms = np.argmax(gain >= np.exp(-1) * gain[0]) / rate * 1000
    assert reached_ms == pytest.approx(release_ms, rel=0.15)


@pytest.mark.parametrize("threshold_db", [-24.0, -6.0])
@pytest.mark.parametrize("ratio", [1.5, 4.0, 12.0])
@pytest.mark.parametrize("level_db", [-30.0, -12.0, -2.0, 9.0])
def test_a_steady_tone_leaves_where_the_static_curve_says(threshold_db: float, ratio: float, level_db: float) -> None:
    audio = tone(1_000, RATE, RATE, 10 ** (level_db / 20))
    damaged = apply_fault(Compression(), audio, RATE, settings(threshold_db=threshold_db, ratio=ratio))
    over_db = max(level_db - threshold_db, 0)
    peak_db = 20 * np.log10(np.abs(damaged[:, RATE // 2 :]).max())
    assert peak_db == pytest.approx(level_db - over_db * (1 - 1 / ratio), abs=0.2)


def test_one_gain_holds_for_all_channels() -> None:
    loud = noise(30_000, 1, level=0.3)
    audio = np.concatenate([loud, loud * np.float32(0.01), -loud])
    damaged = apply_fault(Compression(), audio, RATE, settings())
    np.testing.assert_allclose(damaged, np.concatenate([damaged[:1], damaged[:1] * 0.01, -damaged[:1]]), rtol=1e-5)


def test_a_threshold_over_the_rms_goes_by_the_audio() -> None:
    steady = level_steps([-33])
    settled = gain_db(steady, settings(threshold_over_rms_db=-10.0, ratio=2.0))[-1]
    assert settled == pytest.approx(-5, abs=0.01)


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_pauses_do_not_lower_a_threshold_over_the_rms(rate: int) -> None:
    music, parameters = noise(rate, level=0.1), settings(threshold_over_rms_db=0.0)
    before = np.zeros((2, 3 * rate), dtype=np.float32)
    damaged = apply_fault(Compression(), np.concatenate([before, music], axis=1), rate, parameters)[:, 3 * rate :]
    np.testing.assert_allclose(damaged, apply_fault(Compression(), music, rate, parameters), atol=1e-3)


@pytest.mark.parametrize("scale", [1e-30, 1e-4, 0.1, 30.0, 1e25])
def test_with_a_threshold_over_the_rms_it_does_the_same_at_any_level(scale: float) -> None:
    audio, parameters = noise(30_000, level=0.1), settings(threshold_over_rms_db=0.0)
    damaged = apply_fault(Compression(), audio, RATE, parameters)
    scaled = apply_fault(Compression(), audio * np.float32(scale), RATE, parameters)
    np.testing.assert_allclose(scaled, damaged * scale, rtol=1e-4, atol=1e-5 * scale)


def test_the_make_up_is_a_gain() -> None:
    audio = level_steps([-40, -3, -40])
    raised = gain_db(audio, settings(makeup_db=3.0)) - gain_db(audio, settings())
    assert raised == pytest.approx(np.full(raised.size, 3.0), abs=1e-3)


@pytest.mark.parametrize("threshold", [{"threshold_db": -30.0}, {"threshold_over_rms_db": -6.0}])
def test_the_level_is_restored_where_that_is_asked(threshold: dict[str, float]) -> None:
    audio = noise(30_000, level=0.2)
    damaged = apply_fault(Compression(), audio, RATE, settings(restores_rms=True, **threshold))
    assert np.std(damaged) == pytest.approx(np.std(audio), rel=1e-4)
    assert np.abs(damaged[:, 5_000:]).max() < 0.98 * np.abs(audio[:, 5_000:]).max()


@pytest.mark.parametrize("chosen", [{}, {"threshold_over_rms_db": -6.0}, {"restores_rms": True}])
def test_silence_stays_silence(chosen: dict[str, Any]) -> None:
    silence = np.zeros((2, 5_000), dtype=np.float32)
    assert np.array_equal(apply_fault(Compression(), silence, RATE, settings(**chosen)), silence)


def test_what_float32_can_hardly_hold_is_silence_to_it() -> None:
    audio = np.full((2, 1_000), 1e-42, dtype=np.float32)
    assert np.array_equal(apply_fault(Compression(), audio, RATE, settings(threshold_over_rms_db=0.0)), audio)


def test_what_was_silent_at_first_is_heard_after_it() -> None:
    audio = np.concatenate([np.zeros((2, RATE), dtype=np.float32), tone(500, RATE, RATE)], axis=1)
    damaged = apply_fault(Compression(), audio, RATE, settings(threshold_over_rms_db=-10.0, restores_rms=True))
    assert np.isfinite(damaged).all()
    assert not damaged[:, :RATE].any()


def test_a_recipe_chooses_what_the_threshold_goes_by() -> None:
    rng = np.random.default_rng(0)
    plain = draw_fault(Compression(), rng)
    assert set(plain) == {"threshold_db", "ratio", "attack_ms", "release_ms", "makeup_db"}
    given = {"threshold_is": "rms", "threshold_over_rms_db": [-10, 6], "restores_rms": True}
    relative = draw_fault(Compression(), rng, given)
    assert set(relative) == {"threshold_over_rms_db", "ratio", "attack_ms", "release_ms", "restores_rms"}
    drawn = [draw_fault(Compression(), rng, {"threshold_is": ["dbfs", "rms"]}) for _ in range(50)]
    assert {"threshold_db" in one for one in drawn} == {True, False}
