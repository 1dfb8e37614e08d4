"""Oscillators: in tune, without aliasing, with a filter that does what its formula says."""

import numpy as np
import pytest

from rebounce.training.music.wavetable import (
    LOWEST_CUTOFF_HZ,
    between_rows,
    cycles,
    harmonic_count,
    read,
    sweep,
    sweep_position,
    wave,
)

RATE = 44_100


def played(name: str, pitch_hz: float, frames: int = RATE) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    tables = cycles(wave(name, harmonic_count(pitch_hz, RATE)))
    return read(tables, np.arange(frames) * pitch_hz / RATE).astype(np.float64)


@pytest.mark.parametrize("pitch_hz", [55.0, 441.0, 1_470.0, 3_150.0])
def test_a_saw_has_its_harmonics_and_nothing_between_them(pitch_hz: float) -> None:
    level = np.abs(np.fft.rfft(played("saw", pitch_hz))) / (RATE / 2)
    harmonics = np.arange(1, harmonic_count(pitch_hz, RATE) + 1)
    bins = np.round(harmonics * pitch_hz).astype(int)
    strong = harmonics <= 20
    assert level[bins[strong]] == pytest.approx(1 / harmonics[strong], rel=0.05)
    between = np.delete(level, bins)
    assert between.max() < 10 ** (-64 / 20)


def test_waves_of_a_name_have_the_amplitudes_of_their_series() -> None:
    assert np.abs(wave("square", 5)).tolist() == pytest.approx([1, 0, 1 / 3, 0, 1 / 5])
    assert np.abs(wave("triangle", 3)).tolist() == pytest.approx([1, 0, 1 / 9])
    assert np.abs(wave((1.0, 0.5), 4)).tolist() == pytest.approx([1, 0.5, 0, 0])


def test_no_harmonic_lies_beyond_what_the_rate_can_hold() -> None:
    for pitch_hz in (30.0, 440.0, 4_000.0):
        for rate in (16_000, 44_100, 96_000):
            assert 1.04 * pitch_hz * harmonic_count(pitch_hz, rate) <= max(0.45 * rate, 1.04 * pitch_hz)


def test_the_sweep_is_the_two_pole_low_pass_at_every_position() -> None:
    pitch_hz, resonance = 200.0, 0.9
    rows = sweep(wave("saw", 40), pitch_hz, resonance)
    for cutoff_hz in (100.0, 800.0, 5_000.0):
        position = float(sweep_position(cutoff_hz, np.zeros(1))[0])
        row = round(position)
        exact_hz = LOWEST_CUTOFF_HZ * 2 ** (row / 2.5)
        s = 1j * pitch_hz * np.arange(1, 41) / exact_hz
        assert np.allclose(rows[row], wave("saw", 40) / (s**2 + s / resonance + 1))
        assert abs(np.log2(exact_hz / cutoff_hz)) < 0.21


def test_a_position_between_two_tables_blends_them() -> None:
    tables = cycles(np.stack([wave("saw", 10), wave("square", 10)]))
    phase = np.linspace(0, 3, 1_000)
    low, high, middle = (read(tables, phase, between_rows(tables, np.full(1_000, at))) for at in (0.0, 0.999, 0.5))
    assert np.allclose(middle, (low + read(tables[1:], phase)) / 2, atol=1e-6)
    assert np.allclose(high, read(tables[1:], phase), atol=5e-3)
