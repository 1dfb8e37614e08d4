"""Tails made of noise: what a room sounds like once its echoes are too many to be told apart.

What always holds: the parameters alone decide on a tail, its channels are independent of one another, and a channel has
the same tail however many there are beside it. Nothing but `Generator.random()` is used, whose stream is fixed.
"""

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import Parameters
from rebounce.training.faults.ranges import Pick

Floats = NDArray[np.float64]

# How long bands take to decay, against the middle ones: air and soft furniture take the treble first.
BAND_HZ = (125.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0)
BAND_SHARES = (1.2, 1.1, 1.0, 1.0, 0.92, 0.8, 0.6, 0.4)
# How far each may be off that, so that no two rooms have the same colour; the middle ones are as asked.
BAND_SPREADS = (0.1, 0.05, 0.0, 0.0, 0.05, 0.1, 0.1, 0.1)

# Frames of about 5 ms: short beside any decay, long enough for the bands.
HOP_S = 256 / 48_000
FADE_SHARE = 0.05
LN_60_DB = 3 * np.log(10)


def draw_synthetic(pick: Pick) -> Parameters:
    return {"rt60_s": pick("rt60_s"), "seed": draw_seed(pick)}


def draw_decay(pick: Pick) -> Parameters:
    return {"decay_s": pick("decay_s"), "length_ms": pick("length_ms"), "seed": draw_seed(pick)}


def draw_seed(pick: Pick) -> int:
    return int(pick.rng.random() * 2**31)


def decay_tail(sample_rate_hz: int, channels: int, parameters: Parameters) -> Audio:
    """White noise that falls to 1/e in `decay_s` and ends after `length_ms`, `(channels, frames)`."""
    frames = max(1, round(parameters["length_ms"] / 1000 * sample_rate_hz))
    noise = _white(frames, channels, parameters["seed"])
    return noise * _fall(frames, 1 / (parameters["decay_s"] * sample_rate_hz))


def synthetic_tail(sample_rate_hz: int, channels: int, parameters: Parameters) -> Audio:
    """Noise that falls by 60 dB in `rt60_s` around 500 Hz to 1 kHz, longer below, shorter above, `(channels, frames)`.

    The fall of the middle goes over the whole; what other bands differ by is done to short frames, which overlap.
    """
    from scipy import fft

    rt60_s, seed = parameters["rt60_s"], parameters["seed"]
    frames = max(1, round(rt60_s * sample_rate_hz))
    hop = 2 ** max(4, round(np.log2(HOP_S * sample_rate_hz)))
    count = -(-frames // hop) + 1
    noise = _white((count + 1) * hop, channels, seed)
    window = np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop)).astype(np.float32)
    pieces = np.lib.stride_tricks.sliding_window_view(noise, 2 * hop, axis=1)[:, ::hop]
    slower = LN_60_DB / rt60_s * (1 - 1 / _shares(fft.rfftfreq(2 * hop, 1 / sample_rate_hz), seed))
    gains = np.exp(np.outer(np.arange(count) * hop / sample_rate_hz, slower)).astype(np.float32)
    coloured = fft.irfft(fft.rfft(pieces * window, axis=2) * gains, axis=2) * window
    joined = np.zeros((channels, count + 1, hop), dtype=np.float32)
    joined[:, :-1] += coloured[:, :, :hop]
    joined[:, 1:] += coloured[:, :, hop:]
    # The first half of the first frame has no frame before it to overlap with.
    tail: Audio = joined.reshape(channels, -1)[:, hop : hop + frames]
    return tail * _fall(frames, LN_60_DB / (rt60_s * sample_rate_hz))


def _shares(frequencies_hz: Floats, seed: int) -> Floats:
    """How long each frequency takes to decay, against the middle."""
    spread = 1 + np.array(BAND_SPREADS) * (2 * np.random.default_rng([seed, *b"bands"]).random(len(BAND_HZ)) - 1)
    octaves = np.log2(np.maximum(frequencies_hz, 1.0))
    return np.asarray(np.interp(octaves, np.log2(BAND_HZ), np.array(BAND_SHARES) * spread))


def _white(frames: int, channels: int, seed: int) -> Audio:
    rows = [np.random.default_rng([seed, channel]).random(frames, dtype=np.float32) for channel in range(channels)]
    return np.stack(rows) - np.float32(0.5)


def _fall(frames: int, rate: float) -> Audio:
    """From 1 on, by `rate` nepers a frame, with a short fade at the end."""
    fall: Floats = np.exp(-rate * np.arange(frames))
    fade = int(FADE_SHARE * frames)
    fall[frames - fade :] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / max(fade, 1))
    return fall.astype(np.float32)
