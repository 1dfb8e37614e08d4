"""Recipe files: what they say comes out as it was written, and every mistake is named with its line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rebounce.presets.recipe_file import FaultEntry, Recipe, RecipeFileError, parse_recipe, read_recipe_file

GOOD = """description = "For tests"
count = [1, 2]
clean_share = 0.25

[[fault]]
fault = "eq"
weight = 3
gain_db = [-6, 6]

[fault.stronger]
gain_db = [-12, 12]

[[fault]]
fault = "echo"
"""

BY_CHANCE = '[[fault]]\nfault = "eq"\nchance = 0.25\n\n[[fault]]\nfault = "echo"\n'


def check(fault: str, ranges: Mapping[str, Any]) -> None:
    """Two faults, of which one has a range."""
    if fault not in ("eq", "echo"):
        raise ValueError(f"no fault {fault}")
    for key, value in ranges.items():
        if (fault, key) != ("eq", "gain_db"):
            raise ValueError(f"{fault}: unknown range {key}")
        if value == "loud":
            raise ValueError("eq: gain_db: no number")


def test_a_recipe_says_what_its_file_says() -> None:
    eq = FaultEntry(fault="eq", ranges={"gain_db": [-6, 6]}, stronger={"gain_db": [-12, 12]}, weight=3.0)
    assert parse_recipe(GOOD, "folder/good.toml", check) == Recipe(
        name="good",
        description="For tests",
        entries=(eq, FaultEntry(fault="echo", ranges={})),
        count=(1, 2),
        clean_share=0.25,
    )


def test_one_number_is_a_count_too() -> None:
    assert parse_recipe(GOOD.replace("[1, 2]", "2"), "good.toml", check).count == (2, 2)


def test_without_a_count_each_fault_has_a_chance_which_is_its_weight_where_a_number_is_drawn() -> None:
    recipe = parse_recipe(BY_CHANCE, "chances.toml", check)
    assert recipe.count is None
    assert [(entry.chance, entry.weight) for entry in recipe.entries] == [(0.25, 0.25), (1.0, 1.0)]
    assert not recipe.has_stronger


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("clean_share", "clean_shar", r"line 3: unknown key 'clean_shar'; did you mean 'clean_share'"),
        ("0.25", "1.5", r"line 3: expected clean_share = a number from 0 to 1, found 1.5"),
        ("0.25", "true", r"line 3: expected clean_share = a number from 0 to 1, found True"),
        ("0.25", "nan", r"line 3: expected clean_share = a number from 0 to 1, found nan"),
        ('"For tests"', "3", r"line 1: expected description = text in quotes, found 3"),
        ("[1, 2]", "[1, 3]", r"line 2: count = \[1, 3\], but the recipe has 2 faults, each at most once"),
        ("[1, 2]", "[2, 1]", r"line 2: expected count = a whole number or \[fewest, most\], found \[2, 1\]"),
        ("[1, 2]", "[-1, 1]", r"line 2: expected count = a whole number"),
        ("[1, 2]", "1.5", r"line 2: expected count = a whole number"),
        ("[1, 2]", "[1, 1, 2]", r"line 2: expected count = a whole number"),
        ("[1, 2]", "true", r"line 2: expected count = a whole number"),
        ('"eq"', '"eg"', r"line 6: no fault eg"),
        ('fault = "eq"', "", r"line 5: expected fault = text in quotes, found None"),
        ('"echo"', '"eq"', r"line 14: fault 'eq' stands here twice"),
        ("weight = 3", "weight = 0", r"line 7: expected weight = a number from"),
        ("weight = 3", "chance = 0.5", r"line 7: chance means nothing here: a recipe with a count draws by weight"),
        ("gain_db = [-6, 6]", "gain = 3", r"line 8: eq: unknown range gain$"),
        ("weight = 3", "weigth = 3", r"line 7: eq: unknown range weigth; did you mean 'weight'\?"),
        ("[1, 2]", "0", r"line 2: count = 0 leaves every item clean"),
        ("[1, 2]", "[0, 0]", r"line 2: count = 0 leaves every item clean"),
        ("0.25", "1", r"line 3: clean_share = 1 leaves every item clean"),
        ("[-6, 6]", "0x" + "f" * 5000, r"fault\.gain_db is an integer of more than 64 bits"),
        ("[-6, 6]", '"loud"', r"line 8: eq: gain_db: no number"),
        ("[-12, 12]", '"loud"', r"line 11: eq: gain_db: no number"),
        ("[fault.stronger]", "[fault.strong]", r"line 10: eq: unknown range strong"),
        ('[[fault]]\nfault = "echo"', "[faults]", r"line 13: unknown key 'faults'; did you mean 'fault'"),
        ('fault = "echo"', 'fault = "echo', r"not valid TOML: .*line 14"),
    ],
)
def test_a_mistake_names_its_line(before: str, after: str, message: str) -> None:
    assert GOOD.count(before) == 1, before
    with pytest.raises(RecipeFileError, match=message) as caught:
        parse_recipe(GOOD.replace(before, after), "bad.toml", check)
    assert str(caught.value).startswith("bad.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: expected \[\[fault\]\] tables, at least one, found fault = \[\]"),
        ("\nfault = 3", r"line 2: expected \[\[fault\]\] tables, at least one, found fault = 3"),
        ('[[fault]]\nfault = "eq"\nweight = 2', r"line 3: weight means nothing here: without a count"),
        ('[[fault]]\nfault = "eq"\nchance = 0', r"line 3: expected chance = a number from .* found 0"),
        ('[[fault]]\nfault = "eq"\nstronger = 2', r"line 3: expected \[fault.stronger\] as a table of ranges, found 2"),
    ],
)
def test_a_recipe_that_would_do_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(RecipeFileError, match=message):
        parse_recipe(text, "bad.toml", check)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeFileError, match=r"nowhere\.toml: expected a recipe file in TOML"):
        read_recipe_file(tmp_path / "nowhere.toml", check)
    with pytest.raises(RecipeFileError, match="expected a recipe file in TOML"):
        read_recipe_file(tmp_path, check)
