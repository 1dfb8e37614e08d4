"""How sure a mean or a rate is: intervals over tracks, and bounds that a rate must keep to count as reached.

What always holds: tracks are drawn, never items, since items of one track are alike; the order of the items changes
nothing, and the same seed gives the same interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.errors import UsageError

ROUNDS = 2000
LEVEL = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean over `items` of that many `tracks`, and where it lies; None where nothing is defined.

    `low` and `high` are None with fewer than two tracks: one says nothing about others.
    """

    mean: float | None
    low: float | None
    high: float | None
    tracks: int
    items: int


def mean_interval(
    tracks: Sequence[str], values: Sequence[float | None], seed: int, *, groups: Sequence[str] | None = None
) -> Interval:
    """The mean of the defined values, one for each item, with its 95 % interval by a bootstrap over tracks.

    With `groups` (the fault of each item, say) it is the mean of the groups' means: every group counts once.
    """
    sums, counts = _per_track(tracks, values, groups or [""] * len(tracks))
    count, items = len(sums), int(counts.sum())
    if not items:
        return Interval(mean=None, low=None, high=None, tracks=0, items=0)
    mean = float(_means(sums.sum(axis=0, keepdims=True), counts.sum(axis=0, keepdims=True))[0])
    if count == 1:
        return Interval(mean=mean, low=None, high=None, tracks=1, items=items)
    drawn = np.random.default_rng(seed).integers(0, count, (ROUNDS, count))
    low, high = np.quantile(_means(sums[drawn].sum(axis=1), counts[drawn].sum(axis=1)), _tails(count))
    return Interval(mean=mean, low=float(low), high=float(high), tracks=count, items=items)


def lowest_rate(successes: int, trials: int) -> float:
    """What a rate is at least, with 95 % confidence, when so many of so many independent trials (tracks) succeeded.

    The one-sided bound of Clopper and Pearson, which never promises too much: a target such as "at least 90 %" is
    reached when this is 0.9 or more. 59 of 59 give 0.95; 0 trials give 0.
    """
    _check_trials(successes, trials)
    return _beta_quantile(successes, trials - successes + 1, 1 - LEVEL) if successes else 0.0


def highest_rate(successes: int, trials: int) -> float:
    """What a rate is at most, with 95 % confidence: for targets such as "at most 1 %"; 0 trials give 1."""
    _check_trials(successes, trials)
    return 1.0 - lowest_rate(trials - successes, trials)


def _per_track(tracks: Sequence[str], values: Sequence[float | None], groups: Sequence[str]) -> tuple[Floats, Floats]:
    """Sums and counts of the defined values, `(tracks, groups)` each, in the order of the names."""
    items = [item for item in zip(tracks, values, groups, strict=True) if item[1] is not None]
    track_of = {name: place for place, name in enumerate(sorted({track for track, _, _ in items}))}
    group_of = {name: place for place, name in enumerate(sorted({group for _, _, group in items}))}
    sums, counts = np.zeros((len(track_of), len(group_of))), np.zeros((len(track_of), len(group_of)))
    for track, value, group in sorted(items):
        sums[track_of[track], group_of[group]] += value
        counts[track_of[track], group_of[group]] += 1
    return sums, counts


def _means(sums: Floats, counts: Floats) -> Floats:
    """For each row `(rounds, groups)` the mean of the means of those groups that have items."""
    is_there = counts > 0
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=is_there)
    rows: Floats = means.sum(axis=1) / is_there.sum(axis=1)
    return rows


def _tails(tracks: int) -> tuple[float, float]:
    """The shares of the drawn means to cut off.

    Drawing from few tracks makes means that scatter too little. Cutting off as much less as Student's t asks for makes
    up for it (Hesterberg, "What teachers should know about the bootstrap", 2015, section 3.3).
    """
    from scipy import special

    share = float(special.ndtr(math.sqrt(tracks / (tracks - 1)) * special.stdtrit(tracks - 1, (1 - LEVEL) / 2)))
    return share, 1 - share


def _beta_quantile(a: float, b: float, share: float) -> float:
    from scipy import special

    return float(special.betaincinv(a, b, share))


def _check_trials(successes: int, trials: int) -> None:
    if not 0 <= successes <= trials:
        raise UsageError(f"expected 0 to {trials} successes of {trials} trials, found {successes}")
