"""A small arrangement that tests make themselves: chords with overtones, a bass, drums."""

import numpy as np

from rebounce.engine.audio import Audio

CHORDS = ((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6), (164.8, 207.7, 246.9))


def mix(seconds: float, rate_hz: int, seed: int = 4) -> Audio:
    """Stereo at about -18 dBFS, full-band, without a pause; a new chord and four hits of the drums a second."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    generator = np.random.default_rng(seed)
    chord = np.zeros_like(times)
    for number in range(int(np.ceil(seconds))):
        inside = (times >= number) & (times < number + 1)
        local = times[inside] - number
        for root in CHORDS[number % len(CHORDS)]:
            for partial in range(1, 12):
                wave = np.sin(2 * np.pi * root * partial * local + generator.uniform(0, 6))
                chord[inside] += 0.04 / partial * wave * np.exp(-local) * np.minimum(1, local / 0.01)
    bass = 0.08 * np.sin(2 * np.pi * 55 * times) * np.exp(-2 * (times % 0.5))
    hits = generator.standard_normal((2, times.size)) * 0.12 * np.exp(-(times % 0.25) / 0.03)
    return (np.stack([chord, 0.8 * np.roll(chord, 11)]) + bass + hits).astype(np.float32)


def with_pauses(music: Audio, rate_hz: int) -> Audio:
    """The music with 1.2 s in four silent."""
    seconds = np.arange(music.shape[1]) / rate_hz
    return np.where(seconds % 4 > 2.8, np.float32(0), music)
