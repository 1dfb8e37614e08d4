"""A singing voice: a glottal wave through the resonances of vowels, with breath and consonants.

Source and filter after Fant: harmonics that fall by 6 dB per octave (glottis and lips together) times a cascade of
five resonances. It sings no words, but it moves as a voice does: nasal or hissed onsets, vowels that turn into one
another, a late vibrato, pitch that is approached from the note before.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from rebounce.engine.audio import Audio
from rebounce.training.music.envelope import Curve, note_axis, note_shape, seconds_axis, swell, wander
from rebounce.training.music.score import Note
from rebounce.training.music.style import Singer
from rebounce.training.music.synthesiser import pan_gains, pitch_hz
from rebounce.training.music.wavetable import Harmonics, between_rows, cycles, harmonic_count, read

# Centre frequencies in Hz of the first five resonances, measured ones of Peterson and Barney rounded.
VOWELS_HZ: dict[str, tuple[float, ...]] = {
    "a": (730.0, 1100.0, 2500.0, 3500.0, 4500.0),
    "e": (530.0, 1840.0, 2550.0, 3550.0, 4600.0),
    "i": (300.0, 2250.0, 3000.0, 3700.0, 4700.0),
    "o": (540.0, 860.0, 2450.0, 3400.0, 4400.0),
    "u": (320.0, 820.0, 2300.0, 3300.0, 4300.0),
    "m": (250.0, 1000.0, 2100.0, 3300.0, 4300.0),
}
BANDWIDTHS_HZ = (70.0, 90.0, 120.0, 180.0, 250.0)
NASAL_LOSS = 0.5
RELEASE_S = 0.16
LEGATO_GAP_S = 0.09
HISS_S = 0.09
HISS_DB = -17.0


def sing(singer: Singer, notes: Sequence[Note], frames: int, sample_rate_hz: float, rng: np.random.Generator) -> Audio:
    """The notes sung in mono `(1, frames)`, joined where they follow one another closely."""
    out = np.zeros((1, frames), dtype=np.float32)
    previous: Note | None = None
    for note in sorted(notes, key=lambda note: note.start_s):
        first = max(0, round(note.start_s * sample_rate_hz))
        length = min(round((note.length_s + RELEASE_S) * sample_rate_hz), frames - first)
        is_legato = previous is not None and note.start_s - previous.end_s < LEGATO_GAP_S
        if length > 0:
            came_from = previous.pitch if previous is not None and is_legato else note.pitch - 1
            out[0, first : first + length] += _sing_note(singer, note, came_from, length, sample_rate_hz, rng)
            if not is_legato and rng.uniform() < 0.5:
                _hiss(out[0], first, note.velocity, sample_rate_hz, rng)
        previous = note
    return out


def double(line: Audio, sample_rate_hz: float) -> Audio:
    """A choir from one line `(1, frames)`: two late, slowly wandering copies at the sides, `(2, frames)`."""
    frames = line.shape[1]
    out = np.zeros((2, frames), dtype=np.float32)
    time_s = seconds_axis(frames, sample_rate_hz)
    for pan, late_s, rate_hz in ((-0.85, 0.017, 0.61), (0.85, 0.024, 0.47)):
        late = late_s + 0.003 * np.sin(2 * np.pi * rate_hz * time_s.astype(np.float32))
        out += pan_gains(pan) * _read_late(line[0], np.arange(frames) - sample_rate_hz * late)
    return out


def _read_late(line: Audio, place: Curve) -> Audio:
    """The line between its frames; silence before it begins."""
    padded = np.concatenate([np.zeros(2, dtype=np.float32), line])
    held = np.maximum(place + 2, 0)
    index = np.minimum(held.astype(np.int64), len(padded) - 2)
    lower = padded.take(index)
    return np.asarray(lower + (held - index).astype(np.float32) * (padded.take(index + 1) - lower))


def _sing_note(
    singer: Singer, note: Note, came_from: int, frames: int, sample_rate_hz: float, rng: np.random.Generator
) -> Audio:
    time_s = note_axis(frames, sample_rate_hz)
    base_hz = pitch_hz(note.pitch)
    first, second = rng.choice(["a", "e", "i", "o", "u"], size=2, p=[0.32, 0.2, 0.12, 0.22, 0.14])
    count = harmonic_count(base_hz * 1.08, sample_rate_hz)
    rows = [_spectrum(name, base_hz, count, singer.formant_scale) for name in ("m", str(first), str(second))]
    rows[0] = rows[0] * NASAL_LOSS
    position = swell(time_s, 0.07) + swell(np.maximum(time_s - 0.3 * note.length_s, 0), 0.6 * note.length_s + 0.05)
    cents = _pitch_cents(singer, note, came_from, time_s, rng)
    phase = np.cumsum(np.exp2(cents / 1200), dtype=np.float64) * (base_hz / sample_rate_hz)
    tables = cycles(np.stack(rows))
    tone = read(tables, phase + rng.uniform(), between_rows(tables, position))
    flutter = 1 + 0.06 * wander(frames, sample_rate_hz, 9.0, rng)
    shape = note_shape(time_s, note.length_s, (0.045, 0.6, 0.8, RELEASE_S))
    breath = _breath(frames, sample_rate_hz, rng) * np.float32(10 ** (singer.breath_db / 20))
    return np.asarray((tone * flutter.astype(np.float32) + breath) * shape * np.float32(note.velocity))


def _pitch_cents(singer: Singer, note: Note, came_from: int, time_s: Curve, rng: np.random.Generator) -> Curve:
    approach = 100.0 * float(np.clip(came_from - note.pitch, -7, 7)) * (1 - swell(time_s, 0.085))
    depth = singer.vibrato_cents * swell(np.maximum(time_s - 0.22, 0), 0.35)
    trembling = np.sin(2 * np.pi * (singer.vibrato_hz * time_s + rng.uniform()))
    unsteady = wander(len(time_s), 1 / float(time_s[1]), 4.0, rng).astype(np.float32)
    return np.asarray(approach + depth * trembling + 7.0 * unsteady)


def _spectrum(vowel: str, base_hz: float, count: int, formant_scale: float) -> Harmonics:
    """The harmonics of a sung vowel, at equal power for all vowels."""
    frequency_hz = base_hz * np.arange(1, count + 1)
    heard = -1j / np.arange(1, count + 1)
    for centre, width_hz in zip(VOWELS_HZ[vowel], BANDWIDTHS_HZ, strict=True):
        centre_hz = centre * formant_scale
        heard = heard * centre_hz**2 / (centre_hz**2 - frequency_hz**2 + 1j * frequency_hz * width_hz)
    return np.asarray(heard / np.sqrt(np.sum(np.abs(heard) ** 2)))


def _breath(frames: int, sample_rate_hz: float, rng: np.random.Generator) -> Audio:
    noise = rng.standard_normal(frames, dtype=np.float32)
    return np.asarray(signal.sosfilt(_breath_band(sample_rate_hz), noise), dtype=np.float32)


@cache
def _breath_band(sample_rate_hz: float) -> NDArray[np.float64]:
    band_hz = (1_800.0, min(9_000.0, 0.45 * sample_rate_hz))
    return np.asarray(signal.butter(1, band_hz, "bandpass", fs=sample_rate_hz, output="sos"))


def _hiss(out: Audio, first: int, velocity: float, sample_rate_hz: float, rng: np.random.Generator) -> None:
    """An `s` that ends just as the note begins, added to `out` in place."""
    frames = round(HISS_S * sample_rate_hz)
    start = first - round(0.75 * frames)
    if start < 0 or start + frames > len(out):
        return
    noise = signal.sosfilt(_hiss_band(sample_rate_hz), rng.normal(0.0, 1.0, frames)) * np.hanning(frames)
    out[start : start + frames] += (10 ** (HISS_DB / 20) * velocity * noise).astype(np.float32)


@cache
def _hiss_band(sample_rate_hz: float) -> NDArray[np.float64]:
    edge_hz = min(5_200.0, 0.4 * sample_rate_hz)
    return np.asarray(signal.butter(2, edge_hz, "highpass", fs=sample_rate_hz, output="sos"))
