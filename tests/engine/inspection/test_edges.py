"""Silence, cut ends, gaps and a level far off are told, and nothing of it is repaired."""

from typing import Any

import numpy as np
import pytest
from signals import cut, noise
from synthetic_music import mix

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.edges import EdgesDetector
from rebounce.engine.inspection.finding import NOTHING_FOUND, Diagnosis, diagnosed

RATE = 44_100


def faded(seconds: float = 6) -> Audio:
    """A mix that comes out of silence and goes back into it."""
    music = mix(seconds, RATE)
    rise = np.clip(np.arange(music.shape[1]) / RATE, 0, 1).astype(np.float32)
    return music * rise * rise[::-1]


def told(audio: Audio) -> list[tuple[str, dict[str, Any]]]:
    diagnosis = diagnosed(EdgesDetector(RATE, len(audio)), [audio])
    assert diagnosis.repair is None
    assert {finding.action for finding in diagnosis.findings} <= {"left"}
    return [(finding.fault, dict(finding.detail)) for finding in diagnosis.findings]


def test_a_piece_that_fades_in_and_out_has_nothing() -> None:
    assert diagnosed(EdgesDetector(RATE, 2), [faded()]) == NOTHING_FOUND


@pytest.mark.parametrize("audio", [np.zeros((2, RATE), dtype=np.float32), noise(1, level=0.0)])
def test_silence_is_told(audio: Audio) -> None:
    assert told(audio) == [("gain", {"kind": "silent"})]


def test_next_to_silence_is_told_with_its_peak() -> None:
    soft = noise(RATE, level=1e-6)
    [(fault, detail)] = told(soft)
    assert (fault, detail["kind"]) == ("gain", "level")
    assert detail["peak_dbfs"] == pytest.approx(20 * np.log10(np.abs(soft).max()), abs=0.06)


def test_a_file_without_frames_has_nothing() -> None:
    assert told(noise(0)) == []


@pytest.mark.parametrize(("kept", "side"), [(slice(2 * RATE, None), "start"), (slice(None, 4 * RATE), "end")])
def test_a_piece_cut_in_full_sound_is_told_at_its_side(kept: slice, side: str) -> None:
    level = np.minimum(1, np.arange(6 * RATE) / RATE)
    even = (noise(6 * RATE, level=0.1) * level * level[::-1]).astype(np.float32)
    [(fault, detail)] = told(even[:, kept])
    assert (fault, detail["cut"]) == ("level_ride", side)
    assert detail["level_dbfs"] == pytest.approx(-20, abs=0.5)


def test_a_piece_that_sets_in_on_the_beat_is_not_cut() -> None:
    level = np.minimum(1, np.arange(6 * RATE) / RATE)[::-1]
    even = (noise(6 * RATE, level=0.1) * level).astype(np.float32)
    even[:, :20] *= np.linspace(0, 1, 20, dtype=np.float32)
    assert told(even) == []


def test_a_gap_of_digital_black_is_told_with_its_place_and_length() -> None:
    music = faded()
    music[:, 2 * RATE : 2 * RATE + RATE // 2] = 0
    music[:, 4 * RATE : 4 * RATE + RATE // 10] = 0
    [(fault, detail)] = told(music)
    assert (fault, detail["gaps"]) == ("level_ride", 2)
    assert detail["gap_start_s"] == pytest.approx(2.0, abs=0.02)
    assert detail["gap_s"] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("gain", [1e-2, 20.0])
def test_a_level_far_off_is_told(gain: float) -> None:
    [(fault, detail)] = told(faded() * np.float32(gain))
    assert (fault, detail["kind"]) == ("gain", "level")
    assert (detail["lufs"] > -5) == (gain > 1)


def test_the_cut_of_the_blocks_does_not_matter() -> None:
    def said(blocks: list[Audio]) -> Diagnosis:
        return diagnosed(EdgesDetector(RATE, 2), blocks)

    music = mix(4, RATE)
    assert said(list(cut(music, [319, 50_001]))) == said([music])
