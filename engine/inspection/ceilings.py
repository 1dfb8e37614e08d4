"""Finds hard clipping: samples that stand again and again at exactly the largest value, in runs with broken edges.

What always holds: memory does not grow with the file, each channel and polarity is looked at by itself, and neither
smooth tops (a slow sine, rounded to 16 bits, stands still at its peak too) nor waves that are flat at all levels (pulse
waves of old game music) nor single peaks at full scale count as clipped.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio

# A ceiling that was dithered to 16 bits afterwards is this wide, but never wider than a share of its height.
DITHER_WIDTH = 3 / 32_768
MOST_WIDTH_SHARE = 1e-3
# It is never narrower than this share of its height either, or 16 bits would say nothing far above full scale.
LEAST_WIDTH_SHARE = 2e-6
# Where this share of what counts as being at the top has one and the same value, that value alone is the ceiling.
EXACT_SHARE = 0.9
# The band below the ceiling, as a share of its height, that shows how many samples would be at the top by chance.
BAND_SHARE = 0.03
# A smooth top that stays within the width for two samples falls by less than this many widths on the next.
BREAK_WIDTHS = 10
FLAT_LEVELS = (0.25, 0.97)
# Keeps silence from being divided by.
LEAST_TOP = 1e-20


@dataclass(slots=True, kw_only=True)
class Side:
    """One polarity of one channel: its largest value so far, and what was seen at that height."""

    top: float = 0.0
    at_top: int = 0
    at_top_exactly: int = 0
    below: int = 0
    runs: int = 0
    in_runs: int = 0

    @property
    def width(self) -> float:
        """How far below its top a sample counts as being there."""
        return float(np.clip(DITHER_WIDTH, LEAST_WIDTH_SHARE * self.top, MOST_WIDTH_SHARE * self.top))

    @property
    def is_exact(self) -> bool:
        return self.at_top_exactly > EXACT_SHARE * self.at_top

    @property
    def floor(self) -> float:
        """The smallest value that is held to be clipped."""
        return self.top if self.is_exact else self.top - self.width

    @property
    def clipped(self) -> int:
        """How many samples are held to be clipped."""
        return self.at_top_exactly if self.is_exact else self.at_top

    def see(self, values: NDArray[np.float32], largest: float) -> None:
        """Count one stretch; a larger top than any before begins anew."""
        if largest > self.top + self.width:
            self.at_top = self.at_top_exactly = self.below = self.runs = self.in_runs = 0
        if largest > self.top:
            self.top, self.at_top_exactly = largest, 0
        if largest < (1 - BAND_SHARE) * self.top or self.top <= 0:
            return
        places = np.flatnonzero(values >= self.top - self.width)
        self.below += int(np.count_nonzero(values >= (1 - BAND_SHARE) * self.top)) - places.size
        self.at_top += places.size
        self.at_top_exactly += int(np.count_nonzero(values[places] == np.float32(self.top)))
        if places.size > 1:
            self._count_runs(values, places)

    def _count_runs(self, values: NDArray[np.float32], places: NDArray[np.intp]) -> None:
        breaks = np.flatnonzero(np.diff(places) > 1)
        firsts, lasts = places[np.r_[0, breaks + 1]], places[np.r_[breaks, places.size - 1]]
        is_inside = (firsts > 0) & (lasts < values.size - 1) & (lasts > firsts)
        firsts, lasts = firsts[is_inside], lasts[is_inside]
        falls = self.top - np.minimum(values[firsts - 1], values[lasts + 1])
        is_broken = falls > BREAK_WIDTHS * self.width
        self.runs += int(np.count_nonzero(is_broken))
        self.in_runs += int(np.sum((lasts - firsts + 1)[is_broken]))


class CeilingCounts:
    """What was seen of all channels: `sides` are the positive ones of all channels and then the negative ones."""

    def __init__(self, channels: int) -> None:
        self.sides = [Side() for _ in range(2 * channels)]
        self.frames = 0
        self.flats = 0

    def see(self, slab: Audio) -> None:
        """Take the next slab of a fixed grid, `(channels, frames)`."""
        self.frames += slab.shape[1]
        tops = np.concatenate([slab.max(axis=1), -slab.min(axis=1)]).tolist()
        for number, (side, top) in enumerate(zip(self.sides, tops, strict=True)):
            if top > (1 - BAND_SHARE) * side.top:
                values = slab[number % len(slab)]
                side.see(values if number < len(slab) else -values, top)
        self._count_flats(slab, np.asarray(tops).reshape(2, -1))

    def _count_flats(self, slab: Audio, tops: NDArray[np.float64]) -> None:
        """Three equal samples in a row, away from the side's own top and from zero: music has them next to never."""
        is_equal = slab[:, 1:] == slab[:, :-1]
        channels, frames = np.nonzero(is_equal[:, 1:] & is_equal[:, :-1])
        if frames.size:
            levels = slab[channels, frames]
            own = np.where(levels > 0, tops[0][channels], tops[1][channels])
            shares = np.abs(levels) / np.maximum(own, LEAST_TOP)
            self.flats += int(np.count_nonzero((shares > FLAT_LEVELS[0]) & (shares < FLAT_LEVELS[1])))
