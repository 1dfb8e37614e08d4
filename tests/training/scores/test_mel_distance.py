import numpy as np
import pytest
from signals import noise, tone

from rebounce.training.scores.mel_distance import MelBands, mel_distance_db, mel_edges_hz
from rebounce.training.scores.spectra import size_at

RATES_HZ = [8_000, 11_025, 12_000, 16_000, 20_000, 22_050, 32_000, 44_100, 48_000, 62_000, 96_000, 176_400, 192_000]


def slaney_edges_hz(highest_hz: float) -> np.ndarray:
    """From 20 Hz on, 128 bands: 200/3 Hz a mel up to 1 kHz, and 27 mels to a factor of 6.4 above."""

    def mel(hz: float) -> float:
        return hz * 3 / 200 if hz <= 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)

    mels = np.linspace(mel(20), mel(highest_hz), 130)
    return np.where(mels <= 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))


def triangles(rate_hz: int, size: int) -> np.ndarray:
    """`(bands, bins)`, written down plainly."""
    bins_hz = np.arange(size // 2 + 1) * rate_hz / size
    edges_hz = slaney_edges_hz(min(20_000, rate_hz / 2))
    weights = np.array([np.interp(bins_hz, edges_hz[k : k + 3], [0, 1, 0], left=0, right=0) for k in range(128)])
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_bands_are_triangles_at_any_rate(rate_hz: int) -> None:
    size = size_at(rate_hz)
    powers = np.random.default_rng(1).random((5, size // 2 + 1)).astype(np.float32)
    np.testing.assert_allclose(MelBands(rate_hz, size)(powers), powers @ triangles(rate_hz, size).T, rtol=1e-3)


@pytest.mark.parametrize("gain_db", [-20.0, -0.1, 0.0, 3.0, 12.0])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 96_000])
def test_a_gain_reads_itself(gain_db: float, rate_hz: int) -> None:
    clean = noise(20_000)
    other = (clean * 10 ** (gain_db / 20)).astype(np.float32)
    assert mel_distance_db(clean, other, rate_hz) == pytest.approx(abs(gain_db), abs=1e-3)


@pytest.mark.parametrize("highest_hz", [800, 1_000, 4_000, 20_000])
def test_the_edges_are_those_of_slaney(highest_hz: float) -> None:
    np.testing.assert_allclose(mel_edges_hz(highest_hz), slaney_edges_hz(highest_hz), rtol=1e-9)


def test_the_scale_is_straight_below_one_kilohertz_and_logarithmic_above() -> None:
    edges_hz = mel_edges_hz(20_000)
    assert edges_hz[[0, -1]] == pytest.approx([20, 20_000])
    low, high = edges_hz[edges_hz < 1000], edges_hz[edges_hz > 1000]
    assert np.diff(low) == pytest.approx(np.full(low.size - 1, low[1] - low[0]))
    assert np.diff(np.log(high)) == pytest.approx(np.full(high.size - 1, np.log(high[1] / high[0])))


def test_a_tone_that_is_missing_counts_in_its_bands_only() -> None:
    """Noise, with a tone that stands out in few of the 128 bands."""
    clean = noise(44_100, level=0.001)
    distance_db = mel_distance_db(clean, clean + tone(1_000, 44_100, level=0.1), 44_100)
    assert distance_db is not None
    assert 1 < distance_db < 5


def test_both_channels_count_alike() -> None:
    clean = np.repeat(noise(20_000, 1), 2, axis=0)
    halved = clean * np.array([[0.5], [1.0]], np.float32)
    assert mel_distance_db(clean, halved, 44_100) == pytest.approx(20 * np.log10(2) / 2, abs=1e-3)
