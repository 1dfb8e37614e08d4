"""Finds thirds of an octave that lie outside the spread of released music.

What always holds: it is said, with what lies where, and nothing is done about it. Tracks differ among themselves by
twice as much as faults of tone amount to, so of two tracks that stand out hardly more than one has such a fault; and
moves of 1.5 dB towards the spread, which is what may be done blindly, bring faulty tracks 3 % nearer to what they were
and take three in four clean ones a little away. A reference tells: see CorrectTone.
"""

from typing import ClassVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import NOTHING_FOUND, Diagnosis, Finding
from rebounce.engine.overlap_add import Framing, Slabs, powers_of, separate_spectra_of, size_near
from rebounce.engine.repair.tone_spectrum import (
    CELLS_PER_THIRD,
    THIRDS,
    cell_edges_hz,
    in_cells,
    third_centres_hz,
)
from rebounce.engine.repair.tone_spread import outside_db

FRAME_SECONDS = 0.186
FRAMES_PER_SLAB = 32
# Fewer than this are outside in most tracks.
FEWEST_OUTSIDE = 3
MOST_TOLD = 3
# As far outside as this is as often a choice as a fault.
EVEN_ODDS_DB = 6.0
LEAST_SECONDS = 5.0


class ToneDetector:
    """Reports `eq`, left as it is."""

    name: ClassVar[str] = "tone"

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._rate_hz = sample_rate_hz
        self._framing = Framing(size=size_near(FRAME_SECONDS * sample_rate_hz), overlap=4)
        self._slabs = Slabs(FRAMES_PER_SLAB * self._framing.size)
        self._powers = np.zeros((1, self._framing.bins))
        self._frames = 0

    def see(self, block: Audio) -> None:
        for slab in self._slabs.push(block):
            self._add(slab)

    def diagnose(self) -> Diagnosis:
        for rest in self._slabs.rest():
            self._add(rest)
        if self._frames < LEAST_SECONDS * self._rate_hz or not self._powers.any():
            return NOTHING_FOUND
        cells = in_cells(self._powers, self._framing.bin_hz(self._rate_hz))
        thirds = cells.reshape(THIRDS, CELLS_PER_THIRD).sum(axis=1)
        # Thirds that the rate has no room for are empty, not dull.
        thirds[cell_edges_hz()[CELLS_PER_THIRD::CELLS_PER_THIRD] > self._rate_hz / 2] = 0
        outside = outside_db(thirds)
        places = np.flatnonzero(outside)
        if places.size < FEWEST_OUTSIDE:
            return NOTHING_FOUND
        worst = np.sort(places[np.argsort(-np.abs(outside[places]), kind="stable")[:MOST_TOLD]])
        detail = {
            "bands_hz": [round(float(third_centres_hz()[place])) for place in worst],
            "outside_db": [round(float(outside[place]), 1) for place in worst],
        }
        confidence = 1 - float(np.exp(-np.abs(outside).max() / EVEN_ODDS_DB * np.log(2)))
        return Diagnosis(findings=(Finding(fault="eq", confidence=confidence, detail=detail),))

    def _add(self, slab: Audio) -> None:
        self._frames += slab.shape[1]
        if slab.shape[1] >= self._framing.size:
            powers = powers_of(separate_spectra_of(slab, self._framing))
            self._powers += powers.sum(axis=(0, 1), dtype=np.float64)
