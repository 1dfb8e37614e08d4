"""The log spectra of stretches: few, of one length each, and blind to level and blocks."""

import numpy as np
import pytest
from signals import cut, noise

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.echo_spectrum import MOST_SUMS, WINDOW_SECONDS, EchoSpectra

RATE = 8_000


def seen(audio: Audio, sizes: list[int]) -> EchoSpectra:
    spectra = EchoSpectra(RATE)
    for block in cut(audio, sizes):
        spectra.see(block)
    return spectra


def test_a_tone_is_a_peak_at_its_frequency() -> None:
    times = np.arange(10 * RATE) / RATE
    spectra = seen(np.sin(2 * np.pi * 1_000 * times)[np.newaxis].astype(np.float32), [RATE])
    peaks_hz = spectra.frequencies_hz[np.argmax(spectra.means, axis=1)]
    np.testing.assert_allclose(peaks_hz, 1_000, atol=1 / WINDOW_SECONDS)


def test_blocks_of_any_length_give_the_same_spectra() -> None:
    audio = noise(20 * RATE)
    np.testing.assert_array_equal(seen(audio, [audio.shape[1]]).means, seen(audio, [977, 3, 60_000]).means)


@pytest.mark.parametrize("gain", [1e-8, 1e15])
def test_the_level_changes_no_more_than_a_constant(gain: float) -> None:
    audio = noise(9 * RATE)
    change = seen(audio * np.float32(gain), [RATE]).means - seen(audio, [RATE]).means
    assert np.ptp(change) < 1e-4


@pytest.mark.parametrize("seconds", [40, 150, 400])
def test_the_number_of_stretches_stays_small(seconds: int) -> None:
    spectra = seen(noise(seconds * RATE, channels=1), [30 * RATE])
    assert MOST_SUMS // 2 <= len(spectra.means) <= MOST_SUMS
    # White noise: a stretch that was counted wrong would stand out.
    levels = spectra.means.mean(axis=1)
    assert np.ptp(levels) < 0.5


def test_silence_does_not_count() -> None:
    silence = np.zeros((2, 30 * RATE), dtype=np.float32)
    assert len(seen(silence, [RATE]).means) == 0
    music = noise(12 * RATE)
    around = np.concatenate([silence, music, silence], axis=1)
    assert len(seen(around, [RATE]).means) <= len(seen(music, [RATE]).means) + 2
