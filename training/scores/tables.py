"""One score over many items: its mean and spread for each fault, and across the faults.

What always holds: the order of the items changes nothing, and an undefined score is counted, not averaged.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """`mean` and standard `deviation` (about the mean, divided by the count) of `count` numbers; None where none is.

    `undefined` says how many items had no number.
    """

    mean: float | None
    deviation: float | None
    count: int
    undefined: int = 0


def spread_of(values: Iterable[float | None]) -> Spread:
    """The spread of those that are defined."""
    given = list(values)
    defined = [value for value in given if value is not None]
    if not defined:
        return Spread(mean=None, deviation=None, count=0, undefined=len(given))
    # fsum is exact, so that the order cannot matter.
    mean = math.fsum(defined) / len(defined)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in defined) / len(defined))
    return Spread(mean=mean, deviation=deviation, count=len(defined), undefined=len(given) - len(defined))


def fault_table(values: Iterable[tuple[str, float | None]]) -> dict[str, Spread]:
    """From pairs of a fault and a score: the spread of each fault, by name, in alphabetical order."""
    groups: dict[str, list[float | None]] = {}
    for fault, value in values:
        groups.setdefault(fault, []).append(value)
    return {fault: spread_of(groups[fault]) for fault in sorted(groups)}


def across_faults(table: Mapping[str, Spread]) -> Spread:
    """The spread of the faults' means: every fault counts once, however many items it has."""
    return spread_of(spread.mean for spread in table.values())
