"""A recipe as TOML: which faults there are, how often, and in which ranges; read with every name and range checked.

    description = "..."
    count = [1, 5]              # so many different faults, by `weight`; or, without it, each by its own `chance`
    clean_share = 0.1           # and so many items with no fault at all

    [[fault]]
    fault = "eq"
    gain_db = [-6, 6]
    [fault.stronger]            # ranges that replace those above where the stronger variant is asked for
    gain_db = [-12, 12]

Which faults there are and what their ranges may be is asked of a check that the caller passes in. Errors name the line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rebounce.presets.toml_places import Places, parse, read_text

TOP_LEVEL = ("description", "count", "clean_share", "fault")
OF_A_FAULT = ("fault", "chance", "weight", "stronger")
# What should never fall is better left out of a recipe, and its author probably meant something else.
LEAST_CHANCE = 1e-6
MOST_WEIGHT = 1e6
# No range of a fault is named so much like one of the keys that every fault has.
LIKELY_MEANT = 0.75

Check = Callable[[str, Mapping[str, Any]], None]
"""Takes the name of a fault and ranges for it; raises ValueError if there is no such fault, or a range cannot be."""


class RecipeFileError(ValueError):
    """A recipe or curriculum that cannot be used; the message names file and line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEntry:
    """One fault of a recipe. `chance` counts where each fault falls by itself, `weight` where a number is drawn."""

    fault: str
    ranges: dict[str, Any]
    stronger: dict[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    chance: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What may be done to a track. Without a `count` each fault falls by its own chance."""

    name: str
    description: str
    entries: tuple[FaultEntry, ...]
    count: tuple[int, int] | None
    clean_share: float = 0.0

    @property
    def has_stronger(self) -> bool:
        """True when some fault has ranges of its own for the stronger variant."""
        return any(entry.stronger for entry in self.entries)


def read_recipe_file(path: Path, check: Check) -> Recipe:
    """Read and check one recipe file."""
    try:
        return parse_recipe(read_text(path, "recipe file"), str(path), check)
    except RecipeFileError:
        raise
    except ValueError as problem:
        raise RecipeFileError(str(problem)) from problem


def parse_recipe(text: str, where: str, check: Check) -> Recipe:
    """Check the text of a recipe; `where` names it in errors."""
    table, report = parse_toml(text, where, TOP_LEVEL, "a recipe")
    tables = report.tables(table, "fault")
    count = report.count(table, "count", most=len(tables)) if "count" in table else None
    if count == (0, 0):
        raise report("count = 0 leaves every item clean; say how many faults an item is to have", "count")
    clean_share = report.number(table.get("clean_share", 0.0), (0.0, 1.0), "clean_share")
    if clean_share == 1:
        raise report("clean_share = 1 leaves every item clean; expected a number from 0 to less than 1", "clean_share")
    entries = tuple(_entry(item, number, count is not None, check, report) for number, item in enumerate(tables))
    names = [entry.fault for entry in entries]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise report(f"fault {name!r} stands here twice; give its ranges in one table", "fault", number, "fault")
    return Recipe(
        name=Path(where).stem,
        description=report.text(table, "description"),
        entries=entries,
        count=count,
        clean_share=clean_share,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Says what is wrong with a file, and in which line; `wrong.count(...)` and its like check one value."""

    where: str
    places: Places

    def __call__(self, problem: str, *place: str | int) -> RecipeFileError:
        return RecipeFileError(f"{self.where}, line {self.places.line(*place)}: {problem}")

    def text(self, table: Mapping[str, Any], key: str, *place: str | int) -> str:
        """A text that must be there, but for the description."""
        found = table.get(key, "" if key == "description" else None)
        if not isinstance(found, str):
            raise self(f"expected {key} = text in quotes, found {found!r}", *place, key)
        return found

    def number(self, found: Any, ends: tuple[float, float], *place: str | int) -> float:
        """A number between two ends."""
        if isinstance(found, bool) or not isinstance(found, int | float) or not ends[0] <= found <= ends[1]:
            raise self(f"expected {place[-1]} = a number from {ends[0]:g} to {ends[1]:g}, found {found!r}", *place)
        return float(found)

    def count(self, table: Mapping[str, Any], key: str, most: int, *place: str | int) -> tuple[int, int]:
        """How many faults: a whole number, or `[fewest, most]`; no more than there are."""
        found = table.get(key)
        ends: list[Any] = found if isinstance(found, list) else [found, found]
        is_whole = len(ends) == 2 and all(isinstance(end, int) and not isinstance(end, bool) for end in ends)
        if not is_whole or not 0 <= ends[0] <= ends[1]:
            raise self(f"expected {key} = a whole number or [fewest, most], found {found!r}", *place, key)
        if ends[1] > most:
            faults = "1 fault" if most == 1 else f"{most} faults"
            raise self(f"{key} = {found!r}, but the recipe has {faults}, each at most once", *place, key)
        return ends[0], ends[1]

    def tables(self, table: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        """The `[[key]]` tables, at least one."""
        found = table.get(key, [])
        if not isinstance(found, list) or not found or not all(isinstance(item, dict) for item in found):
            raise self(f"expected [[{key}]] tables, at least one, found {key} = {found!r}", key)
        return found


def parse_toml(text: str, where: str, known: tuple[str, ...], kind: str) -> tuple[dict[str, Any], Report]:
    """The tables of a text whose top level holds nothing but the known keys, and what reports its faults."""
    try:
        table = parse(text)
    except ValueError as problem:
        raise RecipeFileError(f"{where}: {problem}") from problem
    report = Report(where=where, places=Places(text))
    refuse_unknown(table, known, kind, report)
    return table, report


def refuse_unknown(
    table: Mapping[str, Any], known: tuple[str, ...], kind: str, report: Report, *place: str | int
) -> None:
    """Raise for the first key that is none of the known."""
    for key in table:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"{kind} has {', '.join(known)}"
            raise report(f"unknown key {key!r}; {hint}", *place, key)


def _entry(item: dict[str, Any], number: int, has_count: bool, check: Check, report: Report) -> FaultEntry:
    place = ("fault", number)
    name = report.text(item, "fault", *place)
    ranges = {key: value for key, value in item.items() if key not in OF_A_FAULT}
    stronger = item.get("stronger", {})
    if not isinstance(stronger, dict):
        raise report(f"expected [fault.stronger] as a table of ranges, found {stronger!r}", *place, "stronger")
    _check(check, name, {}, report, *place, "fault")
    for key, value in ranges.items():
        try:
            check(name, {key: value})
        except ValueError as problem:
            raise report(f"{problem}{_meant(key)}", *place, key) from problem
    for key, value in stronger.items():
        _check(check, name, {key: value}, report, *place, "stronger", key)
    unused = "chance" if has_count else "weight"
    if unused in item:
        why = "a recipe with a count draws by weight" if has_count else "without a count each fault falls by its chance"
        raise report(f"{unused} means nothing here: {why}", *place, unused)
    chance = report.number(item.get("chance", 1.0), (LEAST_CHANCE, 1.0), *place, "chance")
    # Where a curriculum draws a number of faults from a recipe of chances, what falls more often is drawn more often.
    weight = report.number(item.get("weight", chance), (LEAST_CHANCE, MOST_WEIGHT), *place, "weight")
    return FaultEntry(fault=name, ranges=ranges, stronger=stronger, weight=weight, chance=chance)


def _meant(key: str) -> str:
    """A hint for a range that is nearly the name of something else that a fault of a recipe has."""
    close = get_close_matches(key, OF_A_FAULT, n=1, cutoff=LIKELY_MEANT)
    return f"; did you mean {close[0]!r}?" if close else ""


def _check(check: Check, fault: str, ranges: Mapping[str, Any], report: Report, *place: str | int) -> None:
    try:
        check(fault, ranges)
    except ValueError as problem:
        raise report(str(problem), *place) from problem
