"""Two numbers for a whole table, the average score and the robustness index, and all the parts they are made of.

Both are ours: no other program defines them this way. They rest on one idea, the share of the damage that a
restorer takes away: 1 for all of it, 0 for a restorer that does nothing, below 0 for one that adds damage, -1 at
worst. What always holds: getting closer to the clean audio in any measure never lowers a score, and whether a measure
counts for an item is decided by the damaged input alone.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from rebounce.engine.errors import UsageError
from rebounce.training.scores.comparison import LIMIT_DB
from rebounce.training.scores.confidence import Floats, Interval, Statistic, interval_of, mean_of_means
from rebounce.training.scores.tables import across_faults, fault_table, spread_of

Values = Mapping[str, float | None]
"""Scores by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A score read as a distance from the clean audio, 0 for a copy; below `seen_from` it is no damage.

    Beyond `lost_from` nothing of the clean audio is left, so that coming nearer counts only from there on.
    """

    score: str
    distance: Callable[[float], float]
    seen_from: float
    lost_from: float = math.inf


def _residual(snr_db: float) -> float:
    """What remains, as a share of the amplitude of the clean audio."""
    return 0.0 if snr_db >= LIMIT_DB else 10 ** (-max(snr_db, -LIMIT_DB) / 20)


WAVEFORM = "snr_db"
SHAPE = "si_sdr_db"
"""What no score is higher than, read as a share of the energy."""

MEASURES = (
    # Silence is 1 away, and so, more or less, is anything that has nothing to do with the clean audio.
    Measure(score=WAVEFORM, distance=_residual, seen_from=10 ** (-50 / 20), lost_from=1.0),
    Measure(score="log_spectral_distance_db", distance=float, seen_from=0.5),
    Measure(score="mel_distance_db", distance=float, seen_from=0.5),
)
"""The waveform, the spectrum bin by bin, and the spectrum as the ear divides it."""

NEEDED = (*(measure.score for measure in MEASURES), SHAPE)
"""The scores that an outcome must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One item: the scores of the damaged input against the clean audio, and those of what a restorer made of it.

    Each holds all scores in `NEEDED`, None where undefined; UsageError where one is missing, no number, or a distance
    below 0. `track` says which items are alike.
    """

    fault: str
    damaged: Values
    restored: Values
    track: str = ""

    def __post_init__(self) -> None:
        for side, values in (("damaged", self.damaged), ("restored", self.restored)):
            for score in NEEDED:
                _check(f"summary: {self.fault}, {side}", score, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """The `shares` of one item by measure, and their `score`; None where undefined.

    `is_seen` is false where no measure sees any damage in the input: there is nothing to gain, only to harm.
    """

    shares: Mapping[str, float | None]
    score: float | None
    is_seen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The means over the items of one fault: each measure's share, and the score with where it lies."""

    fault: str
    items: int
    shares: Mapping[str, float | None]
    score: float | None
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A row for each fault; `clean` is that of the items in which nothing was damaged, whatever the fault was called.

    `average_score` is the mean of the faults' scores, `spread` their standard deviation, and `robustness_index` the
    mean of their worse half; `intervals` has those three by name, with where they lie. `undefined` items had no score
    at all, silence say, and are in no row.
    """

    faults: tuple[Row, ...]
    clean: Row | None
    undefined: int
    average_score: float | None
    spread: float | None
    robustness_index: float | None
    intervals: Mapping[str, Interval]

    def to_data(self) -> dict[str, Any]:
        """For JSON, with all parts."""
        return {
            "average_score": self.average_score,
            "spread": self.spread,
            "robustness_index": self.robustness_index,
            "intervals": {name: asdict(interval) for name, interval in self.intervals.items()},
            "undefined": self.undefined,
            "faults": [_row_to_data(row) for row in self.faults],
            "clean": None if self.clean is None else _row_to_data(self.clean),
        }


def repair_of(outcome: Outcome) -> Repair:
    """How much of one item's damage is gone.

    The score is the sum of all shares over the number of measures that see the damage, at least -1: a measure that
    does not see it can take away but not add. It is no higher than the share of the restored audio that is the
    clean one, since other music may well have a spectrum that is nearer than that of the damaged input.
    """
    shares = {measure.score: _share(measure, outcome) for measure in MEASURES}
    defined = [share for share in shares.values() if share is not None]
    seen = sum(_sees(measure, outcome.damaged) for measure in MEASURES)
    score = max(-1.0, math.fsum(defined) / (seen or len(defined))) if defined else None
    capped = None if score is None else min(score, _likeness(outcome))
    return Repair(shares=shares, score=capped, is_seen=seen > 0)


def summarise(outcomes: Iterable[Outcome], seed: int = 0) -> Summary:
    """All numbers of one restorer. Without any fault they are None, never 0; the `seed` is that of the intervals."""
    repairs = [(outcome, repair_of(outcome)) for outcome in outcomes]
    seen = [(outcome, repair) for outcome, repair in repairs if repair.is_seen]
    unseen = [(outcome, repair) for outcome, repair in repairs if not repair.is_seen and repair.score is not None]
    faults = sorted({outcome.fault for outcome, _ in seen})
    across = across_faults(fault_table((outcome.fault, repair.score) for outcome, repair in seen))
    rows = tuple(_row(fault, [pair for pair in seen if pair[0].fault == fault], seed) for fault in faults)
    return Summary(
        faults=rows,
        clean=_row("clean", unseen, seed) if unseen else None,
        undefined=sum(repair.score is None for _, repair in repairs),
        average_score=across.mean,
        spread=across.deviation,
        robustness_index=_mean_of_worse_half([row.score for row in rows if row.score is not None]),
        intervals={
            "average_score": _interval(mean_of_means, seen, seed),
            "spread": _interval(_deviation, seen, seed, lowest=0.0),
            "robustness_index": _interval(_worse_half, seen, seed),
        },
    )


Pairs = Sequence[tuple[Outcome, Repair]]


def _check(where: str, score: str, values: Values) -> None:
    if score not in values:
        raise UsageError(f"{where}: expected a number or None for each of {', '.join(NEEDED)}, found no {score}")
    value = values[score]
    is_ratio = score in (WAVEFORM, SHAPE)
    if value is not None and (not math.isfinite(value) or (value < 0 and not is_ratio)):
        expected = "a number" if is_ratio else "a number of 0 or more"
        raise UsageError(f"{where}: expected {expected} as {score}, or None where it is undefined, found {value}")


def _likeness(outcome: Outcome) -> float:
    """How much of the restored energy is the clean audio at some gain, 0 to 1; 1 where there is nothing to be like."""
    si_sdr_db = outcome.restored[SHAPE]
    if si_sdr_db is None:
        return 1.0 if outcome.damaged[SHAPE] is None else 0.0
    if abs(si_sdr_db) >= LIMIT_DB:
        return 1.0 if si_sdr_db > 0 else 0.0
    return 1 / (1 + 10 ** (-si_sdr_db / 10))


def _sees(measure: Measure, damaged: Values) -> bool:
    value = damaged[measure.score]
    return value is not None and measure.distance(value) >= measure.seen_from


def _share(measure: Measure, outcome: Outcome) -> float | None:
    """The share of the distance that is gone; None where the damaged input has none, -1 where only the result has."""
    damaged, restored = outcome.damaged[measure.score], outcome.restored[measure.score]
    if damaged is None:
        return None
    if restored is None:
        return -1.0
    before, after = measure.distance(damaged), measure.distance(restored)
    if before < measure.seen_from:
        return min(0.0, measure.seen_from / after - 1) if after > 0 else 0.0
    if after > before:
        return before / after - 1
    return 1 - min(after, measure.lost_from) / min(before, measure.lost_from)


def _mean_of_worse_half(scores: Sequence[float]) -> float | None:
    """The lower half of them; of an odd number the middle one is in it."""
    return spread_of(sorted(scores)[: (len(scores) + 1) // 2]).mean


def _worse_half(means: Floats) -> Floats:
    """`_mean_of_worse_half` in every row; NaN, a fault that is not there, comes last."""
    halves = (np.sum(~np.isnan(means), axis=1, keepdims=True) + 1) // 2
    is_in = np.arange(means.shape[1]) < halves
    rows: Floats = np.where(is_in, np.sort(means, axis=1), 0.0).sum(axis=1) / halves[:, 0]
    return rows


def _deviation(means: Floats) -> Floats:
    """The standard deviation over the faults that are there, divided by their number."""
    apart = means - mean_of_means(means)[:, np.newaxis]
    rows: Floats = np.sqrt(mean_of_means(np.square(apart)))
    return rows


def _interval(statistic: Statistic, pairs: Pairs, seed: int, lowest: float = -1.0) -> Interval:
    """Of a number that lies between `lowest` and 1."""
    tracks, groups = [outcome.track for outcome, _ in pairs], [outcome.fault for outcome, _ in pairs]
    scores = [repair.score for _, repair in pairs]
    return interval_of(statistic, tracks, scores, seed, groups=groups).within(lowest, 1.0)


def _row(fault: str, pairs: Pairs, seed: int) -> Row:
    repairs = [repair for _, repair in pairs]
    alike = [(replace(outcome, fault=fault), repair) for outcome, repair in pairs]
    return Row(
        fault=fault,
        items=len(repairs),
        shares={measure.score: spread_of(r.shares[measure.score] for r in repairs).mean for measure in MEASURES},
        score=spread_of(repair.score for repair in repairs).mean,
        interval=_interval(mean_of_means, alike, seed),
    )


def _row_to_data(row: Row) -> dict[str, Any]:
    told = {"fault": row.fault, "items": row.items, "score": row.score, "shares": dict(row.shares)}
    return told | {"interval": asdict(row.interval)}
