"""A very reverberant mix is reported with its room, and left alone."""

import numpy as np
import pytest
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import Diagnosis, diagnosed
from rebounce.engine.inspection.reverb import ReverbDetector
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.registry import fault_named
from rebounce.training.music import make_mix

RATE = 44_100


def told(audio: Audio, rate_hz: int = RATE) -> Diagnosis:
    return diagnosed(ReverbDetector(rate_hz, len(audio)), [audio])


def in_a_room(audio: Audio, rt60_s: float, drr_db: float) -> Audio:
    drawn = {"kind": "synthetic", "drr_db": drr_db, "predelay_ms": 10.0, "rt60_s": rt60_s, "seed": 5}
    return apply_fault(fault_named("reverb"), audio, RATE, drawn)


@pytest.fixture(scope="module")
def wet() -> Audio:
    return in_a_room(make_mix(7, 10.0, RATE).audio, 2.0, -6.0)


def test_much_room_is_reported_and_left(wet: Audio) -> None:
    diagnosis = told(wet)
    (finding,) = diagnosis.findings
    assert finding.fault == "reverb"
    assert finding.action == "left"
    assert finding.confidence >= 0.5
    assert finding.detail["rt60_s"] > 0.8
    assert finding.detail["drr_db"] < 6
    assert diagnosis.repair is None


def test_dry_hits_have_no_room() -> None:
    hits = noise(8 * RATE, level=0.3) * (np.arange(8 * RATE) % 11_025 < 1_500).astype(np.float32)
    assert told(hits).findings == ()


def test_any_cut_gives_the_same_finding(wet: Audio) -> None:
    assert diagnosed(ReverbDetector(RATE, 2), cut(wet, [1, 333, 100_000])) == told(wet)


@pytest.mark.parametrize("rate_hz", [8_000, 192_000])
@pytest.mark.parametrize(
    "audio",
    [np.zeros((2, 9 * RATE), dtype=np.float32), tone(440, 9 * RATE), noise(9 * RATE, 3, level=1e9), noise(1), noise(0)],
    ids=["silence", "sine", "huge", "one frame", "no frames"],
)
def test_odd_signals_are_told_in_numbers(audio: Audio, rate_hz: int) -> None:
    for finding in told(audio, rate_hz).findings:
        assert all(np.isfinite(value) for value in finding.detail.values())
