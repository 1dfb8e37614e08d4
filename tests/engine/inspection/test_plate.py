"""A plate over the whole mix is named with its numbers and taken back; no other room is taken for one."""

import numpy as np
import pytest
from signals import cut

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.calibration import calibrated
from rebounce.engine.inspection.finding import NOTHING_FOUND, Diagnosis, diagnosed
from rebounce.engine.inspection.plate import CERTAIN, PlateDetector
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.registry import fault_named
from rebounce.training.music import make_mix
from rebounce.training.scores.si_sdr import si_sdr_db

RATE = 44_100
DRAWN = {"kind": "plate", "drr_db": 3.0, "predelay_ms": 12.0, "room_size": 0.45, "damping": 0.3, "width": 0.8}


@pytest.fixture(scope="module")
def clean() -> Audio:
    return make_mix(7, 16.0, RATE).audio


@pytest.fixture(scope="module")
def wet(clean: Audio) -> Audio:
    return apply_fault(fault_named("reverb"), clean, RATE, DRAWN)


def told(audio: Audio, *sizes: int) -> Diagnosis:
    return diagnosed(PlateDetector(RATE, len(audio)), cut(audio, list(sizes)) if sizes else [audio])


def test_it_is_named_with_its_numbers_and_removed(wet: Audio) -> None:
    (finding,) = told(wet).findings
    assert (finding.fault, finding.action, finding.detail["kind"]) == ("reverb", "removed", "plate")
    assert finding.detail["delay_ms"] == pytest.approx(12.0, abs=0.1)
    assert finding.detail["room_size"] == pytest.approx(0.45, abs=0.05)
    assert finding.detail["damping"] == pytest.approx(0.3, abs=0.05)


def test_its_repair_gives_the_mix_back_and_leaves_no_plate(clean: Audio, wet: Audio) -> None:
    repair = told(wet).repair
    assert repair is not None
    restored = repair(wet, RATE)
    before, after = si_sdr_db(clean, wet), si_sdr_db(clean, restored)
    assert before is not None
    assert after is not None
    assert after > before + 10
    assert told(restored) == NOTHING_FOUND


def test_a_clean_mix_has_none(clean: Audio) -> None:
    assert told(clean) == NOTHING_FOUND


def test_any_cut_gives_the_same(wet: Audio) -> None:
    whole, pieces = told(wet), told(wet, 1, 333, 100_000)
    assert pieces.findings == whole.findings
    assert pieces.repair is not None
    assert whole.repair is not None
    assert pieces.repair.analysis == whole.repair.analysis


def test_its_certainty_is_its_own_and_read_off_no_curve(wet: Audio) -> None:
    assert [finding.confidence for finding in calibrated(told(wet)).findings] == [CERTAIN]


@pytest.mark.parametrize("channels", [1, 3])
def test_silence_and_other_channel_counts_have_none(channels: int) -> None:
    assert told(np.zeros((channels, 8 * RATE), dtype=np.float32)) == NOTHING_FOUND
    assert told(np.zeros((channels, 0), dtype=np.float32)) == NOTHING_FOUND
