"""Finds clipped peaks: hard at a ceiling, or soft along a curve that can be told from music."""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.ceilings import CeilingCounts, Side
from rebounce.engine.inspection.finding import LEFT, NOTHING_FOUND, REDUCED, Diagnosis, Finding
from rebounce.engine.inspection.soft_curve import Curve, LoudFrames
from rebounce.engine.overlap_add import Slabs
from rebounce.engine.repair.restore_clipping import HARD, NOT_CLIPPED, SOFT, Ceilings, RestoreClipping

SLAB_FRAMES = 65_536
# Below this nothing is looked at: the steps of 16 bits are ceilings enough there.
QUIETEST_TOP = 1e-3

# Broken runs at the top in the whole file, and the samples in them for one that lies just below: clean music had 3 runs
# at most in 3,940 s, clipped music 597 in 20 s, and never fewer than 2.5 samples for one below.
FEWEST_RUNS = 20
FEWEST_SEEN_RUNS = 6
LEAST_PILE = 1.0
# Flat stretches at other heights for a run at the top: more of them and the waves themselves are made of steps.
MOST_FLATS_PER_RUN = 3.0
# Where more than this is at the ceiling there is nothing left to make peaks from.
MOST_SHARE = 0.35
# A channel or polarity with fewer runs may be at its top by chance, unless another clips at the same height.
FEWEST_SIDE_RUNS = 3
SAME_HEIGHT = 2e-3

# How far the inverse of a curve empties the spectrum, for a repair and for a word.
SURE_FALL_DB = -1.0
SEEN_FALL_DB = -0.6
# What is not proven may be how the notes themselves are shaped.
UNPROVEN_CONFIDENCE = 0.2


class ClippingDetector:
    """Says `reduced` of clipping that will be undone, and `left` of what is not sure enough or past all help."""

    name: ClassVar[str] = "clipping"

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._slabs = Slabs(SLAB_FRAMES)
        self._counts = CeilingCounts(channels)
        self._frames = LoudFrames()

    def see(self, block: Audio) -> None:
        for slab in self._slabs.push(block):
            self._look(slab)

    def diagnose(self) -> Diagnosis:
        for slab in self._slabs.rest():
            self._look(slab)
        if self._frames.peak < QUIETEST_TOP:
            return NOTHING_FOUND
        hard = self._hard()
        if hard.findings:
            return hard
        return _soft(self._frames.curve(), len(self._counts.sides) // 2)

    def _look(self, slab: Audio) -> None:
        self._counts.see(slab)
        self._frames.see(slab)

    def _hard(self) -> Diagnosis:
        clipped = _clipped_sides(self._counts.sides)
        runs = sum(side.runs for side in clipped)
        pile = sum(side.in_runs for side in clipped) / max(1, sum(side.below for side in clipped))
        if runs < FEWEST_SEEN_RUNS or pile < LEAST_PILE:
            return NOTHING_FOUND
        ceilings = _ceilings(self._counts, clipped)
        is_stepped = self._counts.flats > MOST_FLATS_PER_RUN * runs
        is_sure = runs >= FEWEST_RUNS and not is_stepped and ceilings.share <= MOST_SHARE
        confidence = 0.02 if is_stepped else 1 - float(np.exp(-runs / 8)) * 0.5
        detail = _detail(ceilings)
        if not is_sure:
            return Diagnosis(findings=(Finding(fault="clipping", confidence=confidence, detail=detail, action=LEFT),))
        return _to_be_undone(ceilings, confidence, detail)


def find_ceilings(blocks: Iterable[Audio], sample_rate_hz: float) -> Ceilings:
    """How a file was clipped, as far as that can be undone."""
    detector: ClippingDetector | None = None
    for block in blocks:
        detector = detector or ClippingDetector(sample_rate_hz, block.shape[0])
        detector.see(block)
    repair = detector.diagnose().repair if detector else None
    ceilings: Ceilings = NOT_CLIPPED if repair is None else repair.analysis
    return ceilings


def _clipped_sides(sides: list[Side]) -> list[Side]:
    """Those that show the ceiling themselves, and those that reach the same height."""
    proven = [side for side in sides if side.runs >= FEWEST_SIDE_RUNS and side.in_runs >= LEAST_PILE * side.below]
    return [
        side
        for side in sides
        if side in proven or any(abs(side.top - other.top) < SAME_HEIGHT * other.top for other in proven)
    ]


def _ceilings(counts: CeilingCounts, clipped: list[Side]) -> Ceilings:
    heights = [side.floor if any(side is one for one in clipped) else 0.0 for side in counts.sides]
    channels = len(heights) // 2
    count = sum(side.clipped for side in clipped)
    return Ceilings(
        kind=HARD,
        above=tuple(heights[:channels]),
        below=tuple(heights[channels:]),
        share=count / (counts.frames * channels),
    )


def _soft(curve: Curve, channels: int) -> Diagnosis:
    if curve.ceiling == 0 or curve.fall_db > SEEN_FALL_DB:
        return NOTHING_FOUND
    ceilings = Ceilings(kind=SOFT, above=(curve.ceiling,) * channels, below=(curve.ceiling,) * channels, share=0.0)
    detail = _detail(ceilings)
    if curve.fall_db > SURE_FALL_DB or not curve.is_proven:
        detail["is_perhaps_music"] = True
        seen = Finding(fault="clipping", confidence=UNPROVEN_CONFIDENCE, detail=detail, action=LEFT)
        return Diagnosis(findings=(seen,))
    confidence = 1 - 0.5 * float(np.exp((curve.fall_db - SEEN_FALL_DB) / 0.3))
    return _to_be_undone(ceilings, confidence, detail)


def _to_be_undone(ceilings: Ceilings, confidence: float, detail: dict[str, Any]) -> Diagnosis:
    repair = RestoreClipping()
    repair.analysis = ceilings
    repair.keep_analysis()
    return Diagnosis(
        findings=(Finding(fault="clipping", confidence=confidence, detail=detail, action=REDUCED),), repair=repair
    )


def _detail(ceilings: Ceilings) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "kind": ceilings.kind,
        "ceiling_dbfs": round(20 * float(np.log10(ceilings.highest)), 2),
    }
    if ceilings.kind == HARD:
        detail["share_percent"] = round(100 * ceilings.share, 3)
    return detail
