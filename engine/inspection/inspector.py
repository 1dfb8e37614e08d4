"""All detectors over one piece, in one pass.

What always holds: a detector gets the same slabs however the audio was cut, and what it says does not depend on which
others look on. Two detectors work at a time: most of their time is spent in transforms, which let other threads run.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.calibration import calibrated
from rebounce.engine.inspection.finding import Detector, Diagnosis
from rebounce.engine.inspection.registry import DETECTORS, detector_class
from rebounce.engine.overlap_add import Slabs

SLAB_FRAMES = 65_536
THREADS = 2


def _as_it_is(diagnosis: Diagnosis) -> Diagnosis:
    """For those who want to know what the detectors themselves think."""
    return diagnosis


Detectors = Mapping[str, type[Detector]]


def all_detectors() -> Detectors:
    """Every detector there is, in the order in which repairs are made."""
    return {name: detector_class(name) for name in DETECTORS}


class Inspector:
    """Shows blocks to detectors; used in a `with` statement, which ends its threads."""

    def __init__(
        self, sample_rate_hz: float, channels: int, detectors: Detectors, *, is_calibrated: bool = True
    ) -> None:
        self._tell = calibrated if is_calibrated else _as_it_is
        self._detectors = {name: kind(sample_rate_hz, channels) for name, kind in detectors.items()}
        self._slabs = Slabs(SLAB_FRAMES)
        self._threads = ThreadPoolExecutor(THREADS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown()

    def see(self, block: Audio) -> None:
        """Take the next block `(channels, any)`."""
        for slab in self._slabs.push(block):
            self._show(slab)

    def diagnoses(self) -> dict[str, Diagnosis]:
        """What each detector says, after the last block."""
        for slab in self._slabs.rest():
            self._show(slab)
        said = self._threads.map(lambda detector: self._tell(detector.diagnose()), self._detectors.values())
        return dict(zip(self._detectors, said, strict=True))

    def _show(self, slab: Audio) -> None:
        for _ in self._threads.map(lambda detector: detector.see(slab), self._detectors.values()):
            pass


def inspect(
    blocks: Iterable[Audio], sample_rate_hz: float, channels: int, detectors: Detectors | None = None
) -> dict[str, Diagnosis]:
    """What the detectors say of a piece: all there are, or these."""
    chosen = all_detectors() if detectors is None else detectors
    with Inspector(sample_rate_hz, channels, chosen) as inspector:
        for block in blocks:
            inspector.see(block)
        return inspector.diagnoses()
