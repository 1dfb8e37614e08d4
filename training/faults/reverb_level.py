"""How loud a tail is under music, so that the ratio of direct sound to tail means the same at any sample rate.

Counted is what music has: pink noise, which has as much in every octave, between two frequencies that all rates have.
The plain energy of an impulse response is mostly treble, and the more of it the higher the rate: by that a tail whose
treble decays first lay 2 to 4 dB too high under music, and another 4 dB higher at 192 kHz than at 8 kHz.
"""

import numpy as np

from rebounce.engine.audio import Audio

LOWEST_HZ, HIGHEST_HZ = 50.0, 3_500.0
# Below 8 kHz there is less.
HIGHEST_SHARE = 0.4375
# Steps of 5 Hz at most, however short the tail is.
SHORTEST_SPECTRUM_S = 0.2


def tail_energy(tail: Audio, sample_rate_hz: int) -> float:
    """The energy of pink noise through a tail `(channels, frames)` against its own; 1 for an impulse of 1."""
    from scipy import fft

    size = fft.next_fast_len(max(tail.shape[1], round(SHORTEST_SPECTRUM_S * sample_rate_hz)), real=True)
    highest_hz = min(HIGHEST_HZ, HIGHEST_SHARE * sample_rate_hz)
    first, last = (round(edge_hz * size / sample_rate_hz) for edge_hz in (LOWEST_HZ, highest_hz))
    band = fft.rfft(tail, size, axis=1)[:, first : last + 1].astype(np.complex128)
    pink = 1 / np.arange(first, last + 1)
    return float(np.average(np.mean(np.abs(band) ** 2, axis=0), weights=pink))
