import tracemalloc

import numpy as np
import pytest
from signals import noise, tone

from rebounce.engine.audio import Audio
from rebounce.training.scores.spectra import decibels_apart, paired_powers, size_at


def whole(clean: Audio, other: Audio, size: int) -> tuple[Audio, Audio]:
    slabs = list(paired_powers(clean, other, size))
    return np.concatenate([ours for ours, _ in slabs]), np.concatenate([theirs for _, theirs in slabs])


@pytest.mark.parametrize("frames", [1, 127, 128, 511, 8_192, 8_191, 20_000])
def test_slabs_are_what_one_transform_of_the_padded_piece_is(frames: int) -> None:
    clean, other = noise(frames, 1, seed=1), noise(frames, 1, seed=2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    for piece, powers in zip((clean, other), whole(clean, other, 512), strict=True):
        padded = np.pad(piece[0].astype(np.float64), 256)
        rows = [padded[start : start + 512] * window for start in range(0, frames + 1, 128)]
        expected = np.abs(np.fft.rfft(rows) / (window.sum() / 2)) ** 2
        np.testing.assert_allclose(powers, expected, rtol=1e-3, atol=1e-10)


def test_a_sine_at_full_scale_has_a_power_of_one() -> None:
    sine = tone(100 * 44_100 / 2048, 20_000, level=1.0)
    powers, _ = whole(sine, sine, 2048)
    assert powers[10, 100] == pytest.approx(1, rel=1e-4)


def test_frames_last_about_as_long_at_any_rate() -> None:
    rates_hz = (8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000)
    assert [size_at(rate) for rate in rates_hz] == [512, 1024, 1024, 2048, 2048, 2048, 4096, 4096, 8192]
    assert size_at(48_000, 512) == 512
    assert [size_at(rate, 512) for rate in (8_000, 4_000, 2_000)] == [128, 64, 64]


def test_what_lies_below_the_floor_is_no_difference() -> None:
    powers = np.array([0, 1e-20, 1e-12, 1e-6, 1], np.float32)
    assert decibels_apart(powers, powers[::-1].copy()) == pytest.approx([120, 60, 0, -60, -120], abs=1e-3)


def test_memory_does_not_grow_with_the_piece() -> None:
    def peak_bytes(frames: int) -> int:
        piece = noise(frames)
        tracemalloc.start()
        for _ in paired_powers(piece, piece, 2048):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    assert peak_bytes(400_000) < 1.1 * peak_bytes(100_000)
