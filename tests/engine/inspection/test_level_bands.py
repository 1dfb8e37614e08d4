"""Band levels do not depend on the gain of the file, nor on how the audio was cut."""

import numpy as np
import pytest
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.level_bands import (
    BANDS,
    EDGES_HZ,
    FLOOR_POWER,
    SILENT_DB,
    LevelBands,
    Levels,
    are_silent,
    in_decibels,
)

RATE = 44_100


def levels_of(audio: Audio, rate_hz: float = RATE, sizes: tuple[int, ...] = (70_000,)) -> Levels:
    bands = LevelBands(rate_hz)
    for block in cut(audio, list(sizes)):
        bands.see(block)
    assert bands.seconds == pytest.approx(audio.shape[1] / rate_hz)
    return in_decibels(bands.levels())


@pytest.mark.parametrize("sizes", [(1_000,), (44_100, 3, 200_000), (1_000_000,)])
def test_the_cut_does_not_matter(sizes: tuple[int, ...]) -> None:
    audio = noise(5 * RATE + 123)
    np.testing.assert_array_equal(levels_of(audio, sizes=sizes), levels_of(audio))


@pytest.mark.parametrize("gain_db", [-140.0, -40.0, -7.3, 10.0, 120.0])
def test_a_gain_on_the_whole_file_changes_nothing(gain_db: float) -> None:
    audio = noise(2 * RATE)
    moved = np.float32(10 ** (gain_db / 20)) * audio
    # Levels are kept as hundredths of a decibel, rounded twice.
    assert np.abs(levels_of(audio) - levels_of(moved)).max() < 0.025


def test_a_gain_on_a_part_moves_all_bands_there_by_its_decibels() -> None:
    audio = noise(2 * RATE)
    half = audio * np.where(np.arange(2 * RATE) < RATE, 1, 0.5).astype(np.float32)
    moved = levels_of(audio) - levels_of(half)
    assert np.ptp(moved[:20]) < 0.03
    assert np.ptp(moved[23:]) < 0.03
    assert moved[23:].mean() - moved[:20].mean() == pytest.approx(20 * np.log10(2), abs=0.02)


def test_the_mean_power_of_the_file_is_0_db_and_silence_lies_at_the_floor() -> None:
    audio = noise(4 * RATE)
    audio[:, RATE : 2 * RATE] = 0
    levels = levels_of(audio)
    assert 10 * np.log10((10 ** (levels / 10)).sum(axis=1).mean()) == pytest.approx(0, abs=0.02)
    assert levels.min() == pytest.approx(10 * np.log10(FLOOR_POWER), abs=0.05)
    assert levels.min() < SILENT_DB
    silent_s = np.flatnonzero(are_silent(levels)) / LevelBands(RATE).frames_per_second
    assert silent_s.min() == pytest.approx(1, abs=0.1)
    assert silent_s.max() == pytest.approx(2, abs=0.1)
    assert silent_s.size == pytest.approx(LevelBands(RATE).frames_per_second, abs=3)


@pytest.mark.parametrize("rate_hz", [32_000, 44_100, 96_000, 192_000])
@pytest.mark.parametrize("frequency_hz", [440.0, 3_000.0, 10_000.0])
def test_a_tone_is_loudest_in_its_band(rate_hz: int, frequency_hz: float) -> None:
    levels = levels_of(tone(frequency_hz, 2 * rate_hz, rate_hz), rate_hz)
    band = np.searchsorted(EDGES_HZ, frequency_hz) - 1
    assert np.all(np.abs(levels.argmax(axis=1) - band) <= 1)
    assert levels.shape == (int((2 * rate_hz / LevelBands(rate_hz).frame) - 0.5), BANDS)


def test_opposite_polarity_does_not_vanish() -> None:
    left = noise(RATE, 1)
    np.testing.assert_allclose(levels_of(np.concatenate([left, -left])), levels_of(left), atol=0.02)


@pytest.mark.parametrize("audio", [noise(0), noise(1), noise(3_000), np.zeros((2, 9_000), dtype=np.float32)])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_what_is_short_or_silent_has_levels_at_the_floor_or_none(audio: Audio, rate_hz: int) -> None:
    levels = levels_of(audio, rate_hz)
    assert np.isfinite(levels).all()
    assert len(levels) <= audio.shape[1] / LevelBands(rate_hz).frame
    assert np.array_equal(are_silent(levels), np.full(len(levels), not audio.any()))


def test_enormous_samples_have_finite_levels() -> None:
    assert np.isfinite(levels_of(np.full((2, RATE), 1e30, dtype=np.float32))).all()
