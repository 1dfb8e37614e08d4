"""All detectors over one piece, in one pass.

What always holds: a detector gets the same slabs however the audio was cut, and what it says does not depend on which
others look on. Two detectors work at a time: most of their time is spent in transforms, which let other threads run.
"""

import math
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.calibration import calibrated
from rebounce.engine.inspection.finding import Detector, Diagnosis, Finding
from rebounce.engine.inspection.registry import DETECTORS, detector_class
from rebounce.engine.overlap_add import Slabs

SLAB_FRAMES = 65_536
THREADS = 2
# 100 dB above full scale is no music any more, and its powers soon leave float32.
MOST_PEAK = 1e5


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
        self._peak = 0.0
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
        if self._peak > MOST_PEAK:
            return self._absurd()
        said = self._threads.map(self._diagnose, self._detectors.values())
        return dict(zip(self._detectors, said, strict=True))

    def _show(self, slab: Audio) -> None:
        self._peak = max(self._peak, float(slab.max(initial=0.0)), -float(slab.min(initial=0.0)))
        if self._peak > MOST_PEAK:
            return
        for _ in self._threads.map(lambda detector: _see(detector, slab), self._detectors.values()):
            pass

    def _diagnose(self, detector: Detector) -> Diagnosis:
        with np.errstate(all="ignore"):
            return self._tell(detector.diagnose())

    def _absurd(self) -> dict[str, Diagnosis]:
        """Nothing can be said of such audio but this, which the last detector is made to say."""
        detail = {"kind": "level", "peak_dbfs": round(20 * math.log10(self._peak), 1)}
        finding = Finding(fault="gain", confidence=1.0, detail=detail)
        names = list(self._detectors)
        return {name: Diagnosis(findings=(finding,) if name == names[-1] else ()) for name in names}


def _see(detector: Detector, slab: Audio) -> None:
    """Numpy's own warnings, which go by thread, would add noise where the audio is odd."""
    with np.errstate(all="ignore"):
        detector.see(slab)


def inspect(
    blocks: Iterable[Audio], sample_rate_hz: float, channels: int, detectors: Detectors | None = None
) -> dict[str, Diagnosis]:
    """What the detectors say of a piece: all there are, or these."""
    chosen = all_detectors() if detectors is None else detectors
    with Inspector(sample_rate_hz, channels, chosen) as inspector:
        for block in blocks:
            inspector.see(block)
        return inspector.diagnoses()
