"""A cut-off is told with what is likely to have made it, and filled where much is missing."""

import numpy as np
import pytest
from signals import noise
from synthetic_music import mix, pink, walled

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.cutoff import CutoffDetector, likely_kbps
from rebounce.engine.inspection.finding import NOTHING_FOUND, diagnosed
from rebounce.engine.repair.repair_codec_damage import RepairCodecDamage
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.registry import fault_named

RATE = 44_100


def coded(music: Audio, kbps: int) -> Audio:
    parameters = {"mode": "cbr", "coded_rate_hz": "auto", "bitrate_kbps": kbps}
    return apply_fault(fault_named("mp3"), music, RATE, parameters)


@pytest.mark.parametrize(("kbps", "nearest"), [(64, (64,)), (80, (80,)), (96, (96,)), (128, (112, 128))])
def test_an_mp3_is_told_by_its_cut_off_and_bit_rate(kbps: int, nearest: tuple[int, ...]) -> None:
    # Something to be left out, and softer than what is kept.
    [finding] = diagnosed(CutoffDetector(RATE, 2), [coded(pink(8) + mix(8, RATE), kbps)]).findings
    assert finding.fault == "mp3"
    assert finding.detail["likely_kbps"] in nearest


def test_a_low_cut_off_is_filled_once() -> None:
    damaged = walled(mix(8, RATE), 11_000)
    diagnosis = diagnosed(CutoffDetector(RATE, 2), [damaged])
    [finding] = diagnosis.findings
    assert (finding.fault, finding.action) == ("bandwidth", "reduced")
    assert finding.detail["cutoff_hz"] == pytest.approx(11_000, rel=0.02)
    assert isinstance(diagnosis.repair, RepairCodecDamage)
    assert diagnosed(CutoffDetector(RATE, 2), [diagnosis.repair(damaged, RATE)]).repair is None


@pytest.mark.parametrize("cutoff_hz", [15_500, 16_000, 18_500])
def test_a_high_cut_off_is_told_and_left(cutoff_hz: int) -> None:
    diagnosis = diagnosed(CutoffDetector(RATE, 2), [walled(mix(8, RATE), cutoff_hz)])
    [finding] = diagnosis.findings
    assert (finding.fault, finding.action) == ("mp3", "left")
    assert diagnosis.repair is None


def test_bit_rates_rise_with_the_cut_off() -> None:
    rates = [likely_kbps(float(cutoff_hz)) for cutoff_hz in np.arange(8_000, 19_500, 250)]
    assert rates == sorted(rates)
    assert (rates[0], rates[-1]) == (64, 192)


@pytest.mark.parametrize("audio", [mix(6, RATE), pink(6), noise(1), noise(0), np.zeros((2, RATE), dtype=np.float32)])
def test_what_is_whole_has_none(audio: Audio) -> None:
    assert diagnosed(CutoffDetector(RATE, 2), [audio]) == NOTHING_FOUND
