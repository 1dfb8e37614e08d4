"""Periodic sounds without aliasing: one cycle of a wave as a sum of harmonics, read at any pitch.

A note gets its own tables, holding exactly the harmonics that fit below its limit. Several tables side by side are the
steps of a movement (a filter that closes, a vowel that turns into another), and a reading position between them moves
through it: a filter sweep costs one more look-up and has no state, so that nothing depends on where a block begins.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.audio import Audio
from rebounce.training.music.envelope import Curve

HIGHEST_HARMONIC_HZ = 18_500.0
LOW_CYCLE_FRAMES = 4096
HIGH_CYCLE_FRAMES = 1024
SWEEP_STEPS_PER_OCTAVE = 2.5
LOWEST_CUTOFF_HZ = 60.0
SWEEP_OCTAVES = 8.0
BLOCK_FRAMES = 16_384

Harmonics = NDArray[np.complex128]
"""Complex amplitudes, harmonic 1 first; several rows are several tables."""

Rows = tuple[NDArray[np.int64], Audio]
"""Offsets of rows, and the share of the next row, for each frame."""


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
            "string": np.sin(np.pi * number / 7) / number,
        }[spectrum]
    return np.asarray(-1j * amplitude, dtype=np.complex128)


def sweep(harmonics: Harmonics, pitch_hz: float, resonance: float) -> Harmonics:
    """One row per step of a two-pole low-pass that opens from `LOWEST_CUTOFF_HZ` by `SWEEP_OCTAVES`."""
    steps = np.arange(round(SWEEP_OCTAVES * SWEEP_STEPS_PER_OCTAVE) + 1)
    cutoff_hz = LOWEST_CUTOFF_HZ * 2 ** (steps[:, None] / SWEEP_STEPS_PER_OCTAVE)
    ratio = pitch_hz * np.arange(1, harmonics.shape[-1] + 1) / cutoff_hz
    return np.asarray(harmonics / (1 - ratio**2 + 1j * ratio / resonance))


def sweep_position(cutoff_hz: float, octaves: Curve) -> Curve:
    """Where in the tables of `sweep` lies what is so many octaves above a cut-off."""
    return np.asarray(SWEEP_STEPS_PER_OCTAVE * (octaves + np.log2(cutoff_hz / LOWEST_CUTOFF_HZ)), dtype=octaves.dtype)


def cycles(harmonics: Harmonics) -> Audio:
    """The tables `(rows, cycle + 1)`: one cycle each, its first frame repeated at the end."""
    rows = np.atleast_2d(harmonics)
    frames = LOW_CYCLE_FRAMES if rows.shape[1] > HIGH_CYCLE_FRAMES // 16 else HIGH_CYCLE_FRAMES
    spectrum = np.zeros((len(rows), frames // 2 + 1), dtype=np.complex128)
    kept = min(rows.shape[1], frames // 2 - 1)
    spectrum[:, 1 : kept + 1] = rows[:, :kept] * (frames / 2)
    table = fft.irfft(spectrum, frames)
    return np.concatenate([table, table[:, :1]], axis=1).astype(np.float32)


def between_rows(tables: Audio, position: Curve) -> Rows:
    """The row below each position, as an offset into the tables, and how far the position lies above it."""
    held = np.clip(position, 0, len(tables) - 1.001)
    row = held.astype(np.int64)
    return row * tables.shape[1], (held - row).astype(np.float32, copy=False)


def read(tables: Audio, phase: NDArray[np.float64], rows: Rows | None = None) -> Audio:
    """The first table at a phase in cycles, or what lies between two tables (`between_rows`) at each frame."""
    out = np.empty(len(phase), dtype=np.float32)
    # Piece by piece, because the pages of larger intermediate arrays are given back and asked for again each time:
    # notes of several seconds took more than twice as long.
    for first in range(0, len(phase), BLOCK_FRAMES):
        block = slice(first, first + BLOCK_FRAMES)
        out[block] = _read_block(tables, phase[block], rows and (rows[0][block], rows[1][block]))
    return out


def _read_block(tables: Audio, phase: NDArray[np.float64], rows: Rows | None) -> Audio:
    width = tables.shape[1]
    flat = tables.reshape(-1)
    place = (phase - np.floor(phase)) * (width - 1)
    # 64 bits, because numpy would convert any other index before each of the look-ups.
    index = place.astype(np.int64)
    between = (place - index).astype(np.float32)
    if rows is None:
        return _blend(flat, index, between)
    offset, share = rows
    index += offset
    lower = _blend(flat, index, between)
    index += width
    upper = _blend(flat, index, between)
    upper -= lower
    upper *= share
    lower += upper
    return lower


def _blend(flat: Audio, index: NDArray[np.int64], between: Audio) -> Audio:
    first = flat.take(index)
    rise = flat.take(index + 1)
    rise -= first
    rise *= between
    first += rise
    return first
