"""What is judged apart from what."""

import pytest
from measured_items import track

from rebounce.engine.errors import RecipeError
from rebounce.presets.recipe_file import FaultEntry, Recipe
from rebounce.training.evaluation.groups import clean_group, exercise_group, fault_groups, recipe_groups, stronger
from rebounce.training.exercise import draw_item, exercise_of_recipe

GAIN = FaultEntry(fault="gain", ranges={"gain_db": [-6, -3]}, stronger={"gain_db": [-20, -10]}, chance=0.5)
EQ = FaultEntry(fault="eq", ranges={}, chance=0.5)
TRACK = track("a")


def recipe(*entries: FaultEntry, clean_share: float = 0.0) -> Recipe:
    return Recipe(name="some", description="", entries=entries, count=None, clean_share=clean_share)


def test_a_recipe_is_each_of_its_faults_alone_and_then_all_together() -> None:
    groups = recipe_groups(recipe(GAIN, EQ))
    assert [group.name for group in groups] == ["gain", "eq", "mixed"]
    for group in groups[:2]:
        for seed in group.seeds(TRACK, 0, 20):
            (applied,) = draw_item(TRACK.sha256, group.exercise, seed).damage
            assert applied.fault == group.name


def test_a_recipe_of_one_fault_is_not_mixed_with_anything() -> None:
    assert [group.name for group in recipe_groups(recipe(GAIN))] == ["gain"]


def test_the_ranges_are_those_of_the_recipe() -> None:
    (gain,) = fault_groups(["gain", "gain"], recipe(GAIN))
    (damage,) = draw_item(TRACK.sha256, gain.exercise, 0).damage
    assert -6 <= damage.parameters["gain_db"] <= -3
    assert "recipe some" in gain.about
    (own,) = fault_groups(["gain"])
    assert "own ranges" in own.about


def test_stronger_ranges_replace_the_others_everywhere() -> None:
    gain, _, mixed = recipe_groups(stronger(recipe(GAIN, EQ)))
    (damage,) = draw_item(TRACK.sha256, gain.exercise, 0).damage
    assert -20 <= damage.parameters["gain_db"] <= -10
    assert mixed.exercise.name == "some-stronger"
    with pytest.raises(RecipeError, match="leave --stronger out"):
        stronger(recipe(EQ))


def test_items_without_any_fault_are_no_items_but_of_the_clean_group() -> None:
    mixed = recipe_groups(recipe(GAIN, EQ, clean_share=0.9))[-1]
    seeds = list(mixed.seeds(TRACK, 5, 40))
    drawn = {seed: draw_item(TRACK.sha256, mixed.exercise, seed).damage for seed in range(5, 45)}
    assert seeds == [seed for seed, damage in drawn.items() if damage]
    assert 20 <= len(seeds) < 40  # three in four; the clean share is another matter, and left out
    assert list(clean_group().seeds(TRACK, 5, 3)) == [5, 6, 7]
    assert draw_item(TRACK.sha256, clean_group().exercise, 5).damage == ()


def test_a_stage_is_named_after_its_exercise() -> None:
    assert exercise_group(exercise_of_recipe(recipe(GAIN))).name == "some"
