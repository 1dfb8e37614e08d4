"""Mains hum: see `mains_hum` for what is taken for it."""

from typing import ClassVar

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import NOTHING_FOUND, REMOVED, Diagnosis, Finding
from rebounce.engine.mains_hum import HumFinder
from rebounce.engine.repair.remove_hum import RemoveHum

# None of 276 clean pieces of 20 s was taken for hum; this is what so few leave open.
CONFIDENCE = 0.97


class HumDetector:
    """Finds hum at 50 or 60 Hz, and proposes to subtract it."""

    name: ClassVar[str] = "hum"

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._finder = HumFinder(sample_rate_hz)

    def see(self, block: Audio) -> None:
        self._finder.see(block)

    def diagnose(self) -> Diagnosis:
        hum = self._finder.hum()
        if hum.mains_hz is None:
            return NOTHING_FOUND
        detail = {
            "mains_hz": round(hum.mains_hz, 2),
            "lines": len(hum.multiples),
            "highest_hz": round(hum.mains_hz * hum.multiples[-1], 1),
            "level_dbfs": round(hum.level_dbfs(), 1),
        }
        repair = RemoveHum()
        repair.analysis = hum
        repair.keep_analysis()
        finding = Finding(fault="hum", confidence=CONFIDENCE, detail=detail, action=REMOVED)
        return Diagnosis(findings=(finding,), repair=repair)
