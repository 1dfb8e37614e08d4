from math import comb

import numpy as np
import pytest

from rebounce.engine.errors import UsageError
from rebounce.training.scores.confidence import Interval, interval_of, lowest_rate, mean_interval


def clusters(rng: np.random.Generator, tracks: int, items: int) -> tuple[list[str], list[float]]:
    """Items of a track are alike: 1 of deviation between the tracks, 0.3 within."""
    names = [f"{track:03}" for track in range(tracks) for _ in range(items)]
    values = np.repeat(rng.normal(0, 1, tracks), items) + rng.normal(0, 0.3, tracks * items)
    return names, values.tolist()


def holds(interval: Interval, truth: float) -> bool:
    assert interval.low is not None
    assert interval.high is not None
    return interval.low <= truth <= interval.high


@pytest.mark.parametrize("tracks", [2, 3, 4, 5, 6, 7, 8, 25])
def test_95_intervals_in_100_hold_the_truth(tracks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rebounce.training.scores.confidence.ROUNDS", 400)
    rng = np.random.default_rng(1000 + tracks)
    held = sum(holds(mean_interval(*clusters(rng, tracks, 3), seed=turn), 0.0) for turn in range(600))
    assert 0.93 <= held / 600 <= 0.97


@pytest.mark.parametrize(("tracks", "t"), [(2, 12.7062), (3, 4.3027), (4, 3.1824), (7, 2.4469)])
def test_with_few_tracks_the_interval_is_student_t_of_their_means(tracks: int, t: float) -> None:
    """The values of t are those of any printed table, 97.5 % with one track less as degrees of freedom."""
    names, values = clusters(np.random.default_rng(tracks), tracks, 3)
    means = np.reshape(values, (tracks, 3)).mean(axis=1)
    half = t * means.std(ddof=1) / np.sqrt(tracks)
    for groups in (None, ["eq", "mp3", "gain"] * tracks):
        interval = mean_interval(names, values, 0, groups=groups)
        assert interval.mean == pytest.approx(means.mean())
        assert interval.low == pytest.approx(means.mean() - half, rel=1e-4)
        assert interval.high == pytest.approx(means.mean() + half, rel=1e-4)


def test_a_track_with_many_items_makes_no_interval_narrow() -> None:
    """The mean is all but that of track a; how far tracks lie apart is known from two of them only."""
    interval = mean_interval(["a"] * 99 + ["b"], [0.0] * 99 + [1.0], 0)
    assert interval.mean == pytest.approx(0.01)
    assert interval.high is not None
    assert interval.high > 5


@pytest.mark.parametrize("tracks", [4, 30])
def test_any_number_made_of_the_groups_means_has_an_interval(tracks: int) -> None:
    """The largest of two groups whose means lie far apart is the mean of that group."""
    rng = np.random.default_rng(6)
    names = [f"{track:02}" for track in range(tracks)]
    low, high = rng.normal(0, 1, tracks).tolist(), rng.normal(100, 1, tracks).tolist()
    groups = ["eq"] * tracks + ["mp3"] * tracks
    found = interval_of(lambda means: np.max(means, axis=1), names * 2, low + high, 0, groups=groups)
    alone = mean_interval(names, high, 0)
    assert (found.mean, found.low, found.high) == pytest.approx((alone.mean, alone.low, alone.high))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(UsageError, match=f"found {value} for track b"):
        mean_interval(["a", "b"], [1.0, value], 0)


def test_tracks_are_drawn_and_not_items() -> None:
    """Ten copies of every item tell nothing new: the interval stays as wide."""
    names, values = clusters(np.random.default_rng(1), 20, 1)
    once, tenfold = mean_interval(names, values, 0), mean_interval(names * 10, values * 10, 0)
    assert (tenfold.tracks, tenfold.items) == (20, 200)
    assert tenfold.low == pytest.approx(once.low)
    assert tenfold.high == pytest.approx(once.high)


def test_the_width_is_that_of_student_t() -> None:
    values = np.random.default_rng(2).normal(3, 2, 40)
    interval = mean_interval([str(number) for number in range(40)], values.tolist(), 5)
    half = 2.0227 * values.std(ddof=1) / np.sqrt(40)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_the_same_seed_gives_the_same_interval_in_any_order() -> None:
    names, values = clusters(np.random.default_rng(3), 12, 4)
    order = np.random.default_rng(4).permutation(len(names))
    shuffled = mean_interval([names[place] for place in order], [values[place] for place in order], 7)
    assert shuffled == mean_interval(names, values, 7)
    assert shuffled != mean_interval(names, values, 8)


def test_with_groups_every_group_counts_once() -> None:
    tracks = ["a", "b"] * 50 + ["a", "b"]
    values = [0.0] * 100 + [1.0, 1.0]
    groups = ["eq"] * 100 + ["mp3"] * 2
    assert mean_interval(tracks, values, 0, groups=groups) == Interval(mean=0.5, low=0.5, high=0.5, tracks=2, items=102)


def test_a_group_that_only_one_track_has_may_be_missed() -> None:
    tracks = [f"{number}" for number in range(10)]
    interval = mean_interval([*tracks, "3"], [0.0] * 10 + [1.0], 0, groups=["eq"] * 10 + ["mp3"])
    assert (interval.mean, interval.low, interval.high) == (0.5, 0.0, 0.5)
    few = mean_interval(["a", "b", "b"], [0.0, 0.0, 1.0], 0, groups=["eq", "eq", "mp3"])
    assert few.mean == 0.5
    assert few.low is not None
    assert few.low < 0


def test_undefined_values_are_left_out() -> None:
    interval = mean_interval(["a", "b", "c", "c"], [1.0, None, 3.0, None], 0)
    assert (interval.mean, interval.tracks, interval.items) == (2.0, 2, 2)


@pytest.mark.parametrize("values", [[], [None], [4.0]])
def test_less_than_two_tracks_have_no_interval(values: list[float | None]) -> None:
    interval = mean_interval(["a"] * len(values), values, 0)
    assert (interval.low, interval.high) == (None, None)
    assert interval.mean == (4.0 if values == [4.0] else None)


@pytest.mark.parametrize("trials", [1, 20, 59, 1000])
def test_all_successes_bound_the_rate_in_closed_form(trials: int) -> None:
    assert lowest_rate(trials, trials) == pytest.approx(0.05 ** (1 / trials))
    assert lowest_rate(0, trials) == 0


@pytest.mark.parametrize(("successes", "trials"), [(1, 2), (18, 20), (49, 50), (700, 1000)])
def test_at_the_bound_so_many_successes_have_a_chance_of_5_percent(successes: int, trials: int) -> None:
    def chance_of_at_least(rate: float, least: int) -> float:
        return sum(comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(least, trials + 1))

    assert chance_of_at_least(lowest_rate(successes, trials), successes) == pytest.approx(0.05, rel=1e-6)


def test_59_of_59_are_the_fewest_that_prove_95_percent() -> None:
    assert lowest_rate(59, 59) >= 0.95
    assert lowest_rate(58, 58) < 0.95


def test_no_trials_prove_nothing() -> None:
    assert lowest_rate(0, 0) == 0


@pytest.mark.parametrize(("successes", "trials"), [(-1, 5), (6, 5), (0, -1)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(UsageError, match="successes"):
        lowest_rate(successes, trials)
