"""The top that a coder or a resampler took away: see `cutoff` of the engine for what is taken for that.

A coder leaves holes below its cut-off, where it had no bits to spare, and a resampler none. What always holds: much
released music is cut off above 15 kHz, so that only what lies below `REPAIR_BELOW_HZ` is repaired.
"""

from typing import ClassVar

from rebounce.engine.audio import Audio
from rebounce.engine.cutoff import CutoffFinder
from rebounce.engine.inspection.finding import LEFT, NOTHING_FOUND, REDUCED, Diagnosis, Finding
from rebounce.engine.repair.repair_codec_damage import RepairCodecDamage

# Of 123 clean pieces none was cut off below 15 kHz, and 40 were below 17 kHz. MP3 at 96 kbps and more, which is cut off
# above this, gained little by the repair and lost by it now and then.
REPAIR_BELOW_HZ = 13_500.0

# What LAME leaves at each bit-rate: where the level has begun to fall, so a little below the edge it was set to.
LIKELY_KBPS = ((11_700.0, 64), (13_500.0, 80), (15_250.0, 96), (15_900.0, 112), (16_600.0, 128), (17_350.0, 160))
MOST_KBPS = 192
# Where holes are seldom seen, a cut-off is hardly ever a resampler's.
CODED_ABOVE_HZ = 15_000.0
FEWEST_HOLES = 0.02

CONFIDENCE, UNSURE_CONFIDENCE = 0.95, 0.6


class CutoffDetector:
    """Finds a cut-off, says what is likely to have made it, and proposes to fill what is missing where that is much."""

    name: ClassVar[str] = "cutoff"

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._finder = CutoffFinder(sample_rate_hz)

    def see(self, block: Audio) -> None:
        self._finder.see(block)

    def diagnose(self) -> Diagnosis:
        cutoff = self._finder.cutoff()
        if cutoff.cutoff_hz is None:
            return NOTHING_FOUND
        has_holes = self._finder.hole_share(cutoff.cutoff_hz) > FEWEST_HOLES
        detail: dict[str, float] = {"cutoff_hz": cutoff.cutoff_hz}
        if has_holes or cutoff.cutoff_hz > CODED_ABOVE_HZ:
            fault, confidence = "mp3", CONFIDENCE if has_holes else UNSURE_CONFIDENCE
            detail["likely_kbps"] = likely_kbps(cutoff.cutoff_hz)
        else:
            fault, confidence = "bandwidth", UNSURE_CONFIDENCE
        is_repaired = cutoff.cutoff_hz < REPAIR_BELOW_HZ
        action = REDUCED if is_repaired else LEFT
        finding = Finding(fault=fault, confidence=confidence, detail=detail, action=action)
        if not is_repaired:
            return Diagnosis(findings=(finding,))
        repair = RepairCodecDamage()
        repair.analysis = cutoff
        repair.keep_analysis()
        return Diagnosis(findings=(finding,), repair=repair)


def likely_kbps(cutoff_hz: float) -> int:
    """The constant bit-rate of an MP3 that is cut off about there, in stereo at 44.1 or 48 kHz."""
    return next((kbps for below_hz, kbps in LIKELY_KBPS if cutoff_hz < below_hz), MOST_KBPS)
