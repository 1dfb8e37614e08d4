"""The features against plain transforms, and against levels that half precision cannot take."""

import tracemalloc

import numpy as np
import pytest
from bundle_making import FRAMING
from numpy.typing import NDArray
from signals import noise, tone

from rebounce.training.bundle_features import FEATURES, MEL_FLOOR_DB, feature_shape, spectra_of

RATE_HZ = 48_000
BIN_HZ = RATE_HZ / 2048


@pytest.mark.parametrize("frames", [0, 1, 511, 512, 2048, 30_001, 600_000])
def test_the_spectrogram_is_the_plain_transform_of_each_frame(frames: int) -> None:
    audio = noise(frames)
    found = spectra_of(audio, RATE_HZ, ["stft"])["stft"]
    assert found.dtype == np.float16
    assert found.shape == feature_shape("stft", frames, FRAMING)
    padded = np.pad((audio[0] + audio[1]) / 2, 1024)
    window = np.hanning(2049)[:-1]
    for column in {0, found.shape[1] // 2, found.shape[1] - 1}:
        expected = np.abs(np.fft.rfft(padded[512 * column : 512 * column + 2048] * window))
        np.testing.assert_allclose(found[:, column], expected, rtol=1e-3, atol=1e-4)


def test_a_full_scale_sine_reads_512_in_the_spectrogram() -> None:
    found = spectra_of(tone(276 * BIN_HZ, RATE_HZ, RATE_HZ, level=1.0), RATE_HZ, ["stft"])["stft"]
    middle = found[:, found.shape[1] // 2]
    assert int(middle.argmax()) == 276
    assert middle[275:278] == pytest.approx(np.array([256, 512, 256]), rel=1e-3)


def test_a_mel_band_is_the_mean_power_under_its_triangle() -> None:
    features = spectra_of(noise(20_000), RATE_HZ, ["mel", "stft"])
    power = np.square(features["stft"].astype(np.float64) / 512)
    edges_hz = slaney_edges_hz(128)
    for band in (0, 30, 64, 127):
        weights = np.interp(np.arange(1025) * BIN_HZ, edges_hz[band : band + 3], [0.0, 1.0, 0.0])
        expected_db = 10 * np.log10((weights[:, np.newaxis] * power).sum(axis=0) / weights.sum())
        np.testing.assert_allclose(features["mel"][band], expected_db, atol=0.1)


def slaney_edges_hz(bands: int) -> NDArray[np.float64]:
    """20 Hz to 20 kHz in even steps on a scale of 200/3 Hz a mel up to 1 kHz, and 27 mels to a factor of 6.4 above."""
    mel = np.linspace(20 * 3 / 200, 15 + 27 * np.log(20) / np.log(6.4), bands + 2)
    return np.where(mel <= 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def test_the_middle_channel_alone_is_heard() -> None:
    left = noise(5_000, channels=1)
    sides = spectra_of(np.concatenate([left, -left]), RATE_HZ, ["mel", "stft"])
    assert (sides["stft"] == 0).all()
    assert (sides["mel"] == MEL_FLOOR_DB).all()
    mono = spectra_of(left, RATE_HZ, ["stft"])["stft"]
    np.testing.assert_array_equal(spectra_of(np.concatenate([left, left]), RATE_HZ, ["stft"])["stft"], mono)


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-7, 1e4, 1e30])
def test_no_level_is_too_much_for_half_precision(level: float) -> None:
    features = spectra_of(np.full((2, 5_000), level, np.float32), RATE_HZ, ["mel", "stft"])
    assert all(np.isfinite(values).all() for values in features.values())
    assert features["mel"].min() >= MEL_FLOOR_DB
    if level == 1e30:
        assert features["stft"].max() == np.finfo(np.float16).max


def test_what_is_quiet_is_as_exact_as_what_is_loud() -> None:
    loud, soft = (spectra_of(noise(5_000, level=level), RATE_HZ, ["stft"])["stft"] for level in (1.0, 1e-4))
    reference = loud.astype(np.float64) * 1e-4
    heard = reference > 1e-4
    np.testing.assert_allclose(soft[heard], reference[heard], rtol=3e-3)


def test_only_what_is_named_is_made() -> None:
    assert spectra_of(noise(100), RATE_HZ, []) == {}
    assert list(spectra_of(noise(100), RATE_HZ, ["mel"])) == ["mel"]
    shapes = {name: feature_shape(name, 1_440_000, FRAMING) for name in FEATURES}
    assert shapes == {"mel": (128, 2813), "stft": (1025, 2813), "measures": (31, 25), "latents": (31, 3, 128, 150)}


def test_a_long_item_is_copied_once() -> None:
    audio = np.zeros((2, 240 * RATE_HZ), np.float32)
    spectra_of(audio[:, :RATE_HZ], RATE_HZ, ["mel"])  # loads what it needs
    tracemalloc.start()
    try:
        spectra_of(audio, RATE_HZ, ["mel"])
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    mono_bytes = audio.nbytes / 2
    assert mono_bytes < peak_bytes < 1.9 * mono_bytes
