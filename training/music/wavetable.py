"""Periodic sounds without aliasing: one cycle of a wave as a sum of harmonics, read at any pitch.

A note gets its own tables, holding exactly the harmonics that fit below its limit. Several tables side by side are the
steps of a movement (a filter that closes, a vowel that turns into another), and a reading position between them moves
through it: a filter sweep costs one more look-up and has no state, so that nothing depends on where a block begins.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.audio import Audio

HIGHEST_HARMONIC_HZ = 18_500.0
LOW_CYCLE_FRAMES = 4096
HIGH_CYCLE_FRAMES = 1024
SWEEP_STEPS_PER_OCTAVE = 2.5
LOWEST_CUTOFF_HZ = 60.0
SWEEP_OCTAVES = 8.0

Harmonics = NDArray[np.complex128]
"""Complex amplitudes, harmonic 1 first; several rows are several tables."""


def harmonic_count(pitch_hz: float, sample_rate_hz: float) -> int:
    """How many harmonics of a pitch fit, a little vibrato included."""
    limit_hz = min(HIGHEST_HARMONIC_HZ, 0.45 * sample_rate_hz)
    return max(1, int(limit_hz / (1.04 * pitch_hz)))


def wave(spectrum: str | tuple[float, ...], count: int) -> Harmonics:
    """The first `count` harmonics of a wave, by name or by amplitudes."""
    number = np.arange(1, count + 1)
    if isinstance(spectrum, tuple):
        amplitude = np.zeros(count)
        amplitude[: len(spectrum)] = spectrum[:count]
    else:
        odd = number % 2
        amplitude = {
            "saw": 1 / number,
            "square": odd / number,
            "triangle": odd / number**2,
            "pulse": np.sin(0.25 * np.pi * number) * 2 / (np.pi * number),
        }[spectrum]
    return np.asarray(-1j * amplitude, dtype=np.complex128)


def sweep(harmonics: Harmonics, pitch_hz: float, resonance: float) -> Harmonics:
    """One row per step of a two-pole low-pass that opens from `LOWEST_CUTOFF_HZ` by `SWEEP_OCTAVES`."""
    steps = np.arange(round(SWEEP_OCTAVES * SWEEP_STEPS_PER_OCTAVE) + 1)
    cutoff_hz = LOWEST_CUTOFF_HZ * 2 ** (steps[:, None] / SWEEP_STEPS_PER_OCTAVE)
    ratio = pitch_hz * np.arange(1, harmonics.shape[-1] + 1) / cutoff_hz
    return np.asarray(harmonics / (1 - ratio**2 + 1j * ratio / resonance))


def sweep_position(cutoff_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where in the tables of `sweep` a cut-off lies."""
    return np.asarray(SWEEP_STEPS_PER_OCTAVE * np.log2(np.maximum(cutoff_hz, LOWEST_CUTOFF_HZ) / LOWEST_CUTOFF_HZ))


def cycles(harmonics: Harmonics) -> Audio:
    """The tables `(rows, cycle + 1)`: one cycle each, its first frame repeated at the end."""
    rows = np.atleast_2d(harmonics)
    frames = LOW_CYCLE_FRAMES if rows.shape[1] > HIGH_CYCLE_FRAMES // 16 else HIGH_CYCLE_FRAMES
    spectrum = np.zeros((len(rows), frames // 2 + 1), dtype=np.complex128)
    kept = min(rows.shape[1], frames // 2 - 1)
    spectrum[:, 1 : kept + 1] = rows[:, :kept] * (frames / 2)
    table = fft.irfft(spectrum, frames)
    return np.concatenate([table, table[:, :1]], axis=1).astype(np.float32)


def read(tables: Audio, phase: NDArray[np.float64], position: NDArray[np.float64] | None = None) -> Audio:
    """The tables at a phase in cycles and, with more than one table, at a position between the rows."""
    rows, width = tables.shape
    flat = tables.reshape(-1)
    place = (phase - np.floor(phase)) * (width - 1)
    index = place.astype(np.int32)
    between = (place - index).astype(np.float32)
    if position is None or rows == 1:
        return _blend(flat, index, between)
    held = np.clip(position, 0, rows - 1.001)
    row = held.astype(np.int32)
    share = (held - row).astype(np.float32)
    index += row * np.int32(width)
    lower = _blend(flat, index, between)
    upper = _blend(flat, index + np.int32(width), between)
    return np.asarray(lower + share * (upper - lower))


def _blend(flat: Audio, index: NDArray[np.int32], between: Audio) -> Audio:
    first = flat.take(index)
    return np.asarray(first + between * (flat.take(index + 1) - first))
