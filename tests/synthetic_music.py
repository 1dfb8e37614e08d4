"""Music-like signals that tests make themselves, and the wall that a coder leaves in them."""

import numpy as np
from scipy import signal
from signals import noise

from rebounce.engine.audio import Audio

CHORDS = ((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6), (164.8, 207.7, 246.9))


def mix(seconds: float, rate_hz: int, seed: int = 4) -> Audio:
    """Stereo at about -20 dBFS, full-band, without a pause; a new chord and four hits of the drums a second."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    generator = np.random.default_rng(seed)
    chord = np.zeros_like(times)
    for number in range(int(np.ceil(seconds))):
        inside = (times >= number) & (times < number + 1)
        local = times[inside] - number
        for root in CHORDS[number % len(CHORDS)]:
            for partial in range(1, 12):
                wave = np.sin(2 * np.pi * root * partial * local + generator.uniform(0, 6))
                chord[inside] += 0.06 / partial * wave * np.exp(-local) * np.minimum(1, local / 0.01)
    bass = 0.12 * np.sin(2 * np.pi * 55 * times) * np.exp(-2 * (times % 0.5))
    hits = generator.standard_normal((2, times.size)) * 0.18 * np.exp(-(times % 0.25) / 0.03)
    return (np.stack([chord, 0.8 * np.roll(chord, 11)]) + bass + hits).astype(np.float32)


def with_pauses(music: Audio, rate_hz: int) -> Audio:
    """The music with 1.2 s in four silent."""
    seconds = np.arange(music.shape[1]) / rate_hz
    return np.where(seconds % 4 > 2.8, np.float32(0), music)


def walled(audio: Audio, cutoff_hz: float, rate_hz: int = 44_100) -> Audio:
    """Everything above `cutoff_hz` taken away within 100 Hz."""
    taps = signal.firwin(2_047, cutoff_hz, fs=rate_hz)
    left: Audio = signal.fftconvolve(audio, taps[np.newaxis], mode="same", axes=1).astype(np.float32)
    return left


def pink(seconds: float, rate_hz: int = 44_100) -> Audio:
    """Noise that falls by 3 dB an octave."""
    spectrum = np.fft.rfft(noise(round(seconds * rate_hz), level=1.0))
    spectrum /= np.sqrt(np.maximum(np.arange(spectrum.shape[1]), 1))
    music = np.fft.irfft(spectrum, n=round(seconds * rate_hz))
    scaled: Audio = (0.1 * music / music.std()).astype(np.float32)
    return scaled


def speech_like(seconds: float = 6, rate_hz: int = 44_100) -> Audio:
    """Syllables: a buzz at 120 Hz through four formants, with pauses."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    buzz = signal.sawtooth(2 * np.pi * 120 * times) * (times % 0.4 < 0.25)
    formants = [
        signal.sosfilt(signal.butter(2, (f * 0.9, f * 1.1), "bandpass", fs=rate_hz, output="sos"), buzz)
        for f in (600, 1_200, 2_500, 3_500)
    ]
    speech: Audio = (0.2 * np.sum(formants, axis=0))[np.newaxis].astype(np.float32)
    return speech
