"""What is done to a track on purpose: drawn from its content, the exercise and a seed, and from nothing else.

What always holds: an item is the same on any machine, in any order and with any number of workers, since its generator
is seeded with a hash of these three alone and gives nothing but `random()`, whose stream is fixed; and a track of equal
content under another name has equal items.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rebounce.engine.errors import RecipeError
from rebounce.presets.curriculum_file import Curriculum, Stage
from rebounce.presets.recipe_file import FaultEntry, Recipe
from rebounce.training.damage import Applied, Damage
from rebounce.training.faults.fault import draw_fault
from rebounce.training.faults.registry import fault_named
from rebounce.training.recipes import check_draws, load_recipe

SCHEMA = "rebounce-item 1"
"""Stands in every hash: to be changed when the same exercise is to give other items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """What items are drawn from. The name stands in the hash, so that equal recipes under two names differ.

    `count` is how many faults an item has, fewest and most; None where each falls by its own chance.
    """

    name: str
    recipe: Recipe
    count: tuple[int, int] | None
    is_stronger: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One damage, and where an excerpt begins: `place` is the share, 0 to 1, of what is possible."""

    damage: Damage
    place: float


def exercise_of_recipe(recipe: Recipe, is_stronger: bool = False) -> Exercise:
    """Items as the recipe itself deals them out."""
    if is_stronger and not recipe.has_stronger:
        raise RecipeError(f"recipe {recipe.name} has no stronger ranges; leave --stronger out, or add [fault.stronger]")
    name = f"{recipe.name}-stronger" if is_stronger else recipe.name
    return Exercise(name=name, recipe=recipe, count=recipe.count, is_stronger=is_stronger)


def exercise_of_fault(fault: str, recipe: Recipe | None = None) -> Exercise:
    """Items with exactly that fault, in the recipe's ranges or in the fault's own."""
    fault_named(fault)
    entry = FaultEntry(fault=fault, ranges={}) if recipe is None else _entry_of(recipe, fault)
    if recipe is None:
        check_draws(fault, {})
    only = Recipe(name=fault, description="", entries=(entry,), count=(1, 1))
    name = f"fault {fault}" if recipe is None else f"fault {fault} of {recipe.name}"
    return Exercise(name=name, recipe=only, count=(1, 1), is_stronger=False)


def exercise_of_stage(curriculum: Curriculum, stage: str, allow_plugins: Iterable[str | Path] = ()) -> Exercise:
    """Items of one stage: always as many faults as it says."""
    found = stage_named(curriculum, stage)
    recipe = replace(load_recipe(curriculum.recipe, allow_plugins), clean_share=0.0)
    name = f"{curriculum.name}/{found.name}"
    return Exercise(name=name, recipe=recipe, count=found.count, is_stronger=found.is_stronger)


def stage_named(curriculum: Curriculum, stage: str) -> Stage:
    """The stage; RecipeError that lists the stages when there is none of that name."""
    for found in curriculum.stages:
        if found.name == stage:
            return found
    stages = ", ".join(known.name for known in curriculum.stages)
    raise RecipeError(f"curriculum {curriculum.name} has no stage {stage!r}; it has {stages}")


def draw_item(track_sha256: str, exercise: Exercise, seed: int) -> Item:
    """The damage for a track; the hash is that of the whole source file."""
    key = json.dumps([SCHEMA, track_sha256, exercise.name, seed], ensure_ascii=True, separators=(",", ":"))
    digest = hashlib.sha256(key.encode()).digest()
    rng = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
    place, is_clean = rng.random(), rng.random() < exercise.recipe.clean_share
    entries = _shuffled(_chosen(exercise, rng), rng)
    damage = tuple(_applied(entry, exercise, rng) for entry in entries)
    return Item(damage=() if is_clean else damage, place=place)


def exercise_sha256(exercise: Exercise) -> str:
    """The hash of all that items are drawn by: equal names may stand for different recipes."""
    recipe = exercise.recipe
    faults = [[one.fault, _ranges(one, exercise), one.weight, one.chance] for one in recipe.entries]
    table = [SCHEMA, exercise.name, faults, exercise.count, recipe.clean_share]
    text = json.dumps(table, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _ranges(entry: FaultEntry, exercise: Exercise) -> dict[str, Any]:
    return {**entry.ranges, **entry.stronger} if exercise.is_stronger else entry.ranges


def _applied(entry: FaultEntry, exercise: Exercise, rng: np.random.Generator) -> Applied:
    parameters = draw_fault(fault_named(entry.fault), rng, _ranges(entry, exercise))
    return Applied(fault=entry.fault, parameters=parameters)


def _chosen(exercise: Exercise, rng: np.random.Generator) -> list[FaultEntry]:
    """Each by its own chance, or a number of different ones by their weights."""
    if exercise.count is None:
        return [entry for entry in exercise.recipe.entries if rng.random() < entry.chance]
    fewest, most = exercise.count
    left = list(exercise.recipe.entries)
    wanted = fewest + int(rng.random() * (most - fewest + 1))
    return [left.pop(_weighted([entry.weight for entry in left], rng)) for _ in range(wanted)]


def _weighted(weights: Sequence[float], rng: np.random.Generator) -> int:
    """The number of one of these, the heavier the likelier."""
    # fsum and not sum, whose last bit depends on the version of Python.
    place = rng.random() * math.fsum(weights)
    for number, weight in enumerate(weights):
        place -= weight
        if place < 0:
            return number
    return len(weights) - 1


def _shuffled(entries: list[FaultEntry], rng: np.random.Generator) -> list[FaultEntry]:
    """In an order of their own: the heavier ones were drawn first more often."""
    left = list(entries)
    return [left.pop(int(rng.random() * len(left))) for _ in range(len(left))]


def _entry_of(recipe: Recipe, fault: str) -> FaultEntry:
    for entry in recipe.entries:
        if entry.fault == fault:
            return entry
    names = ", ".join(entry.fault for entry in recipe.entries)
    raise RecipeError(f"recipe {recipe.name} has no fault {fault!r}; it has {names}")
