"""Notes played by a patch: oscillators in stereo through a moving low-pass filter."""

from collections.abc import Sequence

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.training.music.envelope import fall, note_axis, note_shape, swell, wander
from rebounce.training.music.score import Note
from rebounce.training.music.style import Patch
from rebounce.training.music.wavetable import between_rows, cycles, harmonic_count, read, sweep, sweep_position, wave

DRIFT_CENTS = 2.5
VELOCITY_OCTAVES = 1.0
VIBRATO_DELAY_S = 0.18


def pitch_hz(pitch: float) -> float:
    """The frequency of a MIDI pitch."""
    return float(440.0 * 2 ** ((pitch - 69) / 12))


def pan_gains(pan: float) -> Audio:
    """Left and right gain `(2, 1)` of a place from -1 (left) to 1 (right), at constant power."""
    angle = (pan + 1) * np.pi / 4
    return np.array([[np.cos(angle)], [np.sin(angle)]], dtype=np.float32)


def play(
    patch: Patch,
    notes: Sequence[Note],
    brightness: Audio,
    sample_rate_hz: float,
    rng: np.random.Generator,
) -> Audio:
    """The notes as stereo `(2, frames)`, as long as `brightness`, which says per frame how far the filter opens."""
    out = np.zeros((2, len(brightness)), dtype=np.float32)
    ordered = sorted(notes, key=lambda note: note.start_s)
    for number, note in enumerate(ordered):
        first = max(0, round(note.start_s * sample_rate_hz))
        frames = min(round((note.length_s + 2 * patch.release_s) * sample_rate_hz), out.shape[1] - first)
        if frames > 0:
            previous = ordered[number - 1].pitch if number and patch.glide_s else note.pitch
            opened = brightness[first : first + frames]
            out[:, first : first + frames] += _play_note(patch, note, previous, opened, sample_rate_hz, rng)
    return out


def _play_note(
    patch: Patch, note: Note, previous: int, brightness: Audio, sample_rate_hz: float, rng: np.random.Generator
) -> Audio:
    frames = len(brightness)
    time_s = note_axis(frames, sample_rate_hz)
    base_hz = pitch_hz(note.pitch)
    count = harmonic_count(max(base_hz, pitch_hz(previous)), sample_rate_hz)
    tables = cycles(sweep(wave(patch.spectrum, count), base_hz, patch.resonance))
    opened = _opening_octaves(patch, note, time_s, brightness)
    rows = between_rows(tables, sweep_position(patch.cutoff_hz, opened))
    octaves = _bend_octaves(patch, note, previous, time_s)
    octaves += np.float32(DRIFT_CENTS / 1200) * wander(frames, sample_rate_hz, 3.0, rng).astype(np.float32)
    turned = np.cumsum(np.exp2(octaves), dtype=np.float64) * (base_hz / sample_rate_hz)
    shape = note_shape(time_s, note.length_s, (patch.attack_s, patch.decay_s, patch.sustain, patch.release_s))
    shape *= np.float32(note.velocity / len(patch.voices) ** 0.5)
    out = np.zeros((2, frames), dtype=np.float32)
    for detune_cents, pan in patch.voices:
        phase = turned * 2 ** (detune_cents / 1200) + rng.uniform()
        out += pan_gains(pan) * (read(tables, phase, rows) * shape)
    return out


def _opening_octaves(patch: Patch, note: Note, time_s: Audio, brightness: Audio) -> Audio:
    """How far the filter opens: with the envelope, the velocity, half the keyboard, and the section's brightness."""
    keyboard = 0.5 * (note.pitch - 60) / 12
    touch = VELOCITY_OCTAVES * (note.velocity - 0.8) / 0.4
    octaves = brightness + np.float32(keyboard + touch)
    if patch.sweep_octaves:
        octaves += patch.sweep_octaves * swell(time_s, max(patch.attack_s, 0.002)) * fall(time_s, patch.sweep_decay_s)
    return octaves


def _bend_octaves(patch: Patch, note: Note, previous: int, time_s: Audio) -> Audio:
    """Where the pitch comes from, and the vibrato that sets in late."""
    bend = np.zeros_like(time_s)
    if previous != note.pitch:
        bend += (previous - note.pitch) / 12 * fall(time_s, max(patch.glide_s, 1e-3) / 2)
    if patch.vibrato_cents:
        depth = patch.vibrato_cents / 1200 * swell(np.maximum(time_s - VIBRATO_DELAY_S, 0), 0.3)
        bend += depth * np.sin(2 * np.pi * patch.vibrato_hz * time_s)
    return bend
