"""The beat of a piece, from how regularly its sounds begin, and whether a delay lies on the grid of that beat.

Memory is constant: beginnings are correlated with themselves in stretches, and only the correlations are added up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from rebounce.engine.audio import Audio, joined
from rebounce.engine.overlap_add import Slabs

Floats = NDArray[np.float64]

HOP_SECONDS = 0.005
HOPS_PER_SLAB = 200
STRETCH_SLABS = 30
MOST_LAG_S = 6.0
# Below this share of the mean power a beginning is not heard, and digital silence has none.
FLOOR_SHARE = 1e-4
LEAST_POWER = 1e-12
TREND_HOPS = 100

BEATS_S = (0.35, 0.75)
BEAT_STEP = 0.0005
BEAT_MULTIPLES = (1, 2, 3, 4, 6, 8)
# Beats that are nearly as regular as the best count too: what is a beat and what half of one is a matter of taste.
NEAR_SHARE = 0.7
LEAST_REGULARITY = 0.05
MOST_BEATS = 3
# Sixteenths and triplets of eighths.
DIVISIONS = (4, 3)
# Sequencers keep time to a fraction of a millisecond; the beats of 50 pieces were found to 0.1 %.
TOLERANCE_S = 0.0006
TOLERANCE_SHARE = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Beats:
    """The likely lengths of a beat in seconds, the likeliest first."""

    lengths_s: tuple[float, ...]

    def on_grid(self, delay_s: float) -> float | None:
        """The beat on whose grid a delay lies; None where it lies on no grid."""
        for beat_s in self.lengths_s:
            for division in DIVISIONS:
                steps = delay_s / (beat_s / division)
                off_s = abs(steps - round(steps)) * beat_s / division
                if round(steps) > 0 and off_s < max(TOLERANCE_S, TOLERANCE_SHARE * delay_s):
                    return beat_s
        return None


class Rhythm:
    """Sees blocks `(channels, any)` and adds up how alike the beginnings are at each distance."""

    def __init__(self, sample_rate_hz: float) -> None:
        self._hop = round(HOP_SECONDS * sample_rate_hz)
        self._hop_s = self._hop / sample_rate_hz
        self._slabs = Slabs(HOPS_PER_SLAB * self._hop)
        self._last: Audio | None = None
        self._stretch: list[Floats] = []
        self._total = np.zeros(int(MOST_LAG_S / self._hop_s))
        self._pairs = np.zeros(self._total.size)

    def see(self, block: Audio) -> None:
        """The next block."""
        for slab in self._slabs.push(block):
            self._stretch.append(self._powers(slab))
            if len(self._stretch) == STRETCH_SLABS:
                self._correlate()

    def beats(self) -> Beats:
        """What came out; the last second or so may not have been seen."""
        self._correlate()
        if self._total[0] <= 0:
            return Beats(lengths_s=())
        alike = self._total / np.maximum(self._pairs, 1) * self._pairs[0] / self._total[0]
        return _beats_in(alike, self._hop_s, (np.count_nonzero(self._pairs > self._pairs[0] / 4) - 1) * self._hop_s)

    def _powers(self, slab: Audio) -> Floats:
        """The power of each hop, of all and of the high frequencies: `(2, hops)`."""
        before = self._last if self._last is not None else slab[:, :1]
        steps = np.diff(joined([before, slab], slab.shape[0]), axis=1)
        self._last = slab[:, -1:].copy()
        hops = (slab.shape[0], HOPS_PER_SLAB, self._hop)
        return np.array(
            [
                np.einsum("chn,chn->h", part.reshape(hops), part.reshape(hops), dtype=np.float64)
                for part in (slab, steps)
            ]
        )

    def _correlate(self) -> None:
        if not self._stretch:
            return
        begins = _beginnings(np.concatenate(self._stretch, axis=1))
        self._stretch = []
        lags = min(begins.size, self._total.size)
        size = fft.next_fast_len(2 * begins.size, real=True)
        self._total[:lags] += fft.irfft(np.abs(fft.rfft(begins, size)) ** 2, size)[:lags]
        self._pairs[:lags] += begins.size - np.arange(lags)


def _beginnings(powers: Floats) -> Floats:
    """How much is beginning at each hop: where a band gets louder, less what is usual around."""
    levels = np.log(powers + FLOOR_SHARE * powers.mean(axis=1, keepdims=True) + LEAST_POWER)
    padded = np.pad(levels, ((0, 0), (1, 1)), mode="edge")
    smooth = (padded[:, :-2] + 2 * levels + padded[:, 2:]) / 4
    rises = np.maximum(np.diff(smooth, axis=1, prepend=smooth[:, :1]), 0).sum(axis=0)
    return np.asarray(rises - np.convolve(rises, np.full(TREND_HOPS, 1 / TREND_HOPS), "same"))


def _beats_in(alike: Floats, hop_s: float, most_lag_s: float) -> Beats:
    lengths_s = np.exp(np.arange(np.log(BEATS_S[0]), np.log(BEATS_S[1]), BEAT_STEP))
    lags_s = np.arange(alike.size) * hop_s
    scores, counts = np.zeros(lengths_s.size), np.zeros(lengths_s.size)
    for multiple in BEAT_MULTIPLES:
        is_seen = lengths_s * multiple <= most_lag_s
        scores += np.where(is_seen, np.interp(lengths_s * multiple, lags_s, alike), 0)
        counts += is_seen
    scores /= np.maximum(counts, 1)
    is_peak = np.r_[False, (scores[1:-1] > scores[:-2]) & (scores[1:-1] >= scores[2:]), False]
    is_peak &= scores > max(NEAR_SHARE * scores.max(), LEAST_REGULARITY)
    best = sorted(np.flatnonzero(is_peak), key=lambda place: -scores[place])[:MOST_BEATS]
    return Beats(lengths_s=tuple(float(lengths_s[place]) for place in best))
