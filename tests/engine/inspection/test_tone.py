"""Music outside the spread of released music is reported, with what lies where, and left alone."""

import numpy as np
import pytest
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import Diagnosis, diagnosed
from rebounce.engine.inspection.tone import ToneDetector
from rebounce.engine.repair.linear_phase import LinearPhase, filter_timing, response_of
from rebounce.engine.repair.tone_spectrum import THIRDS, third_centres_hz
from rebounce.engine.repair.tone_spread import FIRST_THIRD, MEANS_DB
from rebounce.engine.stream import Stream
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.registry import fault_named

RATE = 44_100


def told(audio: Audio, rate_hz: float = RATE) -> Diagnosis:
    return diagnosed(ToneDetector(rate_hz, len(audio)), [audio])


@pytest.fixture(scope="module")
def music() -> Audio:
    """Noise with the tone of the middle of released music."""
    curve_db = np.interp(np.arange(THIRDS), FIRST_THIRD + np.arange(len(MEANS_DB)), MEANS_DB)
    curve_db -= 10 * np.log10(third_centres_hz())
    kernel = LinearPhase(response_of(curve_db, RATE)[np.newaxis], RATE)
    run = Stream(kernel, filter_timing(RATE), 2, "test")
    return np.concatenate([run.push(noise(10 * RATE)), run.finish()], axis=1)


def shelved(music: Audio, kind: str, frequency_hz: float, gain_db: float) -> Audio:
    drawn = {"kind": kind, "frequency_hz": frequency_hz, "gain_db": gain_db, "q": 0.7}
    return apply_fault(fault_named("eq"), music, RATE, {"filters": [drawn]})


def test_the_middle_of_all_music_is_in_order(music: Audio) -> None:
    assert told(music).findings == ()


@pytest.mark.parametrize("gain_db", [20.0, -20.0])
def test_what_lies_outside_is_told_with_its_sign(music: Audio, gain_db: float) -> None:
    (finding,) = told(shelved(music, "peak", 1_000.0, gain_db)).findings
    assert finding.fault == "eq"
    outside = dict(zip(finding.detail["bands_hz"], finding.detail["outside_db"], strict=True))
    assert np.sign(outside[1_000]) == np.sign(gain_db)
    assert abs(outside[1_000]) == max(map(abs, outside.values()))


def test_nothing_is_done_about_it(music: Audio) -> None:
    diagnosis = told(shelved(music, "peak", 1_000.0, 20.0))
    assert diagnosis.repair is None
    assert [finding.action for finding in diagnosis.findings] == ["left"]


def test_the_level_does_not_matter(music: Audio) -> None:
    bent = shelved(music, "peak", 1_000.0, 20.0)
    assert told(bent).findings[0].detail == told(bent * np.float32(0.01)).findings[0].detail


def test_any_cut_gives_the_same_finding(music: Audio) -> None:
    bent = shelved(music, "peak", 1_000.0, 20.0)
    assert diagnosed(ToneDetector(RATE, 2), cut(bent, [1, 333, 100_000])) == told(bent)


def test_a_low_rate_is_not_dull(music: Audio) -> None:
    low = music[:, ::4]
    found = told(low, RATE / 4).findings
    assert all(hz < RATE / 8 for finding in found for hz in finding.detail["bands_hz"])


@pytest.mark.parametrize(
    "audio",
    [np.zeros((2, 9 * RATE), dtype=np.float32), noise(2 * RATE), noise(1), noise(0)],
    ids=["silence", "two seconds", "one frame", "no frames"],
)
def test_what_is_too_short_or_silent_has_no_tone(audio: Audio) -> None:
    assert told(audio).findings == ()


@pytest.mark.parametrize("audio", [tone(440, 9 * RATE), noise(9 * RATE, 3, level=1e6), noise(9 * RATE, 1, level=1e-9)])
def test_odd_signals_are_told_in_numbers(audio: Audio) -> None:
    for finding in told(audio).findings:
        assert np.isfinite(finding.detail["outside_db"]).all()
