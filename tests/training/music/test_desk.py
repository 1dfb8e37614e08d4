"""The mixing desk: levels and sends do what they say."""

from dataclasses import replace

import numpy as np
import pytest

from rebounce.engine.audio import Audio
from rebounce.training.music.composition import compose
from rebounce.training.music.desk import brightness_curve, ride, stem, strip
from rebounce.training.music.score import Score
from rebounce.training.music.style import Form
from rebounce.training.music.styles import STYLES
from rebounce.training.music.taste import plain_taste

RATE = 44_100


@pytest.fixture(scope="module")
def score() -> Score:
    whole = Form(opening=("intro",), cycle=("verse", "chorus", "break"), closing=("chorus",))
    style = replace(STYLES["pop"], forms=(whole,))
    return replace(compose(style, 24.0, np.random.default_rng(0)), taste=plain_taste(style))


def steady(seconds: float = 24.0) -> Audio:
    wave = 0.3 * np.sin(2 * np.pi * 600 * np.arange(round(seconds * RATE)) / RATE)
    return np.stack([wave, wave]).astype(np.float32)


def level_db(audio: Audio) -> float:
    return float(10 * np.log10(np.mean(audio.astype(np.float64) ** 2)))


def test_a_part_gets_its_balance_and_the_level_of_each_section(score: Score) -> None:
    ridden = ride("keys", steady(), score, RATE)
    for section in score.sections:
        start, end = score.time_s(section.first_bar, 0), score.time_s(section.first_bar + section.bars, 0)
        asked = score.style.scenes[section.name].levels_db["keys"] + score.style.balance_db["keys"]
        assert level_db(ridden[:, round(start * RATE) : round((end - 0.2) * RATE)]) == pytest.approx(asked, abs=0.1)


def test_a_piece_with_half_the_dynamics_differs_half_as_much_between_sections(score: Score) -> None:
    ridden = ride("keys", steady(), replace(score, taste=replace(score.taste, dynamics=0.5)), RATE)
    spans = {section.name: (section.first_bar, section.first_bar + section.bars) for section in score.sections}
    levels = {
        name: level_db(ridden[:, round(score.time_s(first, 0) * RATE) : round((score.time_s(end, 0) - 0.2) * RATE)])
        for name, (first, end) in spans.items()
    }
    written = score.style.scenes
    for name, level in levels.items():
        difference = written["chorus"].levels_db["keys"] - written[name].levels_db["keys"]
        assert levels["chorus"] - level == pytest.approx(0.5 * difference, abs=0.15)


def test_silence_stays_silence(score: Score) -> None:
    silence = np.zeros((2, RATE), dtype=np.float32)
    assert not np.any(ride("lead", silence, score, RATE))
    assert not np.any(stem({"lead": silence}, score, RATE))


def test_a_part_leans_to_the_side_it_is_panned_to_and_keeps_its_power(score: Score) -> None:
    sound = steady(2.0)
    straight = strip("keys", sound, score, RATE).dry
    leaning = strip("keys", sound, replace(score, taste=replace(score.taste, pans={"keys": 0.5})), RATE).dry
    assert level_db(leaning[1:]) > level_db(leaning[:1]) + 6
    assert level_db(leaning) == pytest.approx(level_db(straight), abs=0.01)


def test_an_amplifier_adds_harmonics_and_its_loudspeaker_takes_the_top_away() -> None:
    rock = compose(STYLES["rock"], 24.0, np.random.default_rng(0))
    driven = strip("keys", steady(2.0), replace(rock, taste=plain_taste(rock.style)), RATE).dry
    level = np.abs(np.fft.rfft(driven[0].astype(np.float64) * np.hanning(driven.shape[1])))

    def at(hz: float) -> float:
        return float(20 * np.log10(level[round(2 * hz) - 3 : round(2 * hz) + 4].max()))

    assert at(600) - at(1_800) < 15
    assert at(600) - at(15_000) > 55


def test_brightness_moves_through_each_section(score: Score) -> None:
    curve = brightness_curve(score, 24 * RATE, RATE)
    for section in score.sections:
        start, end = score.time_s(section.first_bar, 0), score.time_s(section.first_bar + section.bars, 0)
        first, last = score.style.scenes[section.name].brightness_octaves
        assert curve[round(start * RATE) + 10] == pytest.approx(first, abs=0.01)
        assert curve[round((end - 0.051) * RATE)] == pytest.approx(last, abs=0.01)


def test_the_kick_ducks_the_bass_and_lets_it_back(score: Score) -> None:
    ducked = strip("bass", steady(), score, RATE).dry
    kicks = sorted(hit.start_s for hit in score.hits if hit.drum == "kick")
    lonely = [at for at, after in zip(kicks, [*kicks[1:], 24.0], strict=True) if after - at > 0.5][1]

    def level_at(seconds: float) -> float:
        return level_db(ducked[:, round(seconds * RATE) : round((seconds + 0.01) * RATE)])

    assert level_at(lonely + 0.4) - level_at(lonely + 0.005) == pytest.approx(4.0, abs=1.3)


def test_the_echo_comes_in_time(score: Score) -> None:
    pulse = np.zeros((2, 4 * RATE), dtype=np.float32)
    pulse[:, RATE // 2 : RATE // 2 + 20] = 0.5
    wet = stem({"lead": pulse}, score, RATE)
    for channel, beats in ((0, 0.75), (1, 1.0)):
        due = RATE // 2 + round(beats * score.beat_s * RATE)
        around = np.abs(wet[channel, due - 3_000 : due + 3_000])
        assert abs(int(np.argmax(around)) - 3_000) < 60
