"""Hum is named with its numbers, and after its repair there is none."""

import numpy as np
import pytest
from scipy import signal
from signals import tone
from synthetic_music import mix

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import NOTHING_FOUND, diagnosed
from rebounce.engine.inspection.hum import HumDetector
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.registry import fault_named

RATE = 44_100


def thin(seconds: float, rate_hz: int = RATE) -> Audio:
    """A mix without its bass, which is on a grid of half seconds and has lines of its own there."""
    sections = signal.butter(8, 400, "highpass", fs=rate_hz, output="sos")
    return np.asarray(signal.sosfilt(sections, mix(seconds, rate_hz), axis=1), dtype=np.float32)


def test_the_fault_hum_is_found_and_its_repair_leaves_none() -> None:
    music = thin(16)
    partials = [{"multiple": times, "level_db": -6.0 * times, "phase_turns": 0.2 * times} for times in (1, 2, 3)]
    parameters = {"kind": "hum", "snr_db": 15.0, "mains_hz": 60, "partials": partials}
    noisy = apply_fault(fault_named("noise"), music, RATE, parameters)
    diagnosis = diagnosed(HumDetector(RATE, 2), [noisy])
    [finding] = diagnosis.findings
    assert (finding.fault, finding.action, finding.detail["mains_hz"]) == ("hum", "removed", 60.0)
    assert finding.detail["level_dbfs"] == pytest.approx(10 * np.log10(np.mean((noisy - music) ** 2)), abs=0.5)
    assert diagnosis.repair is not None
    restored = diagnosis.repair(noisy, RATE)
    assert np.mean((restored - music) ** 2) < np.mean((noisy - music) ** 2) / 100
    assert diagnosed(HumDetector(RATE, 2), [restored]) == NOTHING_FOUND


def test_lines_and_the_highest_of_them_are_told() -> None:
    hum = tone(50, 12 * RATE, level=0.01) + tone(250, 12 * RATE, level=0.01)
    [finding] = diagnosed(HumDetector(RATE, 2), [thin(12) + hum]).findings
    assert (finding.detail["lines"], finding.detail["highest_hz"]) == (2, 250.0)


def test_music_has_none() -> None:
    assert diagnosed(HumDetector(RATE, 2), [mix(12, RATE)]) == NOTHING_FOUND
