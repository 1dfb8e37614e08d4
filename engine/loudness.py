"""Integrated loudness after ITU-R BS.1770-4, block after block.

What always holds: the result does not depend on how the audio was cut, and what is kept is one float per 100 ms.
Only whole 400 ms blocks count, as the standard says, so what is shorter has no loudness.
"""

import math

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.block_filter import BlockFilter
from rebounce.engine.kept import Kept

HOPS_PER_SECOND = 10
HOPS_PER_BLOCK = 4
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0

# BS.1770-4 table 3 and annex 1: surrounds count 1.5 dB more, the low-frequency channel not at all. The orders are
# those of WAV files: L R C Ls Rs and L R C LFE Ls Rs. In any other count the places are unknown: 1.0 each.
SURROUND_WEIGHT = 1.41
CHANNEL_WEIGHTS = {
    5: (1.0, 1.0, 1.0, SURROUND_WEIGHT, SURROUND_WEIGHT),
    6: (1.0, 1.0, 1.0, 0.0, SURROUND_WEIGHT, SURROUND_WEIGHT),
}

# The standard prints its two filters for 48 kHz only. These are the analog filters which, through the bilinear
# transform at 48 kHz, give that table to its last digit (Brecht De Man, "Evaluation of implementations of the EBU R128
# loudness measurement", AES 145, 2018).
SHELF_HZ = 1681.974450955533
SHELF_Q = 0.7071752369554196
SHELF_GAIN = 10 ** (3.999843853973347 / 20)
SHELF_MIDDLE_GAIN = SHELF_GAIN**0.4996667741545416
HIGHPASS_HZ = 38.13547087602444
HIGHPASS_Q = 0.5003270373238773

# Filter states below this are set to zero between blocks: they would sink into denormal numbers, which are slow.
SMALLEST_STATE = 1e-30


def k_weighting(sample_rate_hz: float) -> NDArray[np.float64]:
    """The two filters of BS.1770 at any rate, as second-order sections `(2, 6)`."""
    k = math.tan(math.pi * SHELF_HZ / sample_rate_hz)
    norm = 1 + k / SHELF_Q + k * k
    shelf = [
        (SHELF_GAIN + SHELF_MIDDLE_GAIN * k / SHELF_Q + k * k) / norm,
        2 * (k * k - SHELF_GAIN) / norm,
        (SHELF_GAIN - SHELF_MIDDLE_GAIN * k / SHELF_Q + k * k) / norm,
        *_poles(k, SHELF_Q),
    ]
    # The standard leaves the high-pass at a gain of 1, 2, 1 in the numerator, not normalised.
    highpass = [1.0, -2.0, 1.0, *_poles(math.tan(math.pi * HIGHPASS_HZ / sample_rate_hz), HIGHPASS_Q)]
    return np.array([shelf, highpass])


def _poles(k: float, q: float) -> tuple[float, float, float]:
    norm = 1 + k / q + k * k
    return 1.0, 2 * (k * k - 1) / norm, (1 - k / q + k * k) / norm


def channel_weights(channels: int) -> NDArray[np.float64]:
    """How much each channel's power counts."""
    return np.array(CHANNEL_WEIGHTS.get(channels, (1.0,) * channels))


def gated_lufs(hop_powers: NDArray[np.float64]) -> float | None:
    """Integrated loudness from the weighted mean power of each 100 ms, or None when nothing passes the gates."""
    if len(hop_powers) < HOPS_PER_BLOCK:
        return None
    blocks = np.convolve(hop_powers, np.full(HOPS_PER_BLOCK, 1 / HOPS_PER_BLOCK), mode="valid")
    loud = blocks[blocks > _power(ABSOLUTE_GATE_LUFS)]
    if not loud.size:
        return None
    # The mean of what passes the absolute gate lies above the relative one, so something always remains.
    return _lufs(loud[loud > loud.mean() * 10 ** (RELATIVE_GATE_LU / 10)].mean())


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def _lufs(power: float) -> float:
    return -0.691 + 10 * math.log10(power)


class LoudnessMeter:
    """Takes blocks `(channels, any)` and gives the integrated loudness of all of them."""

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        rate = round(sample_rate_hz)
        # The filters run over one second at a time: its ten hops are whole frames at any whole rate.
        self._edges = np.rint(np.arange(HOPS_PER_SECOND + 1) * (rate / HOPS_PER_SECOND)).astype(int)
        self._second = np.zeros((channels, rate), dtype=np.float32)
        self._filled = 0
        self._filter = BlockFilter(k_weighting(rate), channels)
        self._weights = channel_weights(channels)
        self._powers = Kept(np.float64)

    def add(self, block: Audio) -> None:
        """Take the next block `(channels, any)`."""
        taken = 0
        while taken < block.shape[1]:
            here = min(block.shape[1] - taken, self._second.shape[1] - self._filled)
            self._second[:, self._filled : self._filled + here] = block[:, taken : taken + here]
            self._filled += here
            taken += here
            if self._filled == self._second.shape[1]:
                self._take_second()

    def hop_powers(self) -> NDArray[np.float64]:
        """The weighted mean power of every whole 100 ms so far."""
        whole = int(np.searchsorted(self._edges, self._filled, side="right")) - 1
        rest = [self._hops(self._peek(), whole)] if whole else []
        return np.concatenate([self._powers.rows(), *rest])

    def integrated_lufs(self) -> float | None:
        """The loudness of everything so far; None in silence, or when it is shorter than 400 ms."""
        return gated_lufs(self.hop_powers())

    def _take_second(self) -> None:
        self._powers.add(self._hops(self._filter(self._second), HOPS_PER_SECOND))
        self._filter.state[np.abs(self._filter.state) < SMALLEST_STATE] = 0.0
        self._filled = 0

    def _peek(self) -> Audio:
        """What has been filled of the current second, weighted, as if it had not been looked at."""
        state = self._filter.state
        weighted = self._filter(self._second[:, : self._filled])
        self._filter.state = state
        return weighted

    def _hops(self, weighted: Audio, count: int) -> NDArray[np.float64]:
        edges = self._edges[: count + 1]
        squares = np.square(weighted[:, : edges[-1]], dtype=np.float64)
        sums = np.add.reduceat(squares, edges[:-1], axis=1)
        hops: NDArray[np.float64] = self._weights @ (sums / np.diff(edges))
        return hops
