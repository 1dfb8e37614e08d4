"""From items to rows: means with their intervals over tracks, what was gained over the damaged input, and how often.

What always holds: a gain compares the same items; an undefined score is counted, never averaged; a gain is positive
where things got better, whichever way the score runs, and what shows as 0.00 is none; and scores that are best near
zero are averaged by their size, since errors of both signs would cancel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rebounce.training.evaluation.bench import DAMAGED
from rebounce.training.evaluation.systems import RESULT, System
from rebounce.training.evaluation.trial import Measured, Outcome
from rebounce.training.evaluation.wording import least_shown
from rebounce.training.scores.comparison import LIMIT_DB
from rebounce.training.scores.confidence import Interval, lowest_rate, mean_interval
from rebounce.training.scores.registry import SCORES
from rebounce.training.scores.summary import NEEDED, Summary, summarise
from rebounce.training.scores.summary import Outcome as SummaryItem

LEAST_TRACKS = 6
"""Where fewer tracks all go one way, that happens by chance more than once in twenty: nothing is called sure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many of so many tracks; `least` is what the rate is at least, with 95 % confidence."""

    successes: int
    tracks: int
    least: float

    @property
    def share(self) -> float | None:
        return self.successes / self.tracks if self.tracks else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What a system improved over the damaged input, on the items where both have the score.

    `better` is the rate of tracks that it improved; one on which it failed is not among them.
    """

    interval: Interval
    median: float
    better: Rate
    verdict: int
    """1 where the interval lies above zero, -1 where it lies below, 0 where nobody can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One score of one system: its mean, median, and how many items have none. `bias` is the mean with its sign, for
    scores that are averaged by their size."""

    interval: Interval
    median: float | None
    bias: float | None
    undefined: int
    gain: Gain | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One system in one group: its cells by score; how often it failed, and how often there is no such thing."""

    system: str
    is_result: bool
    failed: int
    absent: int
    unchanged: int
    cells: dict[str, Cell]


def rows_of(items: Sequence[Measured], systems: Sequence[System], scores: Sequence[str], seed: int) -> list[Row]:
    """The rows of one group's items."""
    return [_row(items, system, scores, seed) for system in systems]


def summary_of(items: Sequence[Measured], system: str, scores: Sequence[str], seed: int) -> Summary | None:
    """The numbers across groups; None where a score that they are made of was not asked for.

    What does not exist is left out, but what failed counts as harm.
    """
    if not set(NEEDED) <= set(scores):
        return None
    counted = [item for item in items if item.outcomes[system].is_there or item.outcomes[system].is_failure]
    found = [
        SummaryItem(
            fault=item.group,
            damaged=item.outcomes[DAMAGED].scores,
            restored=_scores_or_none(item.outcomes[system]),
            track=item.track.sha256,
        )
        for item in counted
    ]
    return summarise(found, seed)


def rate_of(is_success: dict[str, bool]) -> Rate:
    """The rate of tracks by their hash."""
    successes = sum(is_success.values())
    return Rate(successes=successes, tracks=len(is_success), least=lowest_rate(successes, len(is_success)))


def improvement(score: str, damaged: float, value: float) -> float:
    """How much better a value is than that of the damaged input; positive is better."""
    better = SCORES[score].better
    if better == "zero":
        return abs(damaged) - abs(value)
    return value - damaged if better == "higher" else damaged - value


def _scores_or_none(outcome: Outcome) -> dict[str, float | None]:
    """A system that failed has no score, which the summary counts as harm."""
    return dict(outcome.scores) if outcome.is_there else dict.fromkeys(NEEDED)


def _row(items: Sequence[Measured], system: System, scores: Sequence[str], seed: int) -> Row:
    outcomes = [item.outcomes[system.name] for item in items]
    return Row(
        system=system.name,
        is_result=system.kind == RESULT,
        failed=sum(outcome.is_failure for outcome in outcomes),
        absent=sum(not outcome.is_there and not outcome.is_failure for outcome in outcomes),
        unchanged=sum(outcome.is_unchanged for outcome in outcomes),
        cells={score: _cell(items, system.name, score, seed) for score in scores},
    )


def _cell(items: Sequence[Measured], system: str, score: str, seed: int) -> Cell:
    is_size = SCORES[score].better == "zero"
    tracks = [item.track.sha256 for item in items]
    signed = [item.outcomes[system].scores.get(score) for item in items]
    values = [abs(value) if is_size and value is not None else value for value in signed]
    defined = [value for value in values if value is not None]
    known = [value for value in signed if value is not None]
    is_there = [item.outcomes[system].is_there for item in items]
    return Cell(
        interval=mean_interval(tracks, values, seed).within(*_ends(score)),
        median=median(defined) if defined else None,
        bias=sum(known) / len(known) if is_size and known else None,
        undefined=sum(is_there) - len(defined),
        gain=None if system == DAMAGED else _gain(items, system, score, seed),
    )


def _ends(score: str) -> tuple[float, float]:
    """Between what the mean of a score lies: ratios end, distances and sizes begin at 0."""
    return (-LIMIT_DB, LIMIT_DB) if SCORES[score].better == "higher" else (0.0, math.inf)


def _gain(items: Sequence[Measured], system: str, score: str, seed: int) -> Gain | None:
    by_track: dict[str, list[float]] = {}
    failed = {item.track.sha256 for item in items if item.outcomes[system].is_failure}
    for item in items:
        before, after = (item.outcomes[name].scores.get(score) for name in (DAMAGED, system))
        if before is not None and after is not None:
            by_track.setdefault(item.track.sha256, []).append(improvement(score, before, after))
    if not by_track:
        return None
    pairs = [(track, gain) for track, gains in by_track.items() for gain in gains]
    interval = mean_interval([track for track, _ in pairs], [gain for _, gain in pairs], seed)
    least = least_shown(score)
    return Gain(
        interval=interval,
        median=median(gain for _, gain in pairs),
        better=rate_of(_is_better(by_track, least) | dict.fromkeys(failed, False)),
        verdict=_verdict(interval, least),
    )


def _is_better(by_track: dict[str, list[float]], least: float) -> dict[str, bool]:
    return {track: sum(gains) / len(gains) >= least for track, gains in by_track.items()}


def _verdict(interval: Interval, least: float) -> int:
    if interval.tracks < LEAST_TRACKS or interval.mean is None or interval.low is None or interval.high is None:
        return 0
    if abs(interval.mean) < least:
        return 0
    return 1 if interval.low > 0 else -1 if interval.high < 0 else 0
