"""The last stage in numbers: loudness, peaks, the limiter's budget, and what is left alone."""

from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.errors import ChainError, NotAnalysed, UnsupportedAudio
from rebounce.engine.finish import PROFILES, Finish
from rebounce.engine.loudness import LoudnessMeter
from rebounce.engine.true_peak import TruePeakMeter
from rebounce.training.music import make_mix

RATE = 44_100


@cache
def programme(seed: int) -> Audio:
    return make_mix(seed, 5.0, RATE).audio


def lufs_of(audio: Audio, rate: int = RATE) -> float:
    meter = LoudnessMeter(rate, audio.shape[0])
    meter.add(audio)
    read = meter.integrated_lufs()
    assert read is not None
    return read


def true_peak_of(audio: Audio) -> float:
    meter = TruePeakMeter(audio.shape[0])
    meter.add(audio)
    read = meter.dbtp()
    assert read is not None
    return read


def decibels(factor: float) -> float:
    return float(20 * np.log10(factor))


def lufs_with_peaks_over(audio: Audio, over_db: float) -> float:
    """The loudness target at which plain gain would lift the true peak this far over -1 dBTP."""
    return lufs_of(audio) - true_peak_of(audio) - 1 + over_db


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("level", [0.01, 0.2])
def test_each_profile_reaches_its_loudness(profile: str, level: float) -> None:
    """A tone has so little above its loudness that no profile needs the limiter."""
    result = Finish(profile=profile)(tone(1000, 3 * RATE, level=level), RATE)
    assert lufs_of(result) == pytest.approx(PROFILES[profile].lufs, abs=0.1)
    assert true_peak_of(result) <= PROFILES[profile].ceiling_dbtp


@pytest.mark.parametrize("seed", range(3))
def test_a_loudness_within_the_budget_is_reached_under_the_ceiling(seed: int) -> None:
    target = lufs_with_peaks_over(programme(seed), 1.8)
    finish = Finish(level_db=target)
    result = finish(programme(seed), RATE)
    assert lufs_of(result) == pytest.approx(target, abs=0.1)
    assert -1.1 <= true_peak_of(result) <= -1.0
    assert finish.analysis is not None
    assert finish.analysis.reached
    assert finish.analysis.lufs_after == pytest.approx(lufs_of(result), abs=1e-6)
    assert 1.8 < finish.analysis.limiting_db < 3.0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("budget_db", [0.0, 1.0, 3.0])
def test_past_the_budget_the_target_is_missed_and_the_note_says_by_how_much(seed: int, budget_db: float) -> None:
    target = lufs_with_peaks_over(programme(seed), 8.0)
    finish = Finish(level_db=target, limiter_budget_db=budget_db)
    result = finish(programme(seed), RATE)
    analysis = finish.analysis
    assert analysis is not None
    assert analysis.reached is False
    assert budget_db - 0.1 <= analysis.limiting_db <= budget_db
    assert true_peak_of(result) <= -1.0 + 1e-4
    missing = target - lufs_of(result)
    assert missing > 4
    assert f"{missing:.1f} LU short of {target:.1f} LUFS" in finish.notes()[0]
    assert f"no more than {budget_db:g} dB" in finish.notes()[0]


def test_too_loud_is_plain_gain() -> None:
    audio = programme(1)
    finish = Finish(profile="broadcast")
    result = finish(audio, RATE)
    assert finish.analysis is not None
    assert finish.analysis.gain_db == pytest.approx(-23 - lufs_of(audio))
    assert np.array_equal(result, audio * np.float32(10 ** (finish.analysis.gain_db / 20)))
    assert finish.notes() == [f"turned down by {-finish.analysis.gain_db:.1f} dB to -23.0 LUFS"]


@pytest.mark.parametrize("target", ["peak", "true_peak"])
@pytest.mark.parametrize("level_db", [-12.0, -0.1])
def test_a_peak_target_is_met_by_plain_gain(target: str, level_db: float) -> None:
    audio = programme(2)
    finish = Finish(target=target, level_db=level_db)
    result = finish(audio, RATE)
    assert finish.analysis is not None
    assert finish.analysis.limiting_db == 0
    read = decibels(np.abs(result).max()) if target == "peak" else true_peak_of(result)
    assert read == pytest.approx(level_db, abs=0.001)


def test_a_file_that_is_where_it_should_be_is_bit_identical() -> None:
    audio = tone(1000, 3 * RATE, level=0.3)
    finish = Finish(level_db=lufs_of(audio) + 0.04)
    assert np.array_equal(finish(audio, RATE), audio)
    assert finish.notes()[0].endswith("already: left alone")


@pytest.mark.parametrize("over_db", [-3.0, 1.5])
def test_finishing_twice_changes_nothing_more(over_db: float) -> None:
    target = lufs_with_peaks_over(programme(0), over_db)
    once = Finish(level_db=target)(programme(0), RATE)
    assert np.array_equal(Finish(level_db=target)(once, RATE), once)


@pytest.mark.parametrize("target", ["lufs", "peak", "true_peak"])
@pytest.mark.parametrize("frames", [0, 1, 60_000])
def test_silence_is_left_alone(target: str, frames: int) -> None:
    finish, silence = Finish(target=target), np.zeros((2, frames), np.float32)
    assert np.array_equal(finish(silence, RATE), silence)
    assert finish.notes() == ["silence: left alone"]


def test_what_is_too_short_for_a_loudness_is_left_alone() -> None:
    finish, short = Finish(), noise(10_000)
    assert np.array_equal(finish(short, RATE), short)
    assert "shorter than 0.4 s" in finish.notes()[0]


@pytest.mark.parametrize("channels", [3, 4, 5, 7])
def test_a_loudness_of_unknown_channels_is_refused(channels: int) -> None:
    with pytest.raises(UnsupportedAudio, match=rf"expected 1, 2 or 6 channels for a loudness target, got {channels}"):
        Finish()(noise(1000, channels), RATE)
    assert true_peak_of(Finish(target="true_peak")(noise(1000, channels), RATE)) == pytest.approx(-1, abs=0.001)


@pytest.mark.parametrize("channels", [1, 6])
def test_mono_and_surround_are_finished_too(channels: int) -> None:
    result = Finish()(np.repeat(programme(0)[:1], channels, axis=0), RATE)
    assert result.shape[0] == channels
    assert true_peak_of(result) <= -1.0
    assert lufs_of(result) <= -13.9


def test_a_generator_is_walked_once_and_the_note_says_what_that_costs() -> None:
    audio = programme(0)
    finish = Finish(level_db=lufs_with_peaks_over(audio, 2.0))
    finish.analyse(cut(audio, [10_000]), RATE)
    assert finish.analysis is not None
    assert finish.analysis.lufs_after is None
    assert finish.analysis.limiting_db == pytest.approx(2.05, abs=1e-6)
    assert "walked only once" in finish.notes()[0]
    result = finish(audio, RATE)
    assert true_peak_of(result) <= -1.0
    assert lufs_of(result) == pytest.approx(finish.goal_db, abs=0.6)


@pytest.mark.parametrize("strength", [0.25, 0.5])
def test_strength_scales_the_gain_in_db(strength: float) -> None:
    audio = programme(1)
    finish = Finish(level_db=lufs_with_peaks_over(audio, 2.0))
    finish.analyse([audio], RATE)
    assert finish.analysis is not None
    whole_db = finish.analysis.gain_db
    finish.strength = strength
    part = finish(audio, RATE)
    untouched = np.isclose(part, audio * 10 ** (strength * whole_db / 20), rtol=1e-5).all(axis=0)
    assert untouched.mean() > 0.9
    assert true_peak_of(part) == pytest.approx(min(-1.0, true_peak_of(audio) + strength * whole_db), abs=0.1)
    assert f"{100 * strength:.0f}% of the way" in finish.notes()[0]


def test_at_strength_0_nothing_changes() -> None:
    assert np.array_equal(Finish(strength=0)(programme(1), RATE), programme(1))


def test_at_part_strength_peaks_over_the_ceiling_come_down_part_of_the_way() -> None:
    audio = programme(0) * np.float32(10 ** ((1.0 - true_peak_of(programme(0))) / 20))
    finish = Finish(level_db=lufs_of(audio), strength=0.5)
    assert true_peak_of(finish(audio, RATE)) == pytest.approx(0.0, abs=0.1)


@given(
    sizes=st.lists(st.integers(1, 40_000), min_size=1, max_size=4),
    frames=st.integers(18_000, 60_000),
    channels=st.sampled_from([1, 2, 6]),
)
@example(sizes=[1_000], frames=27_212, channels=2)  # a peak that the limiter reads, and the meter does not
@settings(max_examples=10, deadline=None)
def test_the_output_does_not_depend_on_the_blocks(sizes: list[int], frames: int, channels: int) -> None:
    audio = noise(frames, channels, frames)
    whole, streamed = Finish(profile="loud"), Finish(profile="loud")
    expected = whole(audio, RATE)
    streamed.analyse(list(cut(audio, sizes)), RATE)
    assert streamed.analysis == whole.analysis
    pieces = [streamed.process(piece, RATE, reset=False) for piece in cut(audio, sizes)]
    assert np.array_equal(np.concatenate([*pieces, streamed.flush()], axis=1), expected)


def test_the_analysis_is_saved_and_used_again() -> None:
    finish = Finish(profile="loud", limiter_budget_db=2.0)
    finish.analyse([programme(2)], RATE)
    again = Finish.from_dict(finish.to_dict())
    assert again.analysis == finish.analysis
    assert np.array_equal(again(programme(2), RATE), finish(programme(2), RATE))


def test_what_is_given_wins_over_the_profile() -> None:
    finish = Finish(profile="film", level_db=-20.0, ceiling_dbtp=-3.0)
    assert (finish.goal_db, finish.goal_ceiling_dbtp) == (-20.0, -3.0)
    assert (Finish(profile="film").goal_db, Finish(profile="film").goal_ceiling_dbtp) == (-27.0, -2.0)
    assert (Finish().goal_db, Finish().goal_ceiling_dbtp) == (-14.0, -1.0)
    assert Finish(target="peak").goal_db == -1.0


def test_a_profile_for_a_peak_is_an_error() -> None:
    with pytest.raises(ChainError, match="profiles are loudness targets"):
        Finish(target="peak", profile="loud")


def test_a_decision_for_another_level_is_made_anew() -> None:
    audio = noise(96_000, level=0.05)
    finish = Finish(level_db=-20)
    finish.analyse([audio], 48_000)
    finish.level_db = -30
    assert np.array_equal(finish(audio, 48_000), Finish(level_db=-30)(audio, 48_000))
    finish.level_db = -25
    with pytest.raises(NotAnalysed):
        finish.process(audio, 48_000, reset=False)


def test_the_ceiling_holds_for_other_audio_than_was_analysed() -> None:
    finish = Finish()
    finish.analyse([noise(96_000, level=0.005)], 48_000)
    assert np.abs(finish(noise(96_000, seed=1, level=0.2), 48_000)).max() <= 10 ** (-1 / 20)
