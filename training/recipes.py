"""Recipes and curricula: the bundled ones by name, any other by its path, checked against the faults there are."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from rebounce.engine.errors import RebounceError, RecipeError, UsageError
from rebounce.engine.vst3_folders import refuse_unless_allowed
from rebounce.presets.curriculum_file import Curriculum, parse_curriculum, read_curriculum_file
from rebounce.presets.recipe_file import FaultEntry, Recipe, RecipeFileError, parse_recipe, read_recipe_file
from rebounce.training.faults.fault import draw_fault
from rebounce.training.faults.ranges import Choice, check_ranges
from rebounce.training.faults.registry import fault_named
from rebounce.training.faults.vst3 import vst3_paths
from rebounce.training.plugin_ranges import check_plugin_ranges

PACKAGE = "rebounce.presets"
# What is looked for from where the recipe file lies, as the recipe of a curriculum is.
PATHS = {"reverb": "folder", "vst3": "path"}


def bundled_recipes() -> list[str]:
    """The names of the recipes that are always there."""
    return _bundled("recipes")


def bundled_curricula() -> list[str]:
    """The names of the curricula that are always there."""
    return _bundled("curricula")


def load_recipe(recipe: str | Path, allow_plugins: Iterable[str | Path] = ()) -> Recipe:
    """A bundled recipe ("readme", "realistic", "mp3") or a recipe file, every fault and range checked.

    It may name VST3 bundles in the system's VST3 folders, and those of `allow_plugins`; nothing else. What only drawing
    or the plugin itself can tell is found here too: a folder without impulse responses, a range that a plugin refuses.
    """
    found = read_recipe(recipe)
    allowed = [Path(item) for item in allow_plugins]
    for bundle in _bundles(found):
        try:
            refuse_unless_allowed(bundle, allowed)
        except UsageError as problem:
            raise RecipeError(str(problem).replace("a chain file", f"recipe {found.name}")) from problem
    for fault, ranges in _variants(found):
        try:
            check_draws(fault, ranges)
        except RebounceError as problem:
            raise RecipeError(f"{recipe}: {problem}") from problem
    return found


def check_draws(fault: str, ranges: Mapping[str, Any]) -> None:
    """Draw the fault with each of its choices, and ask the plugin of a VST3; raises what drawing for a track would."""
    specs = fault_named(fault).ranges
    for key, spec in specs.items():
        for option in spec.resolve(key, ranges.get(key, spec.drawn)) if isinstance(spec, Choice) else ():
            _draw_once(fault, {**ranges, key: option})
    _draw_once(fault, ranges)
    if fault == "vst3":
        check_plugin_ranges(ranges)


def read_recipe(recipe: str | Path) -> Recipe:
    """A recipe as data, checked; where its plugins lie is not looked at."""
    try:
        if str(recipe) in bundled_recipes():
            return parse_recipe(bundled_text("recipes", str(recipe)), f"{recipe}.toml", check_fault)
        path = _existing(recipe, "recipe", bundled_recipes())
        return _anchored(read_recipe_file(path, check_fault), path.parent)
    except RecipeFileError as problem:
        raise RecipeError(str(problem)) from problem


def load_curriculum(curriculum: str | Path) -> Curriculum:
    """A bundled curriculum ("token-unet") or a curriculum file, its recipe and stages checked."""
    try:
        if str(curriculum) in bundled_curricula():
            text = bundled_text("curricula", str(curriculum))
            return parse_curriculum(text, f"{curriculum}.toml", partial(_recipe_of, Path()))
        path = _existing(curriculum, "curriculum", bundled_curricula())
        found = read_curriculum_file(path, partial(_recipe_of, path.parent))
        return replace(found, recipe=str(_recipe_beside(path.parent, found.recipe)))
    except RecipeFileError as problem:
        raise RecipeError(str(problem)) from problem


def bundled_text(folder: str, name: str) -> str:
    """The text of a bundled recipe (`folder` "recipes") or curriculum ("curricula")."""
    return files(PACKAGE).joinpath(folder, f"{name}.toml").read_text(encoding="utf-8")


def check_fault(fault: str, ranges: Mapping[str, Any]) -> None:
    """ValueError if there is no such fault, or one of the ranges cannot be."""
    try:
        check_ranges(fault, fault_named(fault).ranges, ranges)
    except UsageError as problem:
        raise ValueError(str(problem)) from problem


def _recipe_of(folder: Path, name: str) -> Recipe:
    """The recipe that a curriculum in this folder names; ValueError if it cannot be used."""
    try:
        return read_recipe(_recipe_beside(folder, name))
    except RecipeError as problem:
        raise ValueError(str(problem)) from problem


def _recipe_beside(folder: Path, name: str) -> str | Path:
    return name if name in bundled_recipes() else folder / name


def _anchored(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe, what it says of files as seen from its own folder."""
    return replace(recipe, entries=tuple(_anchored_entry(entry, folder) for entry in recipe.entries))


def _anchored_entry(entry: FaultEntry, folder: Path) -> FaultEntry:
    def anchored(ranges: dict[str, Any]) -> dict[str, Any]:
        key = PATHS.get(entry.fault, "")
        if not ranges.get(key):
            return ranges
        return {**ranges, key: os.path.abspath(folder / os.path.expanduser(ranges[key]))}

    return replace(entry, ranges=anchored(entry.ranges), stronger=anchored(entry.stronger))


def _bundles(recipe: Recipe) -> list[str]:
    """Every VST3 path that a recipe names."""
    tables = [table for entry in recipe.entries if entry.fault == "vst3" for table in (entry.ranges, entry.stronger)]
    return [path for table in tables for path in vst3_paths(table)]


def _variants(recipe: Recipe) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each fault with its ranges, and once more with its stronger ones where it has some."""
    for entry in recipe.entries:
        yield entry.fault, entry.ranges
        if entry.stronger:
            yield entry.fault, {**entry.ranges, **entry.stronger}


def _draw_once(fault: str, ranges: Mapping[str, Any]) -> None:
    draw_fault(fault_named(fault), np.random.Generator(np.random.PCG64(0)), ranges)


def _bundled(folder: str) -> list[str]:
    names = (entry.name for entry in files(PACKAGE).joinpath(folder).iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def _existing(given: str | Path, kind: str, bundled: list[str]) -> Path:
    path = Path(given)
    if str(given) and (path.exists() or path.suffix == ".toml"):
        return path
    close = get_close_matches(str(given), bundled, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "`rebounce presets list` shows what there is"
    raise RecipeError(
        f"expected a {kind}, one of {', '.join(bundled)}, or the path of a {kind} file, found {str(given)!r}; {hint}"
    )
