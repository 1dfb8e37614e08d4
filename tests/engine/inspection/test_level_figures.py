"""Figures of levels that were made to have them."""

import numpy as np
import pytest
from numpy.typing import NDArray
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.level_figures import (
    ceiling_of,
    crest_db_of,
    loudness_range_lu,
    pumping_hz_of,
    spreads_of,
)
from rebounce.engine.inspection.short_levels import ShortLevels, Steps
from rebounce.engine.loudness import LoudnessMeter

RATE = 44_100


def steps_of(audio: Audio, rate_hz: int = RATE) -> Steps:
    levels = ShortLevels(rate_hz)
    levels.see(audio)
    return levels.steps()


def stairs(levels_db: list[float], seconds: float) -> Audio:
    """A constant that holds each level for its time."""
    return np.repeat(10 ** (np.array(levels_db) / 20), round(seconds * RATE)).astype(np.float32)[np.newaxis]


def test_steps_hold_peak_power_and_held_level_of_each_hundredth() -> None:
    audio = np.concatenate([stairs([-20.0, -60.0], 1.0), stairs([-26.0, -60.0], 1.0)])
    steps = steps_of(audio)
    assert steps.peaks.size == 200
    assert 20 * np.log10(steps.peaks[[0, 99, 100, 199]]) == pytest.approx([-20, -20, -60, -60], abs=1e-3)
    assert 10 * np.log10(steps.powers[0]) == pytest.approx(10 * np.log10((0.01 + 10**-2.6) / 2), abs=1e-3)
    assert steps.held_db[0] == pytest.approx(-20, abs=1e-3)
    assert steps.is_flat.all()


def test_the_held_level_falls_by_two_db_a_millisecond() -> None:
    click = np.zeros((1, RATE), dtype=np.float32)
    click[0, 22_050] = 1.0
    held_db = steps_of(click).held_db
    assert held_db[50] == pytest.approx(-9, abs=0.5)
    assert np.diff(held_db[50:57]) == pytest.approx(np.full(6, -20), abs=0.5)


def test_steps_do_not_depend_on_the_cut_of_the_blocks() -> None:
    audio = noise(100_000)
    levels = ShortLevels(RATE)
    for block in cut(audio, [1, 441, 30_000]):
        levels.see(block)
    pieces, whole = levels.steps(), steps_of(audio)
    for name in ("peaks", "held_db", "powers", "is_flat"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))


def test_a_spread_is_read_off_known_levels() -> None:
    # Of 100 parts: one at 0, nine at -6, sixty at -10, thirty at -20 dB.
    audio = stairs([0.0] + [-6.0] * 9 + [-10.0] * 60 + [-20.0] * 30, 0.1)
    (spread,) = spreads_of(steps_of(audio))
    assert (spread.body_db, spread.overshoot_db) == pytest.approx((4, 6), abs=0.01)


def test_the_range_goes_from_the_softest_tenth_of_400_ms_to_the_loudest() -> None:
    (spread,) = spreads_of(steps_of(stairs([-6.0] * 4 + [-10.0] * 20 + [-20.0] * 6, 0.4)))
    assert spread.range_db == pytest.approx(14, abs=0.01)


def test_stretches_without_sound_and_short_ends_do_not_count() -> None:
    loud, quiet = noise(15 * RATE), np.zeros((2, 15 * RATE), dtype=np.float32)
    assert len(spreads_of(steps_of(np.concatenate([quiet, loud, loud[:, : 7 * RATE]], axis=1)))) == 1
    assert len(spreads_of(steps_of(np.concatenate([loud, loud[:, : 8 * RATE]], axis=1)))) == 2
    assert spreads_of(steps_of(loud[:, : 2 * RATE])) == []


def test_the_ceiling_counts_the_steps_that_stand_there() -> None:
    audio = stairs([-6.0] * 3 + [-6.3] * 2 + [-20.0] * 95, 0.1)
    ceiling = ceiling_of(steps_of(audio))
    assert ceiling is not None
    assert ceiling.dbfs == pytest.approx(-6, abs=1e-3)
    assert (ceiling.count, ceiling.share, ceiling.sharpness) == (30, 0.03, 0.6)
    assert ceiling_of(steps_of(audio[:, : 2 * RATE])) is None
    assert ceiling_of(steps_of(np.zeros((1, 5 * RATE), dtype=np.float32))) is None


def test_the_crest_of_a_sine_is_3_db() -> None:
    sine = np.sin(2 * np.pi * 100 * np.arange(4 * RATE) / RATE).astype(np.float32)[np.newaxis]
    assert crest_db_of(steps_of(sine)) == pytest.approx(3.01, abs=0.01)


def hop_powers(levels_dbfs: list[float], seconds: float, rate_hz: int = 48_000) -> NDArray[np.float64]:
    wave = np.sin(2 * np.pi * 1_000 * np.arange(round(seconds * rate_hz)) / rate_hz)
    audio = np.concatenate([10 ** (level / 20) * wave for level in levels_dbfs])
    meter = LoudnessMeter(rate_hz, 2)
    meter.add(np.stack([audio, audio]).astype(np.float32))
    return meter.hop_powers()


@pytest.mark.parametrize(
    ("levels_dbfs", "expected_lu"),
    [([-20, -30], 10), ([-20, -15], 5), ([-40, -20], 20), ([-50, -35, -20, -35, -50], 15)],
)
def test_the_loudness_range_is_that_of_the_signals_in_ebu_tech_3342(
    levels_dbfs: list[float], expected_lu: float
) -> None:
    assert loudness_range_lu(hop_powers(levels_dbfs, 20)) == pytest.approx(expected_lu, abs=1)


def test_silence_and_what_is_shorter_than_3_s_have_no_loudness_range() -> None:
    assert loudness_range_lu(hop_powers([-20], 2)) is None
    assert loudness_range_lu(np.zeros(100)) is None


@pytest.mark.parametrize("rate_hz", [1.0, 2.5, 6.0])
def test_pumping_is_found_at_its_rate(rate_hz: float) -> None:
    swell = 1 + 0.5 * np.sin(2 * np.pi * rate_hz * np.arange(15 * RATE) / RATE)
    audio = (noise(15 * RATE) * swell).astype(np.float32)
    assert pumping_hz_of(steps_of(audio)) == pytest.approx(rate_hz, abs=0.1)
    assert pumping_hz_of(steps_of(audio[:, : 9 * RATE])) is None


@pytest.mark.parametrize("audio", [noise(15 * RATE), tone(220, 15 * RATE, RATE), np.zeros((2, 15 * RATE), np.float32)])
def test_what_is_steady_does_not_pump(audio: Audio) -> None:
    assert pumping_hz_of(steps_of(audio)) is None


def test_a_pause_does_not_pump() -> None:
    audio = noise(15 * RATE)
    audio[:, 4 * RATE : 6 * RATE] = 0
    assert pumping_hz_of(steps_of(audio)) is None


def test_of_a_swell_and_its_double_the_slower_is_told() -> None:
    turns = np.arange(15 * RATE) / RATE
    swell = 10 ** ((3 * np.sin(2 * np.pi * 2 * turns) + 3.5 * np.sin(2 * np.pi * 4 * turns)) / 20)
    assert pumping_hz_of(steps_of((noise(15 * RATE) * swell).astype(np.float32))) == pytest.approx(2, abs=0.1)
