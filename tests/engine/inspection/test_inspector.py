import json
from typing import ClassVar

import numpy as np
import pytest
from awkward_audio import awkward_pieces
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import Diagnosis, Finding
from rebounce.engine.inspection.inspector import SLAB_FRAMES, Inspector, all_detectors, inspect
from rebounce.engine.inspection.registry import DETECTORS

RATE = 44_100
FAULTS = {
    *("eq", "gain", "compression", "reverb", "echo", "clipping", "mp3", "noise", "level_ride", "limiting", "narrow"),
    *("hum", "dc", "polarity", "imbalance", "bandwidth"),
}


class Slabs:
    """Says how its audio was cut, and a number that depends on all of it."""

    name: ClassVar[str] = "slabs"

    def __init__(self, sample_rate_hz: float, channels: int) -> None:
        self._sizes: list[int] = []
        self._sum = 0.0

    def see(self, block: Audio) -> None:
        self._sizes.append(block.shape[1])
        self._sum += float(block.sum(dtype=np.float64))

    def diagnose(self) -> Diagnosis:
        return Diagnosis(
            findings=(Finding(fault="gain", confidence=1, detail={"sizes": self._sizes, "sum": self._sum}),)
        )


class Failing(Slabs):
    def see(self, block: Audio) -> None:
        raise ZeroDivisionError("on purpose")


def seen(audio: Audio, sizes: list[int]) -> dict[str, object]:
    said = inspect(cut(audio, sizes), RATE, len(audio), {"one": Slabs, "other": Slabs})
    assert said["one"] == said["other"]
    return dict(said["one"].findings[0].detail)


@settings(deadline=None, max_examples=20)
@given(sizes=st.lists(st.integers(1_000, 100_000), min_size=1, max_size=4))
def test_a_detector_gets_the_same_slabs_however_the_audio_comes(sizes: list[int]) -> None:
    audio = noise(2 * SLAB_FRAMES + 77)
    assert seen(audio, sizes) == seen(audio, [audio.shape[1]])
    assert seen(audio, sizes)["sizes"] == [SLAB_FRAMES, SLAB_FRAMES, 77]


def test_a_detector_that_fails_is_heard_of() -> None:
    with pytest.raises(ZeroDivisionError, match="on purpose"):
        inspect([noise(100_000)], RATE, 2, {"one": Slabs, "other": Failing})


def test_the_caller_may_reuse_its_block() -> None:
    audio = noise(3 * 1_000)
    with Inspector(RATE, 2, {"one": Slabs}) as inspector:
        block = np.empty((2, 1_000), dtype=np.float32)
        for start in range(0, 3_000, 1_000):
            block[:] = audio[:, start : start + 1_000]
            inspector.see(block)
        said = inspector.diagnoses()
    assert said["one"].findings[0].detail["sum"] == seen(audio, [3_000])["sum"]


def test_every_detector_goes_by_the_name_of_its_module() -> None:
    assert {name: kind.name for name, kind in all_detectors().items()} == {name: name for name in DETECTORS}


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_every_detector_takes_awkward_audio_and_says_only_what_a_record_can_hold(rate: int) -> None:
    for name, audio in awkward_pieces(rate).items():
        for diagnosis in inspect([audio], rate, len(audio)).values():
            for finding in diagnosis.findings:
                assert finding.fault in FAULTS, (name, finding)
                assert 0 <= finding.confidence <= 1, (name, finding)
                assert finding.action in ("removed", "reduced", "left"), (name, finding)
                json.dumps(finding.to_dict(), allow_nan=False)


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_no_detector_trips_over_a_length(rate: int) -> None:
    for seconds in (0.0001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5, 2.5, 5.0):
        said = inspect([noise(round(rate * seconds))], rate, 2)
        assert set(said) == set(DETECTORS)
