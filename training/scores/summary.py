"""Two numbers for a whole table, the average score and the robustness index, and all the parts they are made of.

Both are ours: no other program defines them this way. They rest on one idea, the share of the damage that a
restorer takes away: 1 for all of it, 0 for a restorer that does nothing, below 0 for one that adds damage, -1 at
worst. What always holds: getting closer to the clean audio in any measure never lowers a score, and whether a measure
counts for an item is decided by the damaged input alone.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rebounce.training.scores.comparison import LIMIT_DB
from rebounce.training.scores.tables import across_faults, fault_table, spread_of

Values = Mapping[str, float | None]
"""Scores by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A score read as a distance from the clean audio, 0 for a copy; below `seen_from` it is no damage."""

    score: str
    distance: Callable[[float], float]
    seen_from: float


def _residual(snr_db: float) -> float:
    """What remains, as a share of the amplitude of the clean audio."""
    return 0.0 if snr_db >= LIMIT_DB else 10 ** (-snr_db / 20)


MEASURES = (
    Measure(score="snr_db", distance=_residual, seen_from=10 ** (-50 / 20)),
    Measure(score="log_spectral_distance_db", distance=float, seen_from=0.5),
    Measure(score="mel_distance_db", distance=float, seen_from=0.5),
)
"""The waveform, the spectrum bin by bin, and the spectrum as the ear divides it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One item: the scores of the damaged input against the clean audio, and those of what a restorer made of it."""

    fault: str
    damaged: Values
    restored: Values


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
    """The means over the items of one fault: each measure's share, and the score."""

    fault: str
    items: int
    shares: Mapping[str, float | None]
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A row for each fault; `clean` is that of the items in which nothing was damaged, whatever the fault was called.

    `average_score` is the mean of the faults' scores, `spread` their standard deviation, and `robustness_index` the
    mean of their worse half. `undefined` items had no score at all, silence say, and are in no row.
    """

    faults: tuple[Row, ...]
    clean: Row | None
    undefined: int
    average_score: float | None
    spread: float | None
    robustness_index: float | None

    def to_data(self) -> dict[str, Any]:
        """For JSON, with all parts."""
        return {
            "average_score": self.average_score,
            "spread": self.spread,
            "robustness_index": self.robustness_index,
            "undefined": self.undefined,
            "faults": [_row_to_data(row) for row in self.faults],
            "clean": None if self.clean is None else _row_to_data(self.clean),
        }


def repair_of(outcome: Outcome) -> Repair:
    """How much of one item's damage is gone.

    The score is the sum of all shares over the number of measures that see the damage, at least -1: a measure that
    does not see it can take away but not add.
    """
    shares = {measure.score: _share(measure, outcome) for measure in MEASURES}
    defined = [share for share in shares.values() if share is not None]
    seen = sum(_sees(measure, outcome.damaged) for measure in MEASURES)
    score = max(-1.0, math.fsum(defined) / (seen or len(defined))) if defined else None
    return Repair(shares=shares, score=score, is_seen=seen > 0)


def summarise(outcomes: Iterable[Outcome]) -> Summary:
    """All numbers of one restorer. Without any fault they are None, never 0."""
    repairs = [(outcome.fault, repair_of(outcome)) for outcome in outcomes]
    seen = [(fault, repair) for fault, repair in repairs if repair.is_seen]
    unseen = [repair for _, repair in repairs if not repair.is_seen and repair.score is not None]
    faults = sorted({fault for fault, _ in seen})
    across = across_faults(fault_table((fault, repair.score) for fault, repair in seen))
    rows = tuple(_row(fault, [repair for name, repair in seen if name == fault]) for fault in faults)
    return Summary(
        faults=rows,
        clean=_row("clean", unseen) if unseen else None,
        undefined=sum(repair.score is None for _, repair in repairs),
        average_score=across.mean,
        spread=across.deviation,
        robustness_index=_mean_of_worse_half([row.score for row in rows if row.score is not None]),
    )


def _sees(measure: Measure, damaged: Values) -> bool:
    value = damaged.get(measure.score)
    return value is not None and measure.distance(value) >= measure.seen_from


def _share(measure: Measure, outcome: Outcome) -> float | None:
    """The share of the distance that is gone; None where the damaged input has none, -1 where only the result has."""
    damaged, restored = outcome.damaged.get(measure.score), outcome.restored.get(measure.score)
    if damaged is None:
        return None
    if restored is None:
        return -1.0
    before, after = measure.distance(damaged), measure.distance(restored)
    if before < measure.seen_from:
        return min(0.0, measure.seen_from / after - 1) if after > 0 else 0.0
    return 1 - after / before if after <= before else before / after - 1


def _mean_of_worse_half(scores: Sequence[float]) -> float | None:
    """The lower half of them; of an odd number the middle one is in it."""
    return spread_of(sorted(scores)[: (len(scores) + 1) // 2]).mean


def _row(fault: str, repairs: Sequence[Repair]) -> Row:
    return Row(
        fault=fault,
        items=len(repairs),
        shares={measure.score: spread_of(r.shares[measure.score] for r in repairs).mean for measure in MEASURES},
        score=spread_of(repair.score for repair in repairs).mean,
    )


def _row_to_data(row: Row) -> dict[str, Any]:
    return {"fault": row.fault, "items": row.items, "score": row.score, "shares": dict(row.shares)}
