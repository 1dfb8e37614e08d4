import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise
from synthetic_music import mix

from rebounce.engine.audio import Audio
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.gain import Gain
from rebounce.training.scores.registry import SCORES
from rebounce.training.scores.summary import MEASURES, Outcome, Values, repair_of, summarise

NAMES = [measure.score for measure in MEASURES]
PERFECT: Values = {"snr_db": 120.0, "log_spectral_distance_db": 0.0, "mel_distance_db": 0.0}


def values(snr_db: float, log_spectral_db: float, mel_db: float) -> dict[str, float | None]:
    return dict(zip(NAMES, (snr_db, log_spectral_db, mel_db), strict=True))


def outcome(damaged: Values, restored: Values, fault: str = "eq") -> Outcome:
    return Outcome(fault=fault, damaged=damaged, restored=restored)


def scored(clean: Audio, other: Audio) -> Values:
    return {name: SCORES[name].function(clean, other, 44_100) for name in NAMES}


any_values = st.builds(values, st.floats(-120, 120), st.floats(0, 100), st.floats(0, 100))
damaged_values = st.builds(values, st.floats(-20, 49), st.floats(0.6, 60), st.floats(0.6, 60))


@given(damaged=any_values)
def test_doing_nothing_scores_exactly_0(damaged: Values) -> None:
    repair = repair_of(outcome(damaged, damaged))
    assert repair.score == 0
    assert set(repair.shares.values()) == {0}


@given(damaged=damaged_values)
def test_a_perfect_repair_scores_exactly_1(damaged: Values) -> None:
    repair = repair_of(outcome(damaged, PERFECT))
    assert repair.score == 1
    assert set(repair.shares.values()) == {1}


@given(damaged=any_values, restored=any_values)
def test_no_score_leaves_minus_1_to_1(damaged: Values, restored: Values) -> None:
    score = repair_of(outcome(damaged, restored)).score
    assert score is not None
    assert -1 <= score <= 1


@given(damaged=any_values, restored=any_values, closer=any_values)
@settings(max_examples=300)
def test_closer_in_any_measure_never_lowers_a_score(damaged: Values, restored: Values, closer: Values) -> None:
    best: Values = {
        "snr_db": max(restored["snr_db"] or 0, closer["snr_db"] or 0),
        **{name: min(restored[name] or 0, closer[name] or 0) for name in NAMES[1:]},
    }
    assert (repair_of(outcome(damaged, best)).score or 0) >= (repair_of(outcome(damaged, restored)).score or 0) - 1e-12


@pytest.mark.parametrize(("before", "after", "share"), [(8, 4, 0.5), (8, 2, 0.75), (4, 8, -0.5), (2, 8, -0.75)])
def test_a_share_is_what_is_gone_and_harm_mirrors_it(before: float, after: float, share: float) -> None:
    repair = repair_of(outcome(values(120, before, 0), values(120, after, 0)))
    assert repair.shares["log_spectral_distance_db"] == share
    assert repair.score == share


def test_6_db_of_snr_are_half_of_the_residual() -> None:
    repair = repair_of(outcome(values(10, 0, 0), values(10 + 20 * np.log10(2), 0, 0)))
    assert repair.score == pytest.approx(0.5)


def test_a_measure_that_does_not_see_the_damage_can_only_take_away() -> None:
    damaged = values(10, 0.1, 0.1)
    assert repair_of(outcome(damaged, PERFECT)).score == 1
    assert repair_of(outcome(damaged, values(120, 0.5, 0.5))).score == 1
    assert repair_of(outcome(damaged, values(120, 1.0, 0.1))).score == pytest.approx(0.5)


def test_harming_what_was_clean_is_below_0_and_has_a_row_of_its_own() -> None:
    clean = outcome(PERFECT, PERFECT, "gain")
    harmed = replace(clean, restored=values(25, 1, 1))
    repaired = outcome(values(10, 4, 4), PERFECT)
    untouched, worse = summarise([clean, repaired]), summarise([harmed, repaired])
    assert untouched.clean is not None
    assert worse.clean is not None
    assert untouched.clean.score == 0
    assert worse.clean.score == pytest.approx(-(0.5 + 0.5 + 1 - 10 ** (-25 / 20)) / 3)
    assert [row.fault for row in worse.faults] == ["eq"]
    assert untouched.average_score == worse.average_score == 1


def test_what_the_restorer_lost_is_the_worst_and_what_the_damage_lost_does_not_count() -> None:
    nothing: Values = dict.fromkeys(NAMES)
    assert repair_of(outcome(values(10, 4, 4), nothing)).score == -1
    assert repair_of(outcome(nothing, values(10, 4, 4))).score is None
    summary = summarise([outcome(nothing, nothing)])
    assert (summary.undefined, summary.faults, summary.average_score) == (1, (), None)


def faults_scoring(*scores: float) -> list[Outcome]:
    """One fault for each, of which that share is gone."""
    return [
        outcome(values(120, 8, 0), values(120, 8 * (1 - score), 0), f"fault {place}")
        for place, score in enumerate(scores)
    ]


def test_the_average_the_spread_and_the_index_are_those_of_the_docs() -> None:
    summary = summarise(faults_scoring(0.9, 0.7, 0.2))
    assert [row.score for row in summary.faults] == pytest.approx([0.9, 0.7, 0.2])
    assert summary.average_score == pytest.approx(0.6)
    assert summary.spread == pytest.approx(np.std([0.9, 0.7, 0.2]))
    assert summary.robustness_index == pytest.approx((0.7 + 0.2) / 2)


@given(scores=st.lists(st.floats(0, 1), min_size=1, max_size=8), place=st.integers(0, 7), more=st.floats(0, 1))
def test_a_better_fault_never_lowers_the_index(scores: list[float], place: int, more: float) -> None:
    better = list(scores)
    better[place % len(scores)] = max(better[place % len(scores)], more)
    before, after = (summarise(faults_scoring(*given)).robustness_index for given in (scores, better))
    assert before is not None
    assert after is not None
    assert after >= before - 1e-12


@given(scores=st.permutations([0.9, 0.1, 0.35, 0.35, 0.6]))
@settings(max_examples=10)
def test_the_order_of_the_items_does_not_matter(scores: list[float]) -> None:
    items = dict(zip((0.9, 0.1, 0.35, 0.35, 0.6), faults_scoring(0.9, 0.1, 0.35, 0.35, 0.6), strict=True))
    expected = summarise([items[score] for score in (0.9, 0.1, 0.35, 0.6)])
    assert summarise([items[score] for score in dict.fromkeys(scores)]) == expected


def test_a_fault_with_many_items_weighs_as_much_as_one_with_few() -> None:
    good, bad = faults_scoring(1.0, 0.0)
    assert summarise([good] * 50 + [bad]).average_score == 0.5


def test_on_audio_the_ends_of_the_scale_are_reached_exactly() -> None:
    clean = mix(1, 44_100)
    damaged = apply_fault(Gain(), clean, 44_100, {"gain_db": -3.0})
    before = scored(clean, damaged)
    assert repair_of(outcome(before, before)).score == 0
    assert repair_of(outcome(before, scored(clean, clean.copy()))).score == 1
    assert repair_of(outcome(scored(clean, clean), scored(clean, damaged))).score == pytest.approx(-0.9, abs=0.1)


def test_a_silent_or_noisy_answer_does_not_pay_on_audio() -> None:
    clean = mix(1, 44_100)
    damaged = clean + noise(clean.shape[1], level=0.02)
    before = scored(clean, damaged)
    for answer in (np.zeros_like(clean), noise(clean.shape[1], seed=8, level=0.2), -damaged, damaged * np.float32(0.2)):
        score = repair_of(outcome(before, scored(clean, answer))).score
        assert score is not None
        assert score < 0


def test_the_data_hold_every_part_and_are_json() -> None:
    data = json.loads(json.dumps(summarise([*faults_scoring(0.5, 0.25), outcome(PERFECT, PERFECT)]).to_data()))
    assert data["average_score"] == 0.375
    assert [row["fault"] for row in data["faults"]] == ["fault 0", "fault 1"]
    assert set(data["faults"][0]["shares"]) == set(NAMES)
    assert data["clean"]["items"] == 1
