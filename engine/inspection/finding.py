"""What a detector says: findings for people and records, and the repair it proposes.

A detector sees a file once, from its beginning, and does not care how it was cut. What always holds: it proposes a
repair only where it is sure, a finding without one has the action `left`, and `detail` holds everything that the
sentence about it is made of.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from rebounce.engine.audio import Audio
from rebounce.engine.plugin import Plugin

REMOVED, REDUCED, LEFT = "removed", "reduced", "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: which fault, how sure from 0 to 1, its numbers, and what becomes of it.

    `action` is what the repair that goes with it does: `removed`, `reduced`, or `left` where there is none.
    """

    fault: str
    confidence: float
    detail: Mapping[str, Any] = field(default_factory=dict)
    action: str = LEFT

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a record."""
        return {
            "fault": self.fault,
            "confidence": round(self.confidence, 3),
            "detail": dict(self.detail),
            "action": self.action,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All that one detector found, and the repair with its analysis in it; None where nothing is to be done."""

    findings: tuple[Finding, ...] = ()
    repair: Plugin | None = None


NOTHING_FOUND = Diagnosis()


class Detector(Protocol):
    """Sees blocks of float32 `(channels, frames)`, of any length, and says at the end what it found.

    `name` is that of its module. `diagnose` is called once, after the last block.
    """

    name: ClassVar[str]

    def __init__(self, sample_rate_hz: float, channels: int) -> None: ...

    def see(self, block: Audio) -> None: ...

    def diagnose(self) -> Diagnosis: ...


def diagnosed(detector: Detector, blocks: Iterable[Audio]) -> Diagnosis:
    """What a detector says of a whole piece."""
    for block in blocks:
        detector.see(block)
    return detector.diagnose()
