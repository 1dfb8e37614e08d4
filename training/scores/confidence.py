"""How sure a mean or a rate is: intervals over tracks, and bounds that a rate must keep to count as reached.

What always holds: whole tracks are drawn or left out, never items, since items of one track are alike; the order of
the items changes nothing, and the same seed gives the same interval.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.errors import UsageError

ROUNDS = 2000
LEVEL = 0.95

FEW_TRACKS = 8
"""Below it so few different means can be drawn that their quantiles promise too much: 51 of 100 hold with 2 tracks."""

Floats = NDArray[np.float64]

Statistic = Callable[[Floats], Floats]
"""One number a row from the means of groups `(rows, groups)`, NaN where a group has no item, never in a whole row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean over `items` of that many `tracks`, or another number made of means, and where it lies; None if undefined.

    `low` and `high` are None with fewer than two tracks: one says nothing about others.
    """

    mean: float | None
    low: float | None
    high: float | None
    tracks: int
    items: int

    def within(self, lowest: float, highest: float) -> "Interval":
        """Cut off where the number cannot lie: the interval of few tracks knows of no such end."""
        if self.low is None or self.high is None:
            return self
        return replace(self, low=max(self.low, lowest), high=min(self.high, highest))


def mean_interval(
    tracks: Sequence[str], values: Sequence[float | None], seed: int, *, groups: Sequence[str] | None = None
) -> Interval:
    """The mean of the defined values, one for each item, with its 95 % interval over tracks.

    With `groups` (the fault of each item, say) it is the mean of the groups' means: every group counts once.
    """
    return interval_of(mean_of_means, tracks, values, seed, groups=groups or [""] * len(tracks))


def interval_of(
    statistic: Statistic,
    tracks: Sequence[str],
    values: Sequence[float | None],
    seed: int,
    *,
    groups: Sequence[str],
) -> Interval:
    """A number made of the means of the groups, with its 95 % interval: a bootstrap over tracks.

    Below eight tracks it is Student's t on the jackknife's pseudo-values (Tukey 1958), which for a mean of as many
    items of each track is the plain t interval of the tracks' means.
    """
    sums, counts = _per_track(tracks, values, groups)
    count, items = len(sums), int(counts.sum())
    if not items:
        return Interval(mean=None, low=None, high=None, tracks=0, items=0)

    def drawn(chosen: NDArray[np.int64]) -> Floats:
        return statistic(_means(sums[chosen].sum(axis=1), counts[chosen].sum(axis=1)))

    whole = float(drawn(np.arange(count)[np.newaxis])[0])
    if count == 1:
        return Interval(mean=whole, low=None, high=None, tracks=1, items=items)
    low, high = _jackknife(drawn, whole, count) if count < FEW_TRACKS else _bootstrap(drawn, count, seed)
    return Interval(mean=whole, low=low, high=high, tracks=count, items=items)


def mean_of_means(means: Floats) -> Floats:
    """The mean over the groups that are there."""
    is_there = ~np.isnan(means)
    rows: Floats = np.where(is_there, means, 0.0).sum(axis=1) / is_there.sum(axis=1)
    return rows


def lowest_rate(successes: int, trials: int) -> float:
    """What a rate is at least, with 95 % confidence, when so many of so many independent trials (tracks) succeeded.

    The one-sided bound of Clopper and Pearson, which never promises too much: a target such as "at least 90 %" is
    reached when this is 0.9 or more. 59 of 59 give 0.95; 0 trials give 0.
    """
    _check_trials(successes, trials)
    return _beta_quantile(successes, trials - successes + 1, 1 - LEVEL) if successes else 0.0


def _per_track(tracks: Sequence[str], values: Sequence[float | None], groups: Sequence[str]) -> tuple[Floats, Floats]:
    """Sums and counts of the defined values, `(tracks, groups)` each, in the order of the names."""
    items = [item for item in zip(tracks, values, groups, strict=True) if item[1] is not None]
    for track, value, _ in items:
        if value is not None and not math.isfinite(value):
            raise UsageError(f"intervals: expected numbers, or None where undefined, found {value} for track {track}")
    track_of = {name: place for place, name in enumerate(sorted({track for track, _, _ in items}))}
    group_of = {name: place for place, name in enumerate(sorted({group for _, _, group in items}))}
    sums, counts = np.zeros((len(track_of), len(group_of))), np.zeros((len(track_of), len(group_of)))
    for track, value, group in sorted(items):
        sums[track_of[track], group_of[group]] += value
        counts[track_of[track], group_of[group]] += 1
    return sums, counts


def _means(sums: Floats, counts: Floats) -> Floats:
    """The means of the groups; NaN where a group has no item."""
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _jackknife(drawn: Callable[[NDArray[np.int64]], Floats], whole: float, count: int) -> tuple[float, float]:
    """What each track adds is seen by leaving it out."""
    from scipy import special

    others = np.array([[other for other in range(count) if other != left_out] for left_out in range(count)])
    pseudo_values = count * whole - (count - 1) * drawn(others)
    half = float(special.stdtrit(count - 1, (1 + LEVEL) / 2) * pseudo_values.std(ddof=1) / math.sqrt(count))
    return whole - half, whole + half


def _bootstrap(drawn: Callable[[NDArray[np.int64]], Floats], count: int, seed: int) -> tuple[float, float]:
    chosen = np.random.default_rng(seed).integers(0, count, (ROUNDS, count))
    low, high = np.quantile(drawn(chosen), _tails(count))
    return float(low), float(high)


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
