"""The gain in front of a limiter: it is found within the tolerance, and never at the price of the budget."""

from functools import cache

import numpy as np
import pytest
from signals import tone

from rebounce.engine.audio import Audio
from rebounce.engine.loudness import LoudnessMeter
from rebounce.engine.loudness_search import Goal, Trial, find_gain, try_gain
from rebounce.engine.true_peak import TruePeakMeter
from rebounce.training.music import make_mix
from rebounce.training.music.bus import Bus

RATE = 44_100


@cache
def programme(seed: int) -> Audio:
    """A mix with its dynamics, which a mastered one has no more."""
    return make_mix(seed, 5.0, RATE, style="pop", bus=Bus()).audio


def levels(audio: Audio) -> tuple[float, float]:
    loudness, peaks = LoudnessMeter(RATE, audio.shape[0]), TruePeakMeter(audio.shape[0])
    loudness.add(audio)
    peaks.add(audio)
    lufs, dbtp = loudness.integrated_lufs(), peaks.dbtp()
    assert lufs is not None
    assert dbtp is not None
    return lufs, dbtp


def found(audio: Audio, goal: Goal) -> Trial:
    lufs, dbtp = levels(audio)
    return find_gain([audio], RATE, goal, lufs=lufs, true_peak_dbtp=dbtp)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("over_db", [0.7, 1.5, 4.0])
def test_the_loudness_is_reached_although_limiting_costs_some(seed: int, over_db: float) -> None:
    lufs, dbtp = levels(programme(seed))
    goal = Goal(lufs=lufs - 1 - dbtp + over_db, ceiling_dbtp=-1.0, budget_db=12.0)
    trial = found(programme(seed), goal)
    assert trial.lufs == pytest.approx(goal.lufs, abs=0.1)
    assert trial.gain_db >= goal.lufs - lufs


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("budget_db", [0.5, 3.0, 6.0])
def test_the_budget_is_used_up_and_not_passed(seed: int, budget_db: float) -> None:
    trial = found(programme(seed), Goal(lufs=-3.0, ceiling_dbtp=-1.0, budget_db=budget_db))
    assert budget_db - 0.1 < trial.limiting_db <= budget_db
    assert trial.lufs < -3.0


def test_peaks_between_the_metered_points_do_not_pass_the_budget() -> None:
    """A tone near half the rate: a 4x grid misses its crests, so the limiter finds more than was reckoned with."""
    slow = np.sin(np.pi * np.arange(RATE) / RATE).astype(np.float32)
    trial = found(tone(18_900, RATE, RATE, 0.5) * slow, Goal(lufs=-1.0, ceiling_dbtp=-3.0, budget_db=2.0))
    assert trial.limiting_db <= 2.0


def test_a_trial_measures_what_the_limiter_lets_through() -> None:
    audio = programme(0)
    lufs, dbtp = levels(audio)
    clear = try_gain([audio], RATE, -2.0 - dbtp, -1.0)
    assert clear.limiting_db == 0
    assert clear.lufs == pytest.approx(lufs - 2 - dbtp, abs=1e-4)
    over = try_gain([audio[:, :100_000], audio[:, 100_000:]], RATE, 2.0 - dbtp, -1.0)
    assert over.limiting_db == pytest.approx(3.05, abs=0.05)
    assert over.lufs < lufs + 2.0 - dbtp
