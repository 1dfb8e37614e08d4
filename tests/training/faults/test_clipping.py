"""The clipper against numpy's own clip and tanh, at a ceiling found by numpy's own percentile."""

import numpy as np
import pytest
from signals import noise

from rebounce.training.faults.clipping import Clipping
from rebounce.training.faults.fault import apply_fault, draw_fault

RATE = 44_100


@pytest.mark.parametrize("percentile", [90.0, 95.5, 99.7])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_hard_it_cuts_at_the_percentile_of_all_magnitudes(percentile: float, channels: int) -> None:
    audio = noise(20_000, channels, level=0.3)
    ceiling = np.percentile(np.abs(audio), percentile)
    damaged = apply_fault(Clipping(), audio, RATE, {"kind": "hard", "percentile": percentile})
    np.testing.assert_allclose(damaged, np.clip(audio, -ceiling, ceiling), atol=2e-3 * ceiling)
    assert damaged.max() == -damaged.min()
    assert np.mean(np.abs(damaged) == damaged.max()) == pytest.approx(1 - percentile / 100, abs=1e-3)


def test_soft_it_bends_towards_the_ceiling() -> None:
    audio = noise(20_000, level=0.3)
    damaged = apply_fault(Clipping(), audio, RATE, {"kind": "soft", "ceiling_dbfs": -6.0})
    ceiling = 10 ** (-6 / 20)
    np.testing.assert_allclose(damaged, ceiling * np.tanh(audio / ceiling), rtol=1e-5)


def test_hard_it_leaves_what_lies_below_the_ceiling_bit_identical() -> None:
    audio = noise(20_000, level=0.3)
    damaged = apply_fault(Clipping(), audio, RATE, {"kind": "hard", "ceiling_dbfs": -6.0})
    below = np.abs(audio) < 10 ** (-6 / 20)
    assert np.array_equal(damaged[below], audio[below])
    assert 0.9 < below.mean() < 0.99


@pytest.mark.parametrize("pause", [0.0, 1 / 32768])
def test_pauses_do_not_draw_the_ceiling_down(pause: float) -> None:
    music = noise(10_000, level=0.3)
    audio = np.concatenate([np.full((2, 2 * RATE), pause, dtype=np.float32), music], axis=1)
    parameters = {"kind": "hard", "percentile": 95.0}
    damaged = apply_fault(Clipping(), audio, RATE, parameters)[:, 2 * RATE :]
    assert np.array_equal(damaged, apply_fault(Clipping(), music, RATE, parameters))


def test_a_silent_channel_does_not_draw_the_ceiling_down() -> None:
    music = noise(10_000, 1, level=0.3)
    parameters = {"kind": "hard", "percentile": 95.0}
    damaged = apply_fault(Clipping(), np.concatenate([music, music * 0]), RATE, parameters)
    assert np.array_equal(damaged[:1], apply_fault(Clipping(), music, RATE, parameters))


def test_soft_samples_between_loud_ones_count() -> None:
    audio = np.tile(np.array([[1.0, 0.0, -0.5, 0.0]], dtype=np.float32), 5_000)
    damaged = apply_fault(Clipping(), audio, RATE, {"kind": "hard", "percentile": 60.0})
    assert np.abs(damaged).max() == pytest.approx(0.5)


def test_a_louder_channel_is_clipped_more_at_the_same_ceiling() -> None:
    audio = noise(20_000, level=0.3) * np.array([[1], [0.5]], dtype=np.float32)
    damaged = apply_fault(Clipping(), audio, RATE, {"kind": "hard", "percentile": 90.0})
    clipped = [np.mean(channel == damaged.max()) for channel in damaged]
    assert damaged[0].max() == damaged[1].max()
    assert clipped[0] > 5 * clipped[1]


@pytest.mark.parametrize("kind", ["hard", "soft"])
@pytest.mark.parametrize("ceiling", [{"percentile": 95.0}, {"ceiling_dbfs": -6.0}])
def test_silence_stays_silence(kind: str, ceiling: dict[str, float]) -> None:
    silence = np.zeros((2, 1_000), dtype=np.float32)
    assert np.array_equal(apply_fault(Clipping(), silence, RATE, {"kind": kind, **ceiling}), silence)


def test_half_of_what_is_drawn_is_hard_and_the_recipe_chooses_the_ceiling() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_fault(Clipping(), rng) for _ in range(400)]
    assert np.mean([one["kind"] == "hard" for one in drawn]) == pytest.approx(0.5, abs=0.1)
    assert all(90 <= one["percentile"] <= 99.7 for one in drawn)
    assert draw_fault(Clipping(), rng, {"ceiling_is": "dbfs", "ceiling_dbfs": -3})["ceiling_dbfs"] == -3
