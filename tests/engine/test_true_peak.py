"""The true-peak meter against closed-form tones and against itself without its shortcuts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise

from rebounce.engine.audio import Audio
from rebounce.engine.true_peak import REACH_FRAMES, TILE_SPAN, TruePeakMeter, tile_filters

SHORT_AND_LONG = [1, 15, 16, 17, 31, 1000, 16_384, 20_000]


def meter_of(audio: Audio) -> TruePeakMeter:
    meter = TruePeakMeter(audio.shape[0])
    meter.add(audio)
    return meter


def faded_tone(cycles_per_frame: float, phase: float, frames: int = 4000, level: float = 0.5) -> Audio:
    """A tone without the overshoot that a sudden start has."""
    wave = level * np.sin(2 * np.pi * cycles_per_frame * np.arange(frames) + phase)
    fade = np.minimum(1, np.minimum(np.arange(frames), np.arange(frames)[::-1]) / 500)
    faded: Audio = (wave * np.sin(np.pi / 2 * fade) ** 2).astype(np.float32)
    return faded[np.newaxis]


def highest_point(audio: Audio) -> float:
    """The curve through one channel, point by point, without tiles and shortcuts."""
    padded = np.pad(audio[0].astype(np.float64), 3 * REACH_FRAMES)
    rows = tile_filters(4)[:, 0, 1 : 2 * REACH_FRAMES + 1].astype(np.float64)
    between = [np.abs(np.correlate(padded, row)).max() for row in rows]
    return float(max(np.abs(padded).max(), *between))


@pytest.mark.parametrize(
    ("cycles", "degrees", "sample_peak"), [(1 / 4, 45, 0.3536), (1 / 6, 60, 0.4330), (1 / 8, 67.5, 0.4619)]
)
def test_a_tone_whose_samples_miss_its_crest_reads_its_crest(cycles: float, degrees: float, sample_peak: float) -> None:
    meter = meter_of(faded_tone(cycles, np.radians(degrees)))
    assert meter.sample_peak == pytest.approx(sample_peak, abs=1e-4)
    assert meter.peak == pytest.approx(0.5, rel=0.005)
    assert meter.dbtp() == pytest.approx(-6.02, abs=0.05)


@given(cycles=st.floats(0.001, 0.449), phase=st.floats(0, 6.28))
@settings(max_examples=25, deadline=None)
def test_any_tone_up_to_0_45_of_the_rate_reads_within_a_tenth_of_a_db(cycles: float, phase: float) -> None:
    """Never above; below by no more than a grid of four points must miss where the phase stands still."""
    read = meter_of(faded_tone(cycles, phase)).peak / 0.5
    assert 20 * np.log10(read) < 0.1
    assert read > np.cos(np.pi * cycles / 4) * 10 ** (-0.1 / 20)


@pytest.mark.parametrize("frames", SHORT_AND_LONG)
@pytest.mark.parametrize("seed", range(3))
def test_skipping_changes_nothing(frames: int, seed: int) -> None:
    swell = np.random.default_rng(seed).uniform(0.1, 1, frames) ** 3
    audio = (noise(frames, 1, seed) * swell).astype(np.float32)
    assert meter_of(audio).peak == pytest.approx(highest_point(audio), rel=1e-5)


@given(
    frames=st.integers(1, 40_000),
    channels=st.integers(1, 3),
    sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=5),
)
@settings(max_examples=25, deadline=None)
def test_the_result_does_not_depend_on_the_blocks(frames: int, channels: int, sizes: list[int]) -> None:
    audio = noise(frames, channels, seed=frames)
    meter = TruePeakMeter(channels)
    for block in cut(audio, sizes):
        meter.add(block)
    whole = meter_of(audio)
    assert (meter.peak, meter.sample_peak) == (whole.peak, whole.sample_peak)


@pytest.mark.parametrize("frames", SHORT_AND_LONG)
def test_a_peak_at_the_very_end_counts_as_one_at_the_start(frames: int) -> None:
    audio = np.zeros((1, frames), np.float32)
    audio[0, -12:] = (-1.0) ** np.arange(min(12, frames))
    at_the_end, at_the_start = meter_of(audio).peak, meter_of(audio[:, ::-1]).peak
    assert at_the_end == pytest.approx(at_the_start, rel=1e-5)
    assert at_the_end == pytest.approx(highest_point(audio), rel=1e-5)


def test_a_sample_is_a_point_of_the_curve() -> None:
    audio = np.zeros((2, 5000), np.float32)
    audio[1, 1234] = -0.75
    assert meter_of(audio).peak == 0.75


def test_a_constant_reads_itself() -> None:
    audio = np.full((1, 50_000), 0.5, np.float32) * np.minimum(1, np.arange(50_000) / 5000, dtype=np.float32)
    audio[:, -5000:] *= np.linspace(1, 0, 5000, dtype=np.float32)
    assert meter_of(audio).peak == pytest.approx(0.5, abs=2e-5)


def test_silence_and_no_audio_have_no_level() -> None:
    assert meter_of(np.zeros((2, 20_000), np.float32)).dbtp() is None
    assert TruePeakMeter(2).dbtp() is None


def test_a_tile_reaches_no_further_than_its_span() -> None:
    filters = tile_filters(8)
    assert filters.shape == (7, 16, TILE_SPAN)
    assert filters.sum(axis=-1) == pytest.approx(np.ones((7, 16)), abs=1e-6)
