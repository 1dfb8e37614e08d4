import numpy as np
import pytest
from signals import noise

from rebounce.training.faults.convolution import SMALLEST_TRANSFORM, convolved


@pytest.mark.parametrize("frames", [1, 2, 999, SMALLEST_TRANSFORM, 100_003])
@pytest.mark.parametrize("length", [1, 2, 1_000, 20_011])
def test_it_is_the_whole_convolution_cut_to_the_length_of_the_audio(frames: int, length: int) -> None:
    audio, tail = noise(frames), noise(length, seed=1)
    spectra = np.fft.rfft(audio.astype(np.float64), frames + length) * np.fft.rfft(tail, frames + length)
    expected = np.fft.irfft(spectra, frames + length)[:, :frames]
    np.testing.assert_allclose(convolved(audio, tail), expected, rtol=1e-5, atol=3e-6)


def test_many_blocks_in_several_goes_are_as_good_as_one() -> None:
    audio, tail = noise(3_000_000, 1), noise(3, 1, seed=1)
    np.testing.assert_allclose(convolved(audio, tail)[0], np.convolve(audio[0], tail[0])[: audio.shape[1]], atol=1e-6)
