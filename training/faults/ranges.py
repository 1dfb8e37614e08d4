"""What a recipe may set of a fault, and how a value is drawn from it.

What always holds: a drawn value lies within the range it was drawn from, the range within its limits, and the same
generator gives the same values on any machine: nothing but `Generator.random()` is used, whose stream is fixed.
"""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Value = bool | int | float | str
"""One drawn value, or one end of a range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A number between two ends. `drawn` is the range used when a recipe says nothing; `lowest` and `highest` bound
    what a recipe may say. `is_log` draws octaves evenly (frequencies, times); `is_whole` draws whole numbers."""

    lowest: float
    highest: float
    drawn: tuple[float, float]
    is_log: bool = False
    is_whole: bool = False

    def resolve(self, key: str, given: Any) -> tuple[float, float]:
        """The two ends of what a recipe gives (a number, or `[low, high]`); ValueError if it cannot be."""
        ends = given if isinstance(given, list | tuple) else [given, given]
        if len(ends) != 2 or not all(_is_number(end) for end in ends):
            raise ValueError(f"{key}: expected a number or [low, high], found {given!r}")
        low, high = float(ends[0]), float(ends[1])
        if low > high:
            raise ValueError(f"{key}: expected [low, high] with low first, found {given!r}")
        if low < self.lowest or high > self.highest:
            raise ValueError(f"{key}: expected {self.lowest:g} to {self.highest:g}, found {given!r}")
        if self.is_whole and not (low.is_integer() and high.is_integer()):
            raise ValueError(f"{key}: expected whole numbers, found {given!r}")
        return low, high

    def draw(self, given: Any, rng: np.random.Generator) -> float | int:
        """A value from what `resolve` takes."""
        low, high = self.resolve("", given)
        share = rng.random()
        if self.is_whole:
            return int(low) + int(share * (int(high) - int(low) + 1))
        if self.is_log and low > 0:
            return min(max(low * math.exp(share * math.log(high / low)), low), high)
        return low + share * (high - low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of several: `drawn` are those used when a recipe says nothing, all alike in chance."""

    options: tuple[Value, ...]
    drawn: tuple[Value, ...]

    def resolve(self, key: str, given: Any) -> tuple[Value, ...]:
        """The options that a recipe gives (one, or a list); ValueError if one of them is none."""
        chosen = tuple(given) if isinstance(given, list | tuple) else (given,)
        strange = [item for item in chosen if item not in self.options or isinstance(item, bool) != self._is_bool]
        if not chosen or strange:
            known = ", ".join(str(option) for option in self.options)
            raise ValueError(f"{key}: expected one or a list of {known}, found {given!r}")
        # As the fault writes them: a recipe may say 50.0 where the fault knows 50.
        return tuple(self.options[self.options.index(item)] for item in chosen)

    @property
    def _is_bool(self) -> bool:
        return isinstance(self.options[0], bool)

    def draw(self, given: Any, rng: np.random.Generator) -> Value:
        """One of what `resolve` takes."""
        chosen = self.resolve("", given)
        return chosen[int(rng.random() * len(chosen))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text that is not drawn, the path of a plugin or a folder say; `drawn` is what holds when a recipe is silent."""

    drawn: str = ""

    def resolve(self, key: str, given: Any) -> str:
        """The text itself; ValueError if it is none."""
        if not isinstance(given, str) or "\0" in given:
            raise ValueError(f"{key}: expected a text in quotes, found {given!r}")
        return given

    def draw(self, given: Any, rng: np.random.Generator) -> str:
        return self.resolve("", given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Ranges by name for something whose parameters only it knows: `{release_ms = [20, 200], mode = ["A", "B"]}`.

    Two numbers are a range; a list of anything else is a choice; a number, a text, true or false is taken as it is.
    """

    drawn: Mapping[str, Any]

    def resolve(self, key: str, given: Any) -> dict[str, Any]:
        """The table itself; ValueError if it is none."""
        if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
            raise ValueError(f"{key}: expected a table of parameters and their ranges, found {given!r}")
        for name, ends in given.items():
            _check_any(f"{key}.{name}", ends)
        return dict(given)

    def draw(self, given: Any, rng: np.random.Generator) -> dict[str, Value]:
        """A value for each name, in the order of the names, so that the order in a file does not matter."""
        return {name: _draw_any(ends, rng) for name, ends in sorted(self.resolve("", given).items())}


Range = Span | Choice | Text | Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """Values for one fault: from the recipe's ranges where it gives some, else from the fault's own."""

    rng: np.random.Generator
    ranges: Mapping[str, Range]
    given: Mapping[str, Any]

    def __call__(self, key: str) -> Any:
        """A value for `key`, a new one at each call."""
        spec = self.ranges[key]
        return spec.draw(self.given.get(key, spec.drawn), self.rng)


def check_ranges(fault: str, ranges: Mapping[str, Range], given: Mapping[str, Any]) -> None:
    """ValueError that says which key of a recipe is unknown or cannot be."""
    for key, value in given.items():
        if key not in ranges:
            raise ValueError(f"{fault}: unknown range {key!r}; it has {', '.join(ranges)}")
        try:
            ranges[key].resolve(key, value)
        except ValueError as problem:
            raise ValueError(f"{fault}: {problem}") from problem


def is_range(given: Any) -> bool:
    """True for what a `Table` takes as a range, two numbers, and for no choice and no single value."""
    return isinstance(given, list | tuple) and len(given) == 2 and all(_is_number(end) for end in given)


def _check_any(place: str, given: Any) -> None:
    """ValueError for what `_draw_any` could make nothing of."""
    values = given if isinstance(given, list | tuple) else [given]
    if not values:
        raise ValueError(f"{place}: expected [low, high] or a list of choices, found an empty list")
    strange = [value for value in values if not (isinstance(value, bool | str) or _is_number(value))]
    if strange:
        raise ValueError(f"{place}: expected numbers, texts, true or false, found {strange[0]!r}")
    if is_range(given) and given[0] > given[1]:
        raise ValueError(f"{place}: expected [low, high] with low first, found {given!r}")


def _draw_any(given: Any, rng: np.random.Generator) -> Value:
    if not isinstance(given, list | tuple):
        value: Value = given
        return value
    if is_range(given):
        low, high = (float(end) for end in given)
        return low + rng.random() * (high - low)
    chosen: Value = given[int(rng.random() * len(given))]
    return chosen


def _is_number(value: Any) -> bool:
    # No comparison of a NaN is true; and math.isfinite would raise for an integer that no float can hold.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
