"""What is wrong with the channels as such: offset, polarity, delay, balance, one side silent, both the same."""

from typing import Any, ClassVar

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.channel_meter import ChannelMeter
from rebounce.engine.inspection.finding import LEFT, REMOVED, Diagnosis, Finding
from rebounce.engine.repair.fix_channels import FixChannels

SIDES = ("left", "right")
CERTAIN, LIKELY, UNSURE = 0.97, 0.8, 0.5
# A correlation that says something is odd, without saying what.
ODD_CORRELATION = -0.5
ODD_CONFIDENCE = 0.4


class ChannelsDetector:
    """Finds faults of whole channels, and proposes to take back those that are certain."""

    name: ClassVar[str] = "channels"

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._meter = ChannelMeter(sample_rate_hz, channels)

    def see(self, block: Audio) -> None:
        self._meter.see(block)

    def diagnose(self) -> Diagnosis:
        findings = [*self._offset(), *self._polarity(), *self._balance(), *self._sameness()]
        faults = self._meter.faults()
        if not faults.has_any:
            return Diagnosis(findings=tuple(findings))
        repair = FixChannels()
        repair.analysis = faults
        repair.keep_analysis()
        return Diagnosis(findings=tuple(findings), repair=repair)

    def _offset(self) -> list[Finding]:
        offsets = self._meter.offsets()
        if not offsets.any():
            return []
        having = [int(channel) + 1 for channel in np.flatnonzero(offsets)]
        largest = float(offsets[np.argmax(np.abs(offsets))])
        where: dict[str, Any] = {"channel": having[0]} if len(having) == 1 else {"channels": having}
        detail = where | {
            "offset_percent": round(100 * largest, 2),
            "offset_dbfs": round(20 * float(np.log10(abs(largest))), 1),
        }
        return [Finding(fault="dc", confidence=CERTAIN, detail=detail, action=REMOVED)]

    def _polarity(self) -> list[Finding]:
        correlation = self._meter.correlation()
        if correlation is None:
            return []
        detail: dict[str, Any] = {"kind": "inverted", "correlation": round(correlation, 2)}
        if self._meter.is_inverted():
            return [Finding(fault="polarity", confidence=CERTAIN, detail=detail, action=REMOVED)]
        delay_s = self._meter.delay_s()
        if delay_s is not None:
            detail = {"kind": "delay", "side": SIDES[int(delay_s > 0)], "delay_ms": round(1_000 * abs(delay_s), 2)}
            return [Finding(fault="polarity", confidence=LIKELY, detail=detail, action=LEFT)]
        if correlation < ODD_CORRELATION:
            return [Finding(fault="polarity", confidence=ODD_CONFIDENCE, detail=detail, action=LEFT)]
        return []

    def _balance(self) -> list[Finding]:
        dead = self._meter.dead_channel()
        if dead is not None:
            detail: dict[str, Any] = {"kind": "silent", "side": SIDES[dead]}
            return [Finding(fault="imbalance", confidence=CERTAIN, detail=detail, action=LEFT)]
        gap_db = self._meter.imbalance_db()
        if gap_db is None:
            return self._lean()
        detail = {"kind": "softer", "side": SIDES[int(gap_db < 0)], "gap_db": round(abs(gap_db), 2)}
        return [Finding(fault="imbalance", confidence=LIKELY, detail=detail, action=REMOVED)]

    def _lean(self) -> list[Finding]:
        """A mix may lean to one side because of what plays there: that is for the ear to say."""
        lean_db = self._meter.lean_db()
        if lean_db is None:
            return []
        detail = {"kind": "leaning", "side": SIDES[int(lean_db > 0)], "gap_db": round(abs(lean_db), 2)}
        return [Finding(fault="imbalance", confidence=UNSURE, detail=detail, action=LEFT)]

    def _sameness(self) -> list[Finding]:
        if not self._meter.is_dual_mono():
            return []
        return [Finding(fault="narrow", confidence=CERTAIN, detail={"kind": "dual mono"}, action=LEFT)]
