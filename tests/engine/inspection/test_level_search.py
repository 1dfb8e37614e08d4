"""Jumps are proposed where one of them is certain, and the level that lasts longest stays."""

import numpy as np
import pytest
from signals import noise
from synthetic_music import mix

from rebounce.engine.audio import Audio
from rebounce.engine.inspection.level_search import search_level
from rebounce.training.faults.level_ride import LevelRide
from rebounce.training.music import make_mix

RATE = 44_100


def ridden(audio: Audio, *gains_db: float) -> Audio:
    sections = [{"section_s": 4.7, "gain_db": gain_db, "transition_ms": 60.0} for gain_db in gains_db]
    return LevelRide().apply(audio, RATE, {"sections": sections})


@pytest.fixture(scope="module")
def music() -> Audio:
    return np.tile(mix(4, RATE), (1, 5))


def test_sections_come_back_with_their_gains_and_the_longest_lasting_level_is_0_db(music: Audio) -> None:
    sighting = search_level([ridden(music, 2, -5, 2, 2)], RATE)
    starts_s, gains_db, transitions_ms = zip(*sighting.course.sections, strict=True)
    assert starts_s == pytest.approx((0, 4.7, 9.4), abs=0.2)
    assert gains_db == pytest.approx((0, -7, 0), abs=1)
    assert gains_db.count(0.0) == 1
    assert transitions_ms == (0, 150, 150)
    assert sighting.course.seconds == 20
    assert sighting.likelihood > 0.963


def test_a_fade_near_a_certain_jump_is_not_ridden() -> None:
    rate_hz, jump_s, fade_s = 22_050, 8.0, (11.0, 15.0)
    audio = make_mix(10, 24.0, rate_hz).audio
    times_s = np.arange(audio.shape[1]) / rate_hz
    level_db = np.where(times_s < jump_s, 0, -9) + np.interp(times_s, fade_s, (0, -14))
    sighting = search_level([(audio * 10 ** (level_db / 20)).astype(np.float32)], rate_hz)
    starts_s, gains_db, _ = zip(*sighting.course.sections, strict=True)
    assert starts_s == pytest.approx((0, jump_s), abs=0.2)
    assert gains_db[1] - gains_db[0] == pytest.approx(-9, abs=1)


def test_what_is_not_certain_enough_is_named_but_not_proposed(music: Audio) -> None:
    audio = ridden(music, 0, -7, 0, 0)
    likelihood = search_level([audio], RATE).likelihood
    above, below = (search_level([audio], RATE, certainty) for certainty in (likelihood + 1e-9, likelihood - 1e-9))
    assert not above.course.is_ridden
    assert below.course.is_ridden
    assert above.suspected_db == below.suspected_db
    assert abs(above.suspected_db or 0) == pytest.approx(7, abs=1.5)
    assert min(abs((above.suspected_at_s or 0) - place_s) for place_s in (4.7, 9.4)) < 0.2


def test_jumps_far_from_a_certain_one_do_not_count(music: Audio) -> None:
    """Two certain jumps at the start; whatever is found a minute later, in noise, is not theirs."""
    calm = np.concatenate([ridden(music, 0, -7, 0, 0), np.tile(noise(5 * RATE, level=0.05), (1, 12))], axis=1)
    starts_s = [section[0] for section in search_level([calm], RATE).course.sections]
    assert len(starts_s) > 2
    assert max(starts_s) < 34


def odds_of(audio: Audio) -> float:
    likelihood = search_level([audio], RATE).likelihood
    return likelihood / (1 - likelihood)


@pytest.mark.parametrize("times", [3, 9])
def test_the_odds_of_a_jump_fall_with_the_length_of_the_file(music: Audio, times: int) -> None:
    """Two jumps that are as likely share the chances; and 20 s are no more than what was counted."""
    short, calm = ridden(music, 0, -7, 0, 0), noise(20 * RATE, level=0.05)
    ratio = odds_of(short) / odds_of(np.concatenate([short, *(times - 1) * [calm]], axis=1))
    assert times / 2.5 < ratio < times * 1.25


@pytest.mark.parametrize("audio", [noise(0), noise(1), noise(RATE), np.zeros((1, 9 * RATE), dtype=np.float32)])
def test_what_is_short_or_silent_has_no_jumps(audio: Audio) -> None:
    sighting = search_level([audio], RATE)
    assert not sighting.course.is_ridden
    assert sighting.likelihood == 0
    assert sighting.suspected_db is None
