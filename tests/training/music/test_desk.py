"""The mixing desk: levels, sends and the bus do what they say."""

from dataclasses import replace

import numpy as np
import pytest

from rebounce.engine.audio import Audio
from rebounce.training.music.desk import PEAK_DBFS, brightness_curve, ride, strip, through_bus
from rebounce.training.music.score import Score, compose
from rebounce.training.music.styles import STYLES

RATE = 44_100


@pytest.fixture(scope="module")
def score() -> Score:
    written = compose(STYLES["pop"], 24.0, np.random.default_rng(0))
    return replace(written, balance_db=dict(STYLES["pop"].balance_db))


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


def test_silence_stays_silence(score: Score) -> None:
    silence = np.zeros((2, RATE), dtype=np.float32)
    assert not np.any(ride("lead", silence, score, RATE))
    assert not np.any(through_bus(silence, RATE))


def test_brightness_moves_through_each_section(score: Score) -> None:
    curve = brightness_curve(score, 24 * RATE, RATE)
    for section in score.sections:
        start, end = score.time_s(section.first_bar, 0), score.time_s(section.first_bar + section.bars, 0)
        first, last = score.style.scenes[section.name].brightness_octaves
        assert curve[round(start * RATE) + 10] == pytest.approx(first, abs=0.01)
        assert curve[round((end - 0.051) * RATE)] == pytest.approx(last, abs=0.01)


def test_the_kick_ducks_the_bass_and_lets_it_back(score: Score) -> None:
    ducked = strip("bass", steady(), score, RATE)
    kicks = sorted(hit.start_s for hit in score.hits if hit.drum == "kick")
    lonely = [at for at, after in zip(kicks, [*kicks[1:], 24.0], strict=True) if after - at > 0.5][1]

    def level_at(seconds: float) -> float:
        return level_db(ducked[:, round(seconds * RATE) : round((seconds + 0.01) * RATE)])

    assert level_at(lonely + 0.4) - level_at(lonely + 0.005) == pytest.approx(4.0, abs=1.3)


def test_the_echo_comes_in_time(score: Score) -> None:
    pulse = np.zeros((2, 4 * RATE), dtype=np.float32)
    pulse[:, RATE // 2 : RATE // 2 + 20] = 0.5
    wet = strip("lead", pulse, score, RATE)
    for channel, beats in ((0, 0.75), (1, 1.0)):
        due = RATE // 2 + round(beats * score.beat_s * RATE)
        around = np.abs(wet[channel, due - 3_000 : due + 3_000])
        assert abs(int(np.argmax(around)) - 3_000) < 60


@pytest.mark.parametrize("level", [0.001, 0.1, 3.0])
def test_the_bus_ends_at_its_peak_whatever_comes_in(level: float) -> None:
    noise = (level * np.random.default_rng(0).standard_normal((2, 3 * RATE))).astype(np.float32)
    assert 20 * np.log10(np.abs(through_bus(noise, RATE)).max()) == pytest.approx(PEAK_DBFS, abs=1e-3)
