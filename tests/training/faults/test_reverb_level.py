"""The level of a tail against closed forms: impulses, and filters whose pink-weighted power is an integral."""

import numpy as np
import pytest

from rebounce.training.faults.reverb_level import tail_energy

RATES_HZ = [4_000, 8_000, 44_100, 192_000]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("frames", [1, 7, 300_000])
def test_an_impulse_has_the_square_of_its_size(rate_hz: int, frames: int) -> None:
    tail = np.zeros((2, frames), dtype=np.float32)
    tail[0, frames // 2] = 0.5
    tail[1, 0] = 2.0
    assert tail_energy(tail, rate_hz) == pytest.approx((0.25 + 4) / 2, rel=1e-5)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
def test_a_low_pass_counts_as_it_does_for_pink_noise(rate_hz: int) -> None:
    # 1 / (1 + (f / corner)^2) over df / f from a to b is ln(f / sqrt(f^2 + corner^2)), from a to b.
    corner_hz, low_hz, high_hz = 200.0, 50.0, 3_500.0
    frames = 2 * rate_hz
    hz = np.fft.rfftfreq(frames, 1 / rate_hz)
    tail = np.fft.irfft(1 / (1 + 1j * hz / corner_hz), frames).astype(np.float32)[np.newaxis]

    def integral(edge_hz: float) -> float:
        return float(np.log(edge_hz / np.hypot(edge_hz, corner_hz)))

    expected = (integral(high_hz) - integral(low_hz)) / np.log(high_hz / low_hz)
    assert tail_energy(tail, rate_hz) == pytest.approx(expected, rel=0.02)


def test_what_lies_above_the_band_does_not_count() -> None:
    low, high = (np.cos(2 * np.pi * hz * np.arange(48_000) / 48_000) for hz in (1_000, 10_000))
    window = np.hanning(48_000)
    energies = [tail_energy((window * wave).astype(np.float32)[np.newaxis], 48_000) for wave in (low, low + high)]
    assert energies[1] == pytest.approx(energies[0], rel=1e-4)
