"""RideLevel takes back exactly the moves it knows of, in any cut, and changes nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise
from synthetic_music import mix

from rebounce.engine.audio import Audio
from rebounce.engine.repair.level_course import LevelCourse
from rebounce.engine.repair.ride_level import RideLevel
from rebounce.training.faults.level_ride import LevelRide

RATE = 44_100
SECTIONS = [(2.0, 0.0, 100.0), (1.5, -6.0, 50.0), (2.0, 4.0, 200.0), (2.5, 0.0, 120.0)]


def moved(audio: Audio, rate_hz: int = RATE) -> Audio:
    sections = [{"section_s": length, "gain_db": gain, "transition_ms": ms} for length, gain, ms in SECTIONS]
    return LevelRide().apply(audio, rate_hz, {"sections": sections})


def course() -> LevelCourse:
    starts = np.cumsum([0.0, *(length for length, _, _ in SECTIONS[:-1])])
    parts = zip(starts, SECTIONS, strict=True)
    return LevelCourse(sections=tuple((float(s), gain, ms if s else 0.0) for s, (_, gain, ms) in parts), seconds=8.0)


def told(**parameters: float) -> RideLevel:
    plugin = RideLevel(**parameters)
    plugin.analysis = course()
    plugin.keep_analysis()
    return plugin


@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 1), (44_100, 2), (96_000, 3)])
def test_moves_that_are_known_are_taken_back_exactly(rate_hz: int, channels: int) -> None:
    clean = noise(8 * rate_hz, channels)
    np.testing.assert_allclose(told()(moved(clean, rate_hz), rate_hz), clean, rtol=2e-4)


def test_strength_scales_the_correction_in_decibels() -> None:
    audio = np.ones((1, 8 * RATE), dtype=np.float32)
    whole, half = (20 * np.log10(told(strength=strength)(audio, RATE)) for strength in (1.0, 0.5))
    np.testing.assert_allclose(half, whole / 2, atol=1e-5)
    assert whole.max() == pytest.approx(6, abs=1e-4)


def test_sections_at_0_db_leave_bit_identical_and_the_scope_names_the_others() -> None:
    audio = noise(8 * RATE)
    plugin = told()
    is_changed = np.any(plugin(audio, RATE) != audio, axis=0)
    stretches = plugin.scope(RATE).stretches
    assert stretches == ((2 * RATE, round(5.62 * RATE)),)
    assert not is_changed[: stretches[0][0]].any()
    assert not is_changed[stretches[0][1] :].any()
    assert is_changed[round(2.1 * RATE) : round(3.5 * RATE)].mean() > 0.99


@settings(max_examples=12, deadline=None)
@given(sizes=st.lists(st.integers(1, 70_000), min_size=1, max_size=3), channels=st.integers(1, 3))
def test_the_block_size_does_not_matter(sizes: list[int], channels: int) -> None:
    plugin = told()
    audio = noise(7 * RATE + 77, channels)
    pieces = [plugin.process(block, RATE, reset=False) for block in cut(audio, sizes)]
    np.testing.assert_array_equal(np.concatenate([*pieces, plugin.flush()], axis=1), plugin(audio, RATE))


def test_no_strength_is_no_change() -> None:
    audio = noise(8 * RATE)
    np.testing.assert_array_equal(told(strength=0)(audio, RATE), audio)


def test_it_is_saved_with_what_it_found() -> None:
    plugin = told(strength=0.7)
    again = RideLevel.from_dict(plugin.to_dict())
    assert again.analysis == plugin.analysis
    np.testing.assert_array_equal(again(noise(RATE * 4), RATE), plugin(noise(RATE * 4), RATE))


def test_a_longer_file_goes_on_as_the_course_ended() -> None:
    audio = noise(10 * RATE)
    plugin = RideLevel()
    plugin.analysis = LevelCourse(sections=((0.0, 0.0, 0.0), (1.0, 6.0, 50.0)), seconds=2.0)
    plugin.keep_analysis()
    np.testing.assert_allclose(plugin(audio, RATE)[:, 2 * RATE :], audio[:, 2 * RATE :] / 10**0.3, rtol=1e-5)


def test_notes_say_what_was_moved() -> None:
    assert told().notes() == ["3 jumps of the level evened out: sections moved by -4.0 to +6.0 dB"]
    assert told(strength=0.5).notes() == ["3 jumps of the level evened out: sections moved by -2.0 to +3.0 dB"]
    plugin = RideLevel()
    assert plugin.notes() == []
    plugin(noise(RATE), RATE)
    assert plugin.notes() == ["no jump of the level that is surely not the music's own: left alone"]


def test_it_finds_the_moves_by_itself() -> None:
    clean = np.tile(mix(4, RATE), (1, 5))
    sections = [{"section_s": 4.7, "gain_db": gain_db, "transition_ms": 60.0} for gain_db in (0.0, -7.0, 0.0, 6.0, 6.0)]
    ridden = LevelRide().apply(clean, RATE, {"sections": sections})
    gains_db = 20 * np.log10(np.abs(RideLevel()(ridden, RATE)).mean(axis=0) / np.abs(clean).mean(axis=0))
    before_db = 20 * np.log10(np.abs(ridden).mean(axis=0) / np.abs(clean).mean(axis=0))
    assert np.std(before_db) > 4
    assert np.std(gains_db) < 1


@pytest.mark.parametrize("audio", [np.zeros((2, 3 * RATE), dtype=np.float32), noise(1), noise(0)])
def test_what_has_no_level_leaves_bit_identical(audio: Audio) -> None:
    np.testing.assert_array_equal(RideLevel(certainty=0)(audio, RATE), audio)
