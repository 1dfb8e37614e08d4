import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise
from synthetic_music import mix

from rebounce.engine.audio import Audio
from rebounce.engine.errors import UsageError
from rebounce.training.faults.fault import apply_fault
from rebounce.training.faults.gain import Gain
from rebounce.training.music import make_mix
from rebounce.training.scores.registry import SCORES
from rebounce.training.scores.summary import MEASURES, NEEDED, Outcome, Values, repair_of, summarise

NAMES = [measure.score for measure in MEASURES]
PERFECT: Values = {"snr_db": 120.0, "log_spectral_distance_db": 0.0, "mel_distance_db": 0.0, "si_sdr_db": 120.0}


def values(snr_db: float, log_spectral_db: float, mel_db: float, si_sdr_db: float = 120.0) -> dict[str, float | None]:
    return dict(zip(NEEDED, (snr_db, log_spectral_db, mel_db, si_sdr_db), strict=True))


def outcome(damaged: Values, restored: Values, fault: str = "eq", track: str = "") -> Outcome:
    return Outcome(fault=fault, damaged=damaged, restored=restored, track=track)


def scored(clean: Audio, other: Audio) -> Values:
    return {name: SCORES[name].function(clean, other, 44_100) for name in NEEDED}


def score_of(clean: Audio, damaged: Audio, answer: Audio) -> float:
    score = repair_of(outcome(scored(clean, damaged), scored(clean, answer))).score
    assert score is not None
    return score


any_values = st.builds(values, st.floats(-120, 120), st.floats(0, 100), st.floats(0, 100), st.floats(-120, 120))
damaged_values = st.builds(values, st.floats(-20, 49), st.floats(0.6, 60), st.floats(0.6, 60), st.floats(-20, 120))


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
        **{name: max(restored[name] or 0, closer[name] or 0) for name in ("snr_db", "si_sdr_db")},
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
    nothing: Values = dict.fromkeys(NEEDED)
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
    assert {name: round(interval.mean or 0, 9) for name, interval in summary.intervals.items()} == {
        "average_score": 0.6,
        "spread": round(float(np.std([0.9, 0.7, 0.2])), 9),
        "robustness_index": 0.45,
    }
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
    for answer in (np.zeros_like(clean), noise(clean.shape[1], seed=8, level=0.2), -damaged, damaged * np.float32(0.2)):
        assert score_of(clean, damaged, answer) < 0


@pytest.mark.parametrize("gain_db", [20.0, 6.5, -20.0])
def test_a_level_however_wrong_pays_for_the_right_gain_and_for_no_other_music(gain_db: float) -> None:
    clean, other = (make_mix(seed, 5, 44_100).audio[:, :60_000] for seed in (3, 8))
    damaged = clean * np.float32(10 ** (gain_db / 20))
    assert score_of(clean, damaged, damaged * np.float32(10 ** (-gain_db / 20))) == pytest.approx(1, abs=1e-3)
    assert score_of(clean, damaged, clean * np.float32(10 ** (gain_db / 40))) > 0.3
    for level in (1.0, 0.5, 0.25, 0.1):
        assert score_of(clean, damaged, other * np.float32(level)) <= 0.1
    assert score_of(clean, damaged, np.zeros_like(clean)) <= 0
    assert score_of(clean, damaged, noise(clean.shape[1], level=0.03)) <= 0


def test_where_noise_drowned_everything_other_music_does_not_pay() -> None:
    clean, other = (make_mix(seed, 5, 44_100).audio[:, :60_000] for seed in (3, 8))
    drowned = clean + noise(clean.shape[1], level=1.0)
    assert score_of(clean, drowned, other) <= 0.1
    assert score_of(clean, drowned, np.zeros_like(clean)) <= 0
    assert score_of(clean, drowned, clean + noise(clean.shape[1], level=0.05)) > 0.4


def test_a_turned_polarity_pays_for_turning_it_back_alone() -> None:
    clean = mix(1, 44_100)
    assert score_of(clean, -clean, clean) == 1
    for answer in (np.zeros_like(clean), -clean * np.float32(0.5), -clean * np.float32(0.99)):
        assert score_of(clean, -clean, answer) <= 0


def test_beyond_silence_nothing_is_gained_and_harm_is_harm() -> None:
    """At -6 dB the residual is twice the clean audio, at -12 dB four times."""
    residual = 20 * np.log10(2)
    shares = [
        repair_of(outcome(values(before, 4, 4), values(after, 4, 4))).shares["snr_db"]
        for before, after in ((-2 * residual, -residual), (-residual, 0), (-residual, residual), (0, -residual))
    ]
    assert shares == pytest.approx([0, 0, 0.5, -0.5])


@pytest.mark.parametrize(("si_sdr_db", "most"), [(-120, 0), (-20, 1 / 101), (0, 1 / 2), (10, 10 / 11), (120, 1)])
def test_no_score_is_higher_than_the_share_that_is_the_clean_audio(si_sdr_db: float, most: float) -> None:
    """At 0 dB half of the energy is the clean audio, at -20 dB 1 part in 101."""
    assert repair_of(outcome(values(10, 4, 4, 120), values(120, 0, 0, si_sdr_db))).score == pytest.approx(
        most, abs=1e-4
    )
    assert repair_of(outcome(values(10, 4, 4, 120), values(8, 5, 5, si_sdr_db))).score == pytest.approx(-0.2, abs=0.01)


def test_that_share_is_the_square_of_the_correlation() -> None:
    clean = mix(1, 44_100)
    answer = clean * np.float32(0.3) + noise(clean.shape[1], level=0.1)
    found = repair_of(
        outcome(values(0, 80, 80), {**values(120, 0, 0), "si_sdr_db": scored(clean, answer)["si_sdr_db"]})
    )
    correlation = (clean * answer).sum() / np.sqrt((clean**2).sum() * (answer**2).sum())
    assert found.score == pytest.approx(float(correlation) ** 2, rel=1e-3)


@pytest.mark.parametrize("side", ["damaged", "restored"])
@pytest.mark.parametrize(
    ("score", "value"),
    [
        ("snr_db", float("nan")),
        ("si_sdr_db", float("-inf")),
        ("mel_distance_db", float("inf")),
        ("mel_distance_db", -0.1),
    ],
)
def test_what_is_no_number_or_no_distance_is_refused(side: str, score: str, value: float) -> None:
    given = {"damaged": dict(PERFECT), "restored": dict(PERFECT)}
    given[side][score] = value
    with pytest.raises(UsageError, match=f"eq, {side}: expected a number .*as {score}.* found {value}"):
        outcome(given["damaged"], given["restored"])


@pytest.mark.parametrize("score", NEEDED)
def test_a_score_that_is_missing_is_refused_and_one_that_is_undefined_is_not(score: str) -> None:
    with pytest.raises(UsageError, match=f"found no {score}"):
        outcome(PERFECT, {name: value for name, value in PERFECT.items() if name != score})
    assert outcome(PERFECT, {**PERFECT, score: None}).restored[score] is None


def over_tracks(tracks: int, faults: dict[str, float], seed: int = 0) -> list[Outcome]:
    """Tracks scatter by 0.05 about what each fault scores."""
    shifts = np.random.default_rng(seed).normal(0, 0.05, tracks)
    return [
        outcome(values(120, 8, 0), values(120, 8 * (1 - score - shift), 0), fault, f"{number:03}")
        for number, shift in enumerate(shifts)
        for fault, score in faults.items()
    ]


@pytest.mark.parametrize("tracks", [3, 40])
def test_average_and_index_lie_where_their_faults_do(tracks: int) -> None:
    """All faults of a track go up and down together, so that both are as unsure as the tracks' shifts are."""
    items = over_tracks(tracks, {"a": 0.8, "b": 0.6, "c": 0.4, "d": 0.2})
    summary = summarise(items)
    shifts = np.random.default_rng(0).normal(0, 0.05, tracks)
    half = {3: 4.3027, 40: 2.0227}[tracks] * shifts.std(ddof=1) / np.sqrt(tracks)
    for name, score in (("average_score", 0.5), ("robustness_index", 0.3)):
        interval = summary.intervals[name]
        assert (interval.tracks, interval.items) == (tracks, 4 * tracks)
        assert interval.mean == pytest.approx(score + shifts.mean()) == pytest.approx(getattr(summary, name))
        assert interval.low == pytest.approx(score + shifts.mean() - half, abs=0.2 * half)
        assert interval.high == pytest.approx(score + shifts.mean() + half, abs=0.2 * half)
    spread = summary.intervals["spread"]
    assert (spread.mean, spread.low, spread.high) == pytest.approx((summary.spread,) * 3)


def test_each_fault_has_its_interval_and_one_track_has_none() -> None:
    rows = summarise(over_tracks(5, {"a": 0.5, "b": 0.2})).faults
    assert [row.interval.mean for row in rows] == pytest.approx([row.score for row in rows])
    assert all(row.interval.low is not None and row.interval.low < (row.score or 0) for row in rows)
    alone = summarise(over_tracks(1, {"a": 0.5, "b": 0.2}))
    assert {interval.low for interval in alone.intervals.values()} == {None}


def test_no_interval_leaves_what_a_number_can_be() -> None:
    best, worst = over_tracks(1, {"a": 0.9, "b": 0.8}), over_tracks(1, {"a": -40.0, "b": 0.0})
    intervals = summarise([*best, *(replace(item, track="another") for item in worst)]).intervals
    assert (intervals["average_score"].low, intervals["average_score"].high) == (-1, 1)
    assert (intervals["spread"].low, intervals["spread"].high) == (0, 1)


def test_the_data_hold_every_part_and_are_json() -> None:
    data = json.loads(json.dumps(summarise([*faults_scoring(0.5, 0.25), outcome(PERFECT, PERFECT)]).to_data()))
    assert data["average_score"] == 0.375
    assert [row["fault"] for row in data["faults"]] == ["fault 0", "fault 1"]
    assert set(data["faults"][0]["shares"]) == set(NAMES)
    assert data["clean"]["items"] == 1
    assert data["intervals"]["average_score"]["mean"] == 0.375
    assert data["faults"][0]["interval"]["mean"] == 0.5
