"""The groups of items that are judged apart: one a fault, one of faults mixed, one of audio with no fault at all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rebounce.engine.errors import RecipeError
from rebounce.presets.recipe_file import Recipe
from rebounce.training.exercise import Exercise, draw_item, exercise_of_fault, exercise_of_recipe
from rebounce.training.tracks import Track

CLEAN = "clean"
MIXED = "mixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Items that are drawn alike; `about` says what they are."""

    name: str
    about: str
    exercise: Exercise

    @property
    def is_clean(self) -> bool:
        """True for the audit of audio in which nothing is wrong."""
        return self.name == CLEAN

    def seeds(self, track: Track, seed: int, items: int) -> Iterator[int]:
        """The seeds of a track's items: `seed` and those after it, without any that drew no fault at all."""
        for number in range(seed, seed + items):
            if self.is_clean or draw_item(track.sha256, self.exercise, number).damage:
                yield number


def fault_groups(faults: Sequence[str], recipe: Recipe | None = None) -> list[Group]:
    """One group a fault, with the recipe's ranges or the fault's own."""
    ranges = f"the ranges of recipe {recipe.name}" if recipe else "the fault's own ranges"
    return [
        Group(name=fault, about=f"{fault} alone, {ranges}", exercise=exercise_of_fault(fault, recipe))
        for fault in dict.fromkeys(faults)
    ]


def stronger(recipe: Recipe) -> Recipe:
    """The recipe with its stronger ranges; RecipeError where it has none."""
    if not recipe.has_stronger:
        raise RecipeError(f"recipe {recipe.name} has no stronger ranges; leave --stronger out, or add [fault.stronger]")
    entries = tuple(replace(entry, ranges=entry.ranges | entry.stronger, stronger={}) for entry in recipe.entries)
    return replace(recipe, name=f"{recipe.name}-stronger", entries=entries)


def recipe_groups(recipe: Recipe) -> list[Group]:
    """Each fault of the recipe alone, and then the recipe as it stands where it has several."""
    groups = fault_groups([entry.fault for entry in recipe.entries], recipe)
    if len(groups) > 1:
        groups.append(exercise_group(exercise_of_recipe(replace(recipe, clean_share=0.0)), MIXED))
    return groups


def exercise_group(exercise: Exercise, name: str = "") -> Group:
    """A recipe or a stage of a curriculum as it stands."""
    about = f"faults together, as {exercise.name} deals them out"
    return Group(name=name or exercise.name, about=about, exercise=exercise)


def clean_group() -> Group:
    """Items in which nothing is wrong."""
    nothing = Recipe(name=CLEAN, description="", entries=(), count=(0, 0))
    exercise = Exercise(name=CLEAN, recipe=nothing, count=(0, 0), is_stronger=False)
    return Group(name=CLEAN, about="nothing is wrong, so nothing should change", exercise=exercise)
