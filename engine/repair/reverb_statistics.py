"""How a file rings on: statistics of the rise and fall of its bands, and what they say of the room.

Where sound stops, a band falls as fast as its source does or as slowly as the room lets it, so that reverberation takes
the steep falls and the deep gaps away. How often which fall and which gap occur is counted; the reverberation time and
the ratio of direct to reverberant sound are read off with weights fitted to music with known tails. What always holds:
the result does not depend on how the audio was cut, and the memory is the same for any length.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import Slabs, separate_spectra_of
from rebounce.engine.repair.reverb_bands import BANDS, ROWS, band_powers, band_starts, reverb_framing, rows_of
from rebounce.engine.repair.reverb_gain import trained

Floats = NDArray[np.float64]

FRAMES_PER_SLAB = 64
LEAST_SECONDS = 4.0

# Falls over one, two and five frames, of 46 ms each, in decades of power.
STEPS = (1, 2, 5)
FALL_CELLS, FALL_DECADES = 240, 6.0
LEVEL_CELLS, LOWEST_DECADE, HIGHEST_DECADE = 320, -14.0, 2.0
QUIETEST_POWER = np.float32(1e-13)
FALL_SHARES = (0.03, 0.15, 0.4, 0.97)
LEVEL_SHARES = (0.02, 0.1, 0.5)
# Bottom and middle, and top, beside all bands.
BAND_GROUPS = (slice(0, BANDS), slice(5, 25), slice(25, 45))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomStatistics:
    """What was counted: `means` `(2, bands)` are the mean powers, `described` is None where there is too little."""

    means: Audio
    described: Floats | None

    def read(self, what: str) -> float | None:
        """One figure by its fitted weights."""
        if self.described is None:
            return None
        fitted = trained()
        scaled = np.clip((self.described - fitted["room_mean"]) / fitted["room_spread"], -3, 3)
        return float(scaled @ fitted[f"{what}_weights"] + fitted[f"{what}_offset"][0])


class RoomMeter:
    """Takes blocks `(channels, any)` and gives the statistics of all of them."""

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._rate_hz = sample_rate_hz
        self._framing = reverb_framing(sample_rate_hz)
        self._starts = band_starts(self._framing, sample_rate_hz)
        self._scale = np.float32(self._framing.size**2)
        self._slabs = Slabs(FRAMES_PER_SLAB * self._framing.size)
        self._sums = np.zeros((ROWS, BANDS))
        self._frames = 0
        self._last = np.zeros((0, BANDS), dtype=np.float32)
        self._falls = np.zeros((len(STEPS), BANDS, FALL_CELLS), dtype=np.int64)
        self._levels = np.zeros((BANDS, LEVEL_CELLS), dtype=np.int64)

    def see(self, block: Audio) -> None:
        """Take the next block."""
        for slab in self._slabs.push(block):
            self._add(slab)

    def statistics(self) -> RoomStatistics:
        """All of it; called once, at the end."""
        for rest in self._slabs.rest():
            self._add(rest)
        means = (self._sums / max(self._frames, 1)).astype(np.float32)
        seconds = self._frames * self._framing.size / self._rate_hz
        return RoomStatistics(means=means, described=self._described(means) if seconds >= LEAST_SECONDS else None)

    def _add(self, slab: Audio) -> None:
        if slab.shape[1] < self._framing.size:
            return
        powers = band_powers(separate_spectra_of(rows_of(slab), self._framing), self._starts) / self._scale
        self._sums += powers.sum(axis=1, dtype=np.float64)
        self._frames += powers.shape[1]
        levels = np.log10(powers.sum(axis=0) + QUIETEST_POWER)
        _count(self._levels, (levels - LOWEST_DECADE) / (HIGHEST_DECADE - LOWEST_DECADE))
        known = np.concatenate([self._last, levels])
        for step, counts in zip(STEPS, self._falls, strict=True):
            first = max(len(self._last) - step, 0)
            _count(counts, (known[first + step :] - known[first : max(first, len(known) - step)]) / FALL_DECADES + 0.5)
        self._last = known[-max(STEPS) :]

    def _described(self, means: Audio) -> Floats | None:
        if not means.any():
            return None
        falls = [(_at_share(counts, share) - 0.5) * FALL_DECADES for counts in self._falls for share in FALL_SHARES]
        loudness = np.log10(means.sum(axis=0) + QUIETEST_POWER)
        span = HIGHEST_DECADE - LOWEST_DECADE
        gaps = [_at_share(self._levels, share) * span + LOWEST_DECADE - loudness for share in LEVEL_SHARES]
        side = np.log10((means[1] + QUIETEST_POWER) / (means[0] + QUIETEST_POWER) + 1e-3)
        rows = np.stack([*falls, *gaps, side])
        return np.concatenate([rows[:, group].mean(axis=1) for group in BAND_GROUPS])


def room_of(blocks: Iterable[Audio], sample_rate_hz: float) -> RoomStatistics | None:
    """The statistics of a whole file; None where there is not even a block."""
    meter: RoomMeter | None = None
    for block in blocks:
        meter = meter or RoomMeter(sample_rate_hz, block.shape[0])
        meter.see(block)
    return None if meter is None else meter.statistics()


def _count(counts: NDArray[np.int64], places: Audio) -> None:
    """Count values `(frames, bands)` from 0 to 1."""
    cells = counts.shape[1]
    found = np.clip(places * cells, 0, cells - 1).astype(np.intp) + np.arange(BANDS) * cells
    counts += np.bincount(found.ravel(), minlength=counts.size).reshape(counts.shape)


def _at_share(counts: NDArray[np.int64], share: float) -> Floats:
    """The place from 0 to 1 that this share of each band's counts lies below."""
    sums = np.cumsum(counts, axis=1)
    return np.asarray((np.argmax(sums >= share * sums[:, -1:], axis=1) + 0.5) / counts.shape[1])
