"""Faults of channels are named with their numbers; what is certain is proposed for repair, the rest left."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from signals import noise
from synthetic_music import mix, pink

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.channels import ChannelsDetector
from rebounce.engine.inspection.finding import NOTHING_FOUND, Diagnosis, diagnosed

RATE = 44_100
MONO = np.repeat(mix(6, RATE)[:1], 2, axis=0)


def seen(audio: NDArray[np.floating]) -> Diagnosis:
    return diagnosed(ChannelsDetector(RATE, len(audio)), [audio.astype(np.float32)])


def told(diagnosis: Diagnosis) -> list[tuple[str, str, dict[str, Any]]]:
    return [(finding.fault, finding.action, dict(finding.detail)) for finding in diagnosis.findings]


@pytest.mark.parametrize("offset", [-0.05, 0.05])
def test_an_offset_is_told_in_percent_and_decibels(offset: float) -> None:
    [(fault, action, detail)] = told(seen(mix(6, RATE) + np.asarray([[0], [offset]])))
    assert (fault, action, detail["channel"]) == ("dc", "removed", 2)
    assert detail["offset_percent"] == pytest.approx(100 * offset, abs=0.1)
    assert detail["offset_dbfs"] == pytest.approx(-26.0, abs=0.2)


def test_an_offset_of_both_channels_names_both_and_the_larger() -> None:
    [(fault, action, detail)] = told(seen(mix(6, RATE) + np.asarray([[0.02], [-0.05]])))
    assert (fault, action, detail["channels"]) == ("dc", "removed", [1, 2])
    assert detail["offset_percent"] == pytest.approx(-5, abs=0.1)


def test_an_inverted_channel_is_told_and_mended() -> None:
    diagnosis = seen(MONO * [[1], [-1]] + 0.05 * mix(6, RATE, seed=9))
    [(fault, action, detail)] = told(diagnosis)
    assert (fault, action, detail["kind"]) == ("polarity", "removed", "inverted")
    assert detail["correlation"] < -0.9


def test_odd_correlation_that_proves_nothing_is_told_and_left() -> None:
    """Opposite at the top and alike in the bass, as a widener leaves it."""
    bass = np.sin(2 * np.pi * 60 * np.arange(6 * RATE) / RATE)
    top = noise(6 * RATE, 1, level=0.1)
    diagnosis = seen(0.05 * bass + top * [[1], [-1]])
    [(fault, action, detail)] = told(diagnosis)
    assert (fault, action) == ("polarity", "left")
    assert detail["correlation"] == pytest.approx((0.05**2 / 2 - 0.1**2) / (0.05**2 / 2 + 0.1**2), abs=0.05)
    assert diagnosis.repair is None


@pytest.mark.parametrize("late", ["left", "right"])
def test_a_late_channel_is_told_and_left(late: str) -> None:
    music = pink(6)[0]
    pair = np.stack([music, np.roll(music, round(0.002 * RATE))])
    diagnosis = seen(pair if late == "right" else pair[::-1])
    [(fault, action, detail)] = told(diagnosis)
    assert (fault, action, detail["kind"], detail["side"]) == ("polarity", "left", "delay", late)
    assert detail["delay_ms"] == pytest.approx(2.0, abs=0.2)
    assert diagnosis.repair is None


@pytest.mark.parametrize(("gap_db", "side"), [(-4.0, "right"), (2.5, "left")])
def test_the_softer_of_two_copies_is_told(gap_db: float, side: str) -> None:
    [(fault, action, detail)] = told(seen(MONO * [[1], [10 ** (gap_db / 20)]]))
    assert (fault, action, detail["kind"], detail["side"]) == ("imbalance", "removed", "softer", side)
    assert detail["gap_db"] == pytest.approx(abs(gap_db), abs=0.02)


@pytest.mark.parametrize(("gap_db", "side"), [(-5.0, "left"), (4.0, "right")])
def test_a_mix_that_leans_to_a_side_is_told_and_left(gap_db: float, side: str) -> None:
    wide = np.stack([noise(6 * RATE, 1, seed)[0] for seed in (1, 2)])
    [(fault, action, detail)] = told(seen(wide * [[1], [10 ** (gap_db / 20)]]))
    assert (fault, action, detail["kind"], detail["side"]) == ("imbalance", "left", "leaning", side)
    assert detail["gap_db"] == pytest.approx(abs(gap_db), abs=0.1)
    assert told(seen(wide)) == []


@pytest.mark.parametrize(("silent", "side"), [(0, "left"), (1, "right")])
def test_a_silent_side_is_told_and_left(silent: int, side: str) -> None:
    music = mix(6, RATE)
    music[silent] = 0
    assert told(seen(music)) == [("imbalance", "left", {"kind": "silent", "side": side})]


def test_dual_mono_is_told_and_left() -> None:
    diagnosis = seen(MONO)
    assert told(diagnosis) == [("narrow", "left", {"kind": "dual mono"})]
    assert diagnosis.repair is None


def test_after_the_repair_nothing_more_is_proposed() -> None:
    broken = (MONO * [[1], [-0.5]] + [[0.03], [0]]).astype(np.float32)
    diagnosis = seen(broken)
    assert {finding.fault for finding in diagnosis.findings} == {"dc", "polarity", "imbalance"}
    assert diagnosis.repair is not None
    assert seen(diagnosis.repair(broken, RATE)).repair is None


@pytest.mark.parametrize("audio", [mix(6, RATE), pink(6), noise(6 * RATE, 1), np.zeros((2, 6 * RATE)), noise(0)])
def test_music_noise_mono_and_silence_have_no_fault(audio: Audio) -> None:
    assert seen(audio) == NOTHING_FOUND
