"""Moves of a fader are found and put right; what the music does of its own accord is not touched."""

import json
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from signals import cut, noise, tone
from synthetic_music import mix, with_pauses

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.finding import LEFT, REDUCED, Diagnosis, diagnosed
from rebounce.engine.inspection.level_ride import LevelRideDetector
from rebounce.engine.inspection.level_search import search_level
from rebounce.engine.repair.ride_level import RideLevel
from rebounce.training.faults.level_ride import LevelRide
from rebounce.training.music import make_mix

Floats = NDArray[np.floating[Any]]

RATE = 44_100


def diagnosis(audio: Audio, rate_hz: int = RATE, sizes: tuple[int, ...] = (65_536,)) -> Diagnosis:
    return diagnosed(LevelRideDetector(rate_hz, audio.shape[0]), cut(audio, list(sizes)))


def looped(rate_hz: int = RATE) -> Audio:
    """Four seconds of music over and over."""
    return np.tile(mix(4, rate_hz), (1, 5))


def ridden(audio: Audio, rate_hz: int = RATE) -> Audio:
    sections = [{"section_s": 4.7, "gain_db": gain_db, "transition_ms": 80.0} for gain_db in (0.0, -7.0, 0.0, 6.0, 6.0)]
    return LevelRide().apply(audio, rate_hz, {"sections": sections})


@pytest.mark.parametrize(("rate_hz", "channels"), [(22_050, 1), (44_100, 2), (96_000, 2)])
def test_moves_of_a_fader_are_found_with_their_places_and_heights(rate_hz: int, channels: int) -> None:
    (finding,) = diagnosis(ridden(looped(rate_hz)[:channels], rate_hz), rate_hz).findings
    assert (finding.fault, finding.action) == ("level_ride", REDUCED)
    assert finding.confidence > 0.9
    assert finding.detail["jumps"] == 3
    assert finding.detail["at_s"] == pytest.approx([4.7, 9.4, 14.1], abs=0.2)
    assert finding.detail["jumps_db"] == pytest.approx([-7, 7, 6], abs=1.5)
    assert abs(finding.detail["largest_jump_db"]) == pytest.approx(7, abs=1.5)
    assert finding.detail["range_db"] == pytest.approx(13, abs=2)
    assert json.loads(json.dumps(finding.to_dict(), allow_nan=False))["detail"] == finding.detail


def test_after_the_repair_there_is_none_to_propose_and_the_level_is_even() -> None:
    clean = looped()
    audio = ridden(clean)
    repair = diagnosis(audio).repair
    assert isinstance(repair, RideLevel)
    restored = repair(audio, RATE)
    assert diagnosis(restored).repair is None
    gain_db = 20 * np.log10(np.abs(restored).mean(axis=0) / np.abs(clean).mean(axis=0))
    assert np.std(gain_db) < 1


def test_the_plugin_finds_the_same_by_itself() -> None:
    audio = ridden(looped())
    plugin = RideLevel()
    plugin.analyse([audio], RATE)
    proposed = diagnosis(audio).repair
    assert proposed is not None
    assert plugin.analysis == proposed.analysis


@pytest.mark.parametrize("sizes", [(1_000,), (44_100, 7, 300_001)])
def test_the_cut_does_not_matter(sizes: tuple[int, ...]) -> None:
    audio = ridden(looped())
    assert diagnosis(audio, sizes=sizes).findings == diagnosis(audio).findings


def faded(audio: Audio, *levels_db: float) -> Audio:
    """A slow course of the level: seconds, not a fader's jump."""
    places = np.linspace(0, audio.shape[1], len(levels_db))
    return audio * (10 ** (np.interp(np.arange(audio.shape[1]), places, levels_db) / 20)).astype(np.float32)


def thinned(seconds: int = 20) -> Audio:
    """A verse that is softer as the drums are gone, and comes back."""
    whole, chord = mix(seconds, RATE), tone(220, seconds * RATE, level=0.05)
    is_verse = (np.arange(whole.shape[1]) // (5 * RATE)) % 2 == 1
    return np.where(is_verse, chord, whole).astype(np.float32)


@pytest.mark.parametrize(
    "audio",
    [
        looped(),
        mix(20, RATE),
        with_pauses(mix(20, RATE), RATE),
        faded(mix(20, RATE), 0, 0, -40),
        faded(mix(20, RATE), -20, 0),
        faded(mix(20, RATE), 0, -10, 0),
        thinned(),
        noise(15 * RATE),
        tone(440, 15 * RATE),
    ],
    ids=["loop", "even", "pauses", "fade-out", "crescendo", "swell", "thin verse", "noise", "sine"],
)
def test_what_the_music_does_itself_is_left(audio: Audio) -> None:
    said = diagnosis(audio)
    assert said.repair is None
    assert all(finding.action == LEFT for finding in said.findings)


@pytest.mark.parametrize("seed", [0, 2])
@pytest.mark.parametrize("course", [lambda left: left**2, lambda left: left, lambda left: 0.01 ** (1 - left)])
@pytest.mark.parametrize("is_rising", [False, True])
def test_a_long_fade_is_not_even_named(seed: int, course: Callable[[Floats], Floats], is_rising: bool) -> None:
    audio = np.asarray(make_mix(seed, 20, RATE).audio, dtype=np.float32)
    left = np.linspace(1, 0, audio.shape[1])
    gains = course(left[::-1] if is_rising else left).astype(np.float32)
    assert diagnosis(audio * gains) == Diagnosis()


@pytest.mark.parametrize("gain_db", [-40.0, -28.0, -17.3, 10.0])
@pytest.mark.parametrize("audio", [ridden(looped()), ridden(mix(20, RATE)), thinned()], ids=["loop", "mix", "verse"])
def test_a_gain_on_the_whole_file_changes_no_decision(audio: Audio, gain_db: float) -> None:
    moved = audio * np.float32(10 ** (gain_db / 20))
    course, other = (search_level([one], RATE).course for one in (audio, moved))
    assert [part.start_s for part in other.parts()] == [part.start_s for part in course.parts()]
    assert [part.gain_db for part in other.parts()] == pytest.approx([part.gain_db for part in course.parts()], abs=0.1)
    for said, before in zip(diagnosis(moved).findings, diagnosis(audio).findings, strict=True):
        assert said.action == before.action
        assert said.confidence == pytest.approx(before.confidence, abs=0.01)


@pytest.mark.parametrize(
    ("audio", "gain_db"),
    [
        *((mix(20, RATE), gain_db) for gain_db in (-34.0, -50.0, -66.0)),
        *((with_pauses(mix(20, RATE), RATE), gain_db) for gain_db in (-34.0, -50.0, -66.0)),
        (thinned(), -34.0),
    ],
)
def test_the_steps_of_16_bits_are_no_jumps_of_soft_music(audio: Audio, gain_db: float) -> None:
    steps = np.round(audio * np.float32(10 ** (gain_db / 20)) * 32_768) / 32_768
    assert diagnosis(steps.astype(np.float32)).repair is None


@pytest.mark.parametrize("gap_s", [(8.0, 9.0), (6.0, 11.0)])
@pytest.mark.parametrize("rate_hz", [22_050, 44_100])
def test_a_gap_is_no_jump(gap_s: tuple[float, float], rate_hz: int) -> None:
    audio = mix(20, rate_hz)
    audio[:, int(gap_s[0] * rate_hz) : int(gap_s[1] * rate_hz)] = 0
    assert diagnosis(audio, rate_hz) == Diagnosis()


def test_a_jump_away_from_a_gap_is_found() -> None:
    audio = ridden(looped())
    audio[:, 7 * RATE : int(7.5 * RATE)] = 0
    (finding,) = diagnosis(audio).findings
    assert finding.action == REDUCED
    assert finding.detail["at_s"] == pytest.approx([4.7, 9.4, 14.1], abs=0.2)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("level", [0.0, 1e-7, 1e15])
def test_odd_levels_and_rates_do_no_harm(rate_hz: int, level: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = diagnosis(noise(4 * rate_hz, 3, level=level), rate_hz)
    assert said.repair is None


@pytest.mark.parametrize("frames", [0, 1, 1_000, RATE])
def test_what_is_too_short_is_left_without_a_word(frames: int) -> None:
    assert diagnosis(noise(frames)) == Diagnosis()
