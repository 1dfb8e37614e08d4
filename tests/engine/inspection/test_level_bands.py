"""Band levels follow a gain exactly and do not depend on how the audio was cut."""

import numpy as np
import pytest
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.level_bands import BANDS, EDGES_HZ, LevelBands, Levels

RATE = 44_100


def levels_of(audio: Audio, rate_hz: float = RATE, sizes: tuple[int, ...] = (70_000,)) -> Levels:
    bands = LevelBands(rate_hz)
    for block in cut(audio, list(sizes)):
        bands.see(block)
    assert bands.seconds == pytest.approx(audio.shape[1] / rate_hz)
    return bands.levels()


@pytest.mark.parametrize("sizes", [(1_000,), (44_100, 3, 200_000), (1_000_000,)])
def test_the_cut_does_not_matter(sizes: tuple[int, ...]) -> None:
    audio = noise(5 * RATE + 123)
    np.testing.assert_array_equal(levels_of(audio, sizes=sizes), levels_of(audio))


def test_a_gain_moves_all_bands_by_its_decibels() -> None:
    audio = noise(2 * RATE)
    half = np.float32(0.5) * audio
    assert np.abs(levels_of(audio) - levels_of(half) - 20 * np.log10(2)).max() < 0.04


@pytest.mark.parametrize("rate_hz", [32_000, 44_100, 96_000, 192_000])
@pytest.mark.parametrize("frequency_hz", [440.0, 3_000.0, 10_000.0])
def test_a_tone_is_loudest_in_its_band(rate_hz: int, frequency_hz: float) -> None:
    levels = levels_of(tone(frequency_hz, 2 * rate_hz, rate_hz), rate_hz)
    band = np.searchsorted(EDGES_HZ, frequency_hz) - 1
    assert np.all(np.abs(levels.argmax(axis=1) - band) <= 1)
    assert levels.shape == (int((2 * rate_hz / LevelBands(rate_hz).frame) - 0.5), BANDS)


def test_opposite_polarity_does_not_vanish() -> None:
    left = noise(RATE, 1)
    assert levels_of(np.concatenate([left, -left])).mean() > levels_of(left).mean() - 16


@pytest.mark.parametrize("audio", [noise(0), noise(1), noise(3_000), np.zeros((2, 9_000), dtype=np.float32)])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_what_is_short_or_silent_has_levels_at_the_floor_or_none(audio: Audio, rate_hz: int) -> None:
    levels = levels_of(audio, rate_hz)
    assert np.isfinite(levels).all()
    assert len(levels) <= audio.shape[1] / LevelBands(rate_hz).frame


def test_enormous_samples_have_finite_levels() -> None:
    assert np.isfinite(levels_of(np.full((2, RATE), 1e30, dtype=np.float32))).all()
