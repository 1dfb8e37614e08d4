import numpy as np
import pytest
from signals import noise

from rebounce.training.scores.multi_resolution_stft import multi_resolution_stft, stft_parts


@pytest.mark.parametrize("factor", [0.1, 0.5, 0.99, 1.0, 1.5, 4.0, -2.0])
def test_a_factor_reads_itself_in_both_parts(factor: float) -> None:
    clean = noise(20_000)
    other = clean * np.float32(factor)
    convergence, apart = stft_parts(clean, other, 1024)
    assert convergence == pytest.approx(abs(1 - abs(factor)), abs=1e-5)
    assert apart == pytest.approx(abs(np.log(abs(factor))), abs=1e-4)
    assert multi_resolution_stft(clean, other, 44_100) == pytest.approx(convergence + apart, abs=1e-4)


def test_it_is_the_published_formula() -> None:
    clean, other = noise(10_000, 2, seed=1), noise(10_000, 2, seed=2)
    sums = []
    for size in (512, 1024, 2048):
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
        c, o = (
            np.array([np.abs(np.fft.rfft([np.pad(channel, size // 2)[i : i + size] * window for i in starts]))
                      for channel in piece])
            for piece in (clean, other)
            for starts in [range(0, 10_001, size // 4)]
        )  # fmt: skip
        sums.append(np.linalg.norm(c - o) / np.linalg.norm(c) + np.abs(np.log(c / o)).mean())
    assert multi_resolution_stft(clean, other, 44_100) == pytest.approx(np.mean(sums), rel=1e-4)


def test_all_of_the_piece_is_compared_not_its_beginning() -> None:
    clean = noise(60_000)
    other = clean.copy()
    other[:, 55_000:] = 0
    distance = multi_resolution_stft(clean, other, 44_100)
    assert distance is not None
    assert distance > 0.2


def test_silence_in_place_of_music_has_a_convergence_of_one() -> None:
    clean = noise(20_000)
    assert stft_parts(clean, np.zeros_like(clean), 512)[0] == pytest.approx(1)
