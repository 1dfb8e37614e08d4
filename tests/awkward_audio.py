"""Audio that nobody tunes for: what detectors and repairs must take without a crash and without a silent change."""

import numpy as np
from signals import noise

from rebounce.engine.audio import Audio


def awkward_pieces(rate: int) -> dict[str, Audio]:
    """What a detector must not trip over, two seconds each."""
    time_s = np.arange(rate * 2) / rate
    square = np.sign(np.sin(2 * np.pi * 100 * time_s)).astype(np.float32)
    gap = noise(rate * 2)
    gap[:, rate // 2 : rate] = 0
    mono = noise(rate * 2, channels=1)
    return {
        "no frames": np.zeros((2, 0), dtype=np.float32),
        "one frame": np.full((2, 1), 0.5, dtype=np.float32),
        "silence": np.zeros((2, rate * 2), dtype=np.float32),
        "silence with one click": np.eye(2, rate * 2, rate, dtype=np.float32),
        "a tone": (0.5 * np.sin(2 * np.pi * 1_000 * time_s)).astype(np.float32)[np.newaxis],
        "a square wave": np.stack([square, square]),
        "opposite channels": np.concatenate([mono, -mono]),
        "one silent channel": np.concatenate([mono, 0 * mono]),
        "a gap": gap,
        "a fade": (noise(rate * 2) * np.linspace(1, 0, rate * 2)).astype(np.float32),
        "a constant": np.full((2, rate * 2), 0.9, dtype=np.float32),
        "very loud": noise(rate * 2) * np.float32(1e6),
        "absurdly loud": noise(rate * 2) * np.float32(1e30),
        "hardly there": noise(rate * 2) * np.float32(1e-18),
        "steady anti-phase noise": np.concatenate([mono, -mono * np.float32(0.7)]),
        "pulses like a voice": _voice(rate),
        "six channels": noise(rate * 2, channels=6),
    }


def _voice(rate: int) -> Audio:
    """Pulses at 120 Hz that wander a little, through three resonances, with pauses between them."""
    time_s = np.arange(rate * 2) / rate
    phase = np.cumsum((120 + 10 * np.sin(2 * np.pi * 3 * time_s)) / rate)
    pulses = np.diff(np.floor(phase), prepend=0)
    response_s = np.arange(round(0.03 * rate)) / rate
    waves = np.sin(2 * np.pi * np.outer([500, 1_500, 2_500], response_s))
    response = np.exp(-80 * response_s) * waves.sum(axis=0)
    voiced = np.convolve(pulses, response)[: time_s.size] * (np.sin(2 * np.pi * 2 * time_s) > 0)
    return (0.1 * voiced[np.newaxis]).astype(np.float32)
