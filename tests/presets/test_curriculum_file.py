"""Curriculum files: stages come out in their order, and every mistake is named with its line."""

from pathlib import Path

import pytest

from rebounce.presets.curriculum_file import Curriculum, Stage, parse_curriculum, read_curriculum_file
from rebounce.presets.recipe_file import FaultEntry, Recipe, RecipeFileError

GOOD = """description = "For tests"
recipe = "two"

[[stage]]
name = "0"
count = 0

[[stage]]
name = "hard"
count = [1, 2]
stronger = true
"""

TWO = Recipe(
    name="two",
    description="",
    entries=(FaultEntry(fault="eq", ranges={}, stronger={"gain_db": 3}), FaultEntry(fault="echo", ranges={})),
    count=None,
)
GENTLE = Recipe(name="gentle", description="", entries=(FaultEntry(fault="eq", ranges={}),), count=None)


def find(name: str) -> Recipe:
    """One of two recipes."""
    try:
        return {"two": TWO, "gentle": GENTLE}[name]
    except KeyError as problem:
        raise ValueError(f"no recipe {name}") from problem


def test_a_curriculum_says_what_its_file_says() -> None:
    stages = (
        Stage(name="0", count=(0, 0), is_stronger=False),
        Stage(name="hard", count=(1, 2), is_stronger=True),
    )
    expected = Curriculum(name="good", description="For tests", recipe="two", stages=stages)
    assert parse_curriculum(GOOD, "folder/good.toml", find) == expected


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("recipe =", "recip =", r"line 2: unknown key 'recip'; did you mean 'recipe'"),
        ('recipe = "two"', "", r"line 1: expected recipe = text in quotes, found None"),
        ('"two"', '"three"', r"line 2: no recipe three"),
        ('"two"', '""', r"line 2: expected recipe = the name of a recipe, or the path of its file, found ''"),
        ("count = 0", "count = 3", r"line 6: count = 3, but the recipe has 2 faults, each at most once"),
        ("count = 0", "", r"line 4: expected count = a whole number or \[fewest, most\], found None"),
        ("count = 0", "weight = 1", r"line 6: unknown key 'weight'; a stage has name, count, stronger"),
        ('"hard"', '"0"', r"line 9: stage '0' stands here twice"),
        ('"hard"', "4", r"line 9: expected name = text in quotes, found 4"),
        ("true", '"yes"', r"line 11: expected stronger = true or false, found 'yes'"),
        ('"For tests"', "[]", r"line 1: expected description = text in quotes"),
    ],
)
def test_a_mistake_names_its_line(before: str, after: str, message: str) -> None:
    assert GOOD.count(before) == 1, before
    with pytest.raises(RecipeFileError, match=message) as caught:
        parse_curriculum(GOOD.replace(before, after), "bad.toml", find)
    assert str(caught.value).startswith("bad.toml")


def test_a_stronger_stage_of_a_recipe_that_knows_no_stronger_is_refused() -> None:
    text = GOOD.replace('"two"', '"gentle"').replace("[1, 2]", "1")
    with pytest.raises(RecipeFileError, match=r"line 11: recipe 'gentle' has no \[fault\.stronger\] ranges"):
        parse_curriculum(text, "bad.toml", find)


def test_a_curriculum_without_stages_is_refused() -> None:
    with pytest.raises(RecipeFileError, match=r"expected \[\[stage\]\] tables, at least one"):
        parse_curriculum('recipe = "two"', "bad.toml", find)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeFileError, match=r"nowhere\.toml: expected a curriculum file in TOML"):
        read_curriculum_file(tmp_path / "nowhere.toml", find)
