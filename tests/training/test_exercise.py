"""Items: a function of track, exercise and seed alone; as many faults as were asked for, each at most once."""

import hashlib
import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebounce.engine.errors import RecipeError, UsageError
from rebounce.presets.curriculum_file import Stage
from rebounce.presets.recipe_file import FaultEntry, Recipe
from rebounce.training.damage import damage_from_data, damage_to_data
from rebounce.training.exercise import (
    Exercise,
    Item,
    draw_item,
    exercise_of_fault,
    exercise_of_recipe,
    exercise_of_stage,
    exercise_sha256,
)
from rebounce.training.recipes import load_curriculum, load_recipe

CURRICULUM = load_curriculum("token-unet")
STAGES = [stage.name for stage in CURRICULUM.stages]
HASHES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(300)]


def draw(task: tuple[str, str, int]) -> Item:
    """An item of a stage, as a worker process draws it."""
    track, stage, seed = task
    return draw_item(track, exercise(stage), seed)


@cache
def exercise(stage: str) -> Exercise:
    """The exercise of a stage."""
    return exercise_of_stage(CURRICULUM, stage)


def test_neither_order_nor_number_of_workers_matters() -> None:
    tasks = [(track, stage, seed) for track in HASHES[:4] for stage in STAGES for seed in (0, 7)]
    expected = {task: draw(task) for task in tasks}
    shuffled = random.Random(1).sample(tasks, len(tasks))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert dict(zip(shuffled, pool.map(draw, shuffled, chunksize=3), strict=True)) == expected


@pytest.mark.parametrize("stage", CURRICULUM.stages, ids=STAGES)
def test_a_stage_has_as_many_faults_as_it_says_each_at_most_once(stage: Stage) -> None:
    drawn = [[applied.fault for applied in draw((track, stage.name, 3)).damage] for track in HASHES]
    assert all(len(set(names)) == len(names) for names in drawn)
    assert {len(names) for names in drawn} == set(range(stage.count[0], stage.count[1] + 1))


def test_one_fault_is_as_likely_as_another_and_every_order_occurs() -> None:
    first = [draw(("ab", "1", seed)).damage[0].fault for seed in range(2_000)]
    assert {name: count / 2_000 for name, count in Counter(first).items()} == pytest.approx(
        dict.fromkeys(("eq", "gain", "compression", "reverb", "echo"), 0.2), abs=0.04
    )
    orders = {tuple(applied.fault for applied in draw(("ab", "2", seed)).damage) for seed in range(500)}
    assert len(orders) == 5 * 4


def test_a_heavier_fault_is_drawn_more_often_and_stands_first_no_more_often() -> None:
    entries = tuple(FaultEntry(fault=name, ranges={}, weight=weight) for name, weight in (("gain", 3), ("eq", 1)))
    recipe = Recipe(name="heavy", description="", entries=entries, count=(1, 1))
    alone = [draw_item("ab", exercise_of_recipe(recipe), seed).damage[0].fault for seed in range(2_000)]
    assert alone.count("gain") / 2_000 == pytest.approx(0.75, abs=0.04)
    both = exercise_of_recipe(replace(recipe, count=(2, 2)))
    first = [draw_item("ab", both, seed).damage[0].fault for seed in range(2_000)]
    assert first.count("gain") / 2_000 == pytest.approx(0.5, abs=0.045)


def test_without_a_count_each_fault_falls_by_its_own_chance() -> None:
    entries = tuple(FaultEntry(fault=name, ranges={}, chance=chance) for name, chance in (("gain", 0.3), ("eq", 0.6)))
    recipe = Recipe(name="chances", description="", entries=entries, count=None)
    items = [draw_item("ab", exercise_of_recipe(recipe), seed) for seed in range(3_000)]
    names = [frozenset(applied.fault for applied in item.damage) for item in items]
    shares = {name: sum(name in drawn for drawn in names) / 3_000 for name in ("gain", "eq")}
    assert shares == pytest.approx({"gain": 0.3, "eq": 0.6}, abs=0.035)
    assert names.count(frozenset()) / 3_000 == pytest.approx(0.7 * 0.4, abs=0.035)


def test_the_share_of_clean_items_is_as_asked_and_stages_have_none() -> None:
    entries = (FaultEntry(fault="gain", ranges={}),)
    recipe = Recipe(name="often clean", description="", entries=entries, count=(1, 1), clean_share=0.25)
    clean = sum(not draw_item("ab", exercise_of_recipe(recipe), seed).damage for seed in range(3_000))
    assert clean / 3_000 == pytest.approx(0.25, abs=0.035)


def test_one_item_in_eight_of_realistic_is_clean() -> None:
    realistic = exercise_of_recipe(load_recipe("realistic"))
    clean = sum(not draw_item("ab", realistic, seed).damage for seed in range(2_000))
    assert 0.08 < clean / 2_000 < 0.15


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**63), track=st.sampled_from(HASHES), stage=st.sampled_from(STAGES))
def test_an_item_survives_its_way_through_data_and_its_place_lies_within_the_track(
    seed: int, track: str, stage: str
) -> None:
    item = draw((track, stage, seed))
    assert damage_from_data(damage_to_data(item.damage)) == item.damage
    assert 0 <= item.place < 1


def test_track_exercise_and_seed_each_give_other_items() -> None:
    base = draw((HASHES[0], "4", 0))
    others = [draw((HASHES[1], "4", 0)), draw((HASHES[0], "4-stronger", 0)), draw((HASHES[0], "4", 1))]
    assert all(other.place != base.place for other in others)


def test_stronger_ranges_reach_further_and_hold_nothing_that_was_not_asked_for() -> None:
    def gains(stage: str) -> list[float]:
        items = [draw(("ab", stage, seed)) for seed in range(1_500)]
        return [one.parameters["gain_db"] for item in items for one in item.damage if one.fault == "gain"]

    assert 2.5 < np.abs(gains("1")).max() <= 3
    assert 5 < np.abs(gains("1-stronger")).max() <= 6


def test_a_single_fault_comes_in_its_own_ranges_or_in_those_of_a_recipe() -> None:
    own, readme = exercise_of_fault("eq"), exercise_of_fault("eq", load_recipe("readme"))
    assert (own.name, readme.name) == ("fault eq", "fault eq of readme")
    drawn: dict[str, set[int]] = {}
    for one in (own, readme):
        damages = [draw_item("ab", one, seed).damage for seed in range(50)]
        assert all([applied.fault for applied in damage] == ["eq"] for damage in damages)
        drawn[one.name] = {len(damage[0].parameters["filters"]) for damage in damages}
    assert drawn == {"fault eq": {1, 2, 3, 4}, "fault eq of readme": {1}}


def test_the_hash_of_an_exercise_tells_all_apart_that_is_drawn_by() -> None:
    entry = FaultEntry(fault="gain", ranges={"gain_db": [-1, 1]}, stronger={"gain_db": [-2, 2]})
    recipe = Recipe(name="r", description="", entries=(entry,), count=(1, 1))
    base = exercise_of_recipe(recipe)
    changed = [
        exercise_of_recipe(recipe, is_stronger=True),
        exercise_of_recipe(replace(recipe, name="s")),
        exercise_of_recipe(replace(recipe, clean_share=0.5)),
        exercise_of_recipe(replace(recipe, count=None)),
        exercise_of_recipe(replace(recipe, entries=(replace(entry, ranges={"gain_db": [-1, 2]}),))),
        exercise_of_recipe(replace(recipe, entries=(replace(entry, weight=2.0),))),
        exercise_of_recipe(replace(recipe, entries=(replace(entry, chance=0.5),))),
    ]
    assert len({exercise_sha256(one) for one in [base, *changed]}) == 1 + len(changed)
    same = [replace(recipe, description="Other words."), replace(recipe, entries=(replace(entry, stronger={}),))]
    assert {exercise_sha256(exercise_of_recipe(one)) for one in same} == {exercise_sha256(base)}


def test_what_does_not_exist_is_named_with_what_does() -> None:
    with pytest.raises(RecipeError, match="token-unet has no stage '5'; it has 0, 1, 1-stronger, 2, 3"):
        exercise_of_stage(CURRICULUM, "5")
    with pytest.raises(UsageError, match="did you mean 'echo'"):
        exercise_of_fault("ecko")
    with pytest.raises(RecipeError, match="recipe mp3 has no fault 'eq'; it has mp3"):
        exercise_of_fault("eq", load_recipe("mp3"))
    with pytest.raises(RecipeError, match="recipe mp3 has no stronger ranges"):
        exercise_of_recipe(load_recipe("mp3"), is_stronger=True)


def test_only_the_name_of_an_exercise_stands_in_the_hash() -> None:
    """A range that is changed changes the value drawn from it, and nothing else of the item."""
    entry = FaultEntry(fault="gain", ranges={"gain_db": [-1, 1]})
    recipe = Recipe(name="r", description="", entries=(entry,), count=(1, 1))
    wider = replace(recipe, entries=(replace(entry, ranges={"gain_db": [-2, 2]}),))
    narrow, wide = (
        draw_item("ab", Exercise(name="r", recipe=one, count=(1, 1), is_stronger=False), 5) for one in (recipe, wider)
    )
    assert narrow.place == wide.place
    assert 2 * narrow.damage[0].parameters["gain_db"] == pytest.approx(wide.damage[0].parameters["gain_db"])
