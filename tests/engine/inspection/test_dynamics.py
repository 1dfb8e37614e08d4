"""The detector names what was limited and compressed, leaves other music alone, and its repair brings music nearer."""

import math

import numpy as np
import pytest
from signals import cut, noise, tone
from synthetic_music import mix, pink, speech_like

from rebounce.engine.audio import Audio
from rebounce.engine.auto import Auto
from rebounce.engine.dynamics import Dynamics
from rebounce.engine.inspection.dynamics import DynamicsDetector
from rebounce.engine.inspection.finding import Diagnosis, diagnosed
from rebounce.training.faults.clipping import Clipping
from rebounce.training.faults.limiting import Limiting
from rebounce.training.music import make_mix
from rebounce.training.scores.si_sdr import si_sdr_db

RATE = 44_100


def said(audio: Audio, rate_hz: int = RATE) -> Diagnosis:
    return diagnosed(DynamicsDetector(rate_hz, len(audio)), [audio])


def faults(audio: Audio, rate_hz: int = RATE) -> list[str]:
    return [finding.fault for finding in said(audio, rate_hz).findings]


def squeezed(audio: Audio, rate_hz: int = RATE) -> Audio:
    level_db = 20 * math.log10(float(audio.std()))
    compressor = Dynamics(threshold_db=level_db - 3, ratio=5, attack_ms=8, release_ms=120, makeup_db=6)
    return compressor(audio, rate_hz)


@pytest.fixture(scope="module")
def music() -> Audio:
    return make_mix(0, 12, RATE).audio


@pytest.fixture(scope="module")
def compressed(music: Audio) -> Audio:
    return squeezed(music)


@pytest.mark.parametrize("seed", range(4))
def test_music_with_its_dynamics_has_no_finding(seed: int) -> None:
    assert said(make_mix(seed, 12, RATE).audio) == Diagnosis()


@pytest.mark.parametrize("gain", [0.01, 1.0, 30.0])
def test_compression_is_found_at_any_level_and_a_repair_proposed(compressed: Audio, gain: float) -> None:
    diagnosis = said(compressed * np.float32(gain))
    (finding,) = diagnosis.findings
    assert (finding.fault, finding.action) == ("compression", "reduced")
    assert finding.confidence > 0.95
    assert set(finding.detail) == {
        "crest_db",
        "loudness_range_lu",
        "level_range_db",
        "overshoot_db",
        "pumping_hz",
    }
    assert diagnosis.repair is not None


def test_the_repair_brings_the_music_nearer_and_keeps_its_level(music: Audio, compressed: Audio) -> None:
    repair = said(compressed).repair
    assert repair is not None
    opened = repair(compressed, RATE)
    before_db, after_db = si_sdr_db(music, compressed), si_sdr_db(music, opened)
    assert before_db is not None
    assert after_db is not None
    assert after_db > before_db + 2
    assert 20 * math.log10(opened.std() / compressed.std()) == pytest.approx(0, abs=2)
    assert said(opened).repair is None


def test_auto_makes_the_repair_and_keeps_it(compressed: Audio) -> None:
    auto = Auto()
    auto.look_with({"dynamics": DynamicsDetector})
    opened = auto(compressed, RATE)
    assert [finding.action for finding in auto.findings() or []] == ["reduced"]
    assert not np.array_equal(opened, compressed)


def test_no_repair_is_proposed_that_would_swallow_the_first_moments(music: Audio) -> None:
    level_db = 20 * math.log10(music.std())
    for attack_ms, is_repaired in ((2.0, True), (0.5, False)):
        fast = Dynamics(threshold_db=level_db - 9, ratio=12, attack_ms=attack_ms, release_ms=120, makeup_db=6)
        diagnosis = said(fast(music, RATE))
        assert [finding.fault for finding in diagnosis.findings] == ["compression"]
        assert (diagnosis.repair is not None) is is_repaired


def test_auto_leaves_music_with_its_dynamics_bit_identical(music: Audio) -> None:
    auto = Auto()
    auto.look_with({"dynamics": DynamicsDetector})
    np.testing.assert_array_equal(auto(music, RATE), music)


def test_a_short_piece_is_named_and_left(compressed: Audio) -> None:
    diagnosis = said(compressed[:, : 6 * RATE])
    assert [(finding.fault, finding.action) for finding in diagnosis.findings] == [("compression", "left")]
    assert diagnosis.repair is None


@pytest.mark.parametrize("drive_db", [8.0, 12.0])
def test_peaks_at_one_height_are_limiting_and_left(music: Audio, drive_db: float) -> None:
    limited = Limiting().apply(music, RATE, {"drive_db": drive_db, "release_ms": 100.0, "keeps_level": True})
    diagnosis = said(limited)
    (finding,) = diagnosis.findings
    assert (finding.fault, finding.action) == ("limiting", "left")
    assert finding.detail["ceiling_dbfs"] == pytest.approx(20 * math.log10(np.abs(limited).max()), abs=0.01)
    assert finding.detail["at_ceiling_percent"] > 1
    assert diagnosis.repair is None


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_clipping_is_not_taken_for_limiting(music: Audio, kind: str) -> None:
    parameters = {"kind": kind, "ceiling_is": "percentile", "percentile": 97.0}
    assert "limiting" not in faults(Clipping().apply(music, RATE, parameters))


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros((2, 12 * RATE), dtype=np.float32),
        np.zeros((2, 0), dtype=np.float32),
        noise(1),
        np.full((1, 12 * RATE), 0.3, dtype=np.float32),
        tone(440, 12 * RATE),
        tone(50, 12 * RATE),
        np.sign(tone(100, 12 * RATE)),
        noise(12 * RATE),
        noise(12 * RATE, level=1e20),
        noise(12 * RATE, level=1e-30),
        pink(12),
        speech_like(12),
        np.pad(noise(RATE), ((0, 0), (17 * RATE, 0))),
    ],
    ids=[
        "silence",
        "no frames",
        "one frame",
        "DC",
        "tone",
        "low tone",
        "square wave",
        "noise",
        "very loud noise",
        "very soft noise",
        "pink noise",
        "speech",
        "one loud second after silence",
    ],
)
def test_what_is_no_music_has_no_repair_and_is_not_limited(audio: Audio) -> None:
    assert said(audio).repair is None
    assert "limiting" not in faults(audio)


@pytest.mark.parametrize("audio", [tone(440, 20 * RATE, RATE), np.sign(tone(100, 20 * RATE, RATE)) * np.float32(0.5)])
def test_a_steady_tone_is_not_called_compressed(audio: Audio) -> None:
    assert "compression" not in faults(audio)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 48_000, 192_000])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_rate_and_any_number_of_channels_are_judged_alike(rate_hz: int, channels: int) -> None:
    made = mix(9, rate_hz)
    music = np.concatenate([made, made[:1]])[:channels]
    assert faults(music, rate_hz) == []
    assert faults(squeezed(music, rate_hz), rate_hz) == ["compression"]


@pytest.mark.parametrize("sizes", [[1_000_000], [30_011, 7], [65_536]])
def test_the_cut_of_the_blocks_does_not_matter(compressed: Audio, sizes: list[int]) -> None:
    whole, detector = said(compressed), DynamicsDetector(RATE, 2)
    cut_up = diagnosed(detector, cut(compressed, sizes))
    assert cut_up.findings == whole.findings
    assert whole.repair is not None
    assert cut_up.repair is not None
    assert cut_up.repair.to_dict() == whole.repair.to_dict()
