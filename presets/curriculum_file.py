"""A curriculum as TOML: the stages of a training in their order, all drawn from one recipe.

    description = "..."
    recipe = "readme"           # a bundled recipe, or the path of a file from where this one lies

    [[stage]]
    name = "1-stronger"
    count = 1                   # so many different faults, or [fewest, most]
    stronger = true             # with the stronger ranges of the recipe

What the recipe holds is asked of the caller. Errors name the line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rebounce.presets.recipe_file import Recipe, RecipeFileError, Report, parse_toml, refuse_unknown
from rebounce.presets.toml_places import read_text

TOP_LEVEL = ("description", "recipe", "stage")
OF_A_STAGE = ("name", "count", "stronger")

Find = Callable[[str], Recipe]
"""Gives the recipe that a curriculum names; ValueError if there is none, or it cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of a curriculum: how many faults an item has, fewest and most, and in which ranges."""

    name: str
    count: tuple[int, int]
    is_stronger: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Curriculum:
    """The stages in their order, and the recipe that they draw from: a name, or the path of a file."""

    name: str
    description: str
    recipe: str
    stages: tuple[Stage, ...]


def read_curriculum_file(path: Path, find: Find) -> Curriculum:
    """Read and check one curriculum file."""
    try:
        return parse_curriculum(read_text(path, "curriculum file"), str(path), find)
    except RecipeFileError:
        raise
    except ValueError as problem:
        raise RecipeFileError(str(problem)) from problem


def parse_curriculum(text: str, where: str, find: Find) -> Curriculum:
    """Check the text of a curriculum; `where` names it in errors."""
    table, report = parse_toml(text, where, TOP_LEVEL, "a curriculum")
    name = report.text(table, "recipe")
    if not name:
        raise report("expected recipe = the name of a recipe, or the path of its file, found ''", "recipe")
    try:
        recipe = find(name)
    except ValueError as problem:
        raise report(str(problem), "recipe") from problem
    tables = report.tables(table, "stage")
    stages = tuple(_stage(item, number, recipe, report) for number, item in enumerate(tables))
    names = [stage.name for stage in stages]
    for number, stage in enumerate(names):
        if stage in names[:number]:
            raise report(f"stage {stage!r} stands here twice; give each a name of its own", "stage", number, "name")
    return Curriculum(name=Path(where).stem, description=report.text(table, "description"), recipe=name, stages=stages)


def _stage(item: dict[str, Any], number: int, recipe: Recipe, report: Report) -> Stage:
    place = ("stage", number)
    refuse_unknown(item, OF_A_STAGE, "a stage", report, *place)
    is_stronger = item.get("stronger", False)
    if not isinstance(is_stronger, bool):
        raise report(f"expected stronger = true or false, found {is_stronger!r}", *place, "stronger")
    if is_stronger and not recipe.has_stronger:
        raise report(f"recipe {recipe.name!r} has no [fault.stronger] ranges", *place, "stronger")
    return Stage(
        name=report.text(item, "name", *place),
        count=report.count(item, "count", len(recipe.entries), *place),
        is_stronger=is_stronger,
    )
