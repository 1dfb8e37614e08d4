"""`docs/recipes.md` is true: every fault and range stands in it with its limits, and every recipe shown can be used."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from rebounce.presets.curriculum_file import parse_curriculum
from rebounce.presets.recipe_file import parse_recipe
from rebounce.training.faults.ranges import Choice, Range, Span, Table, Text, Value
from rebounce.training.faults.registry import FAULTS, fault_named
from rebounce.training.recipes import bundled_curricula, bundled_recipes, check_fault, load_recipe

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def row(key: str, spec: Range) -> str:
    """How the row of a range begins: its key, what a recipe may say, and what holds where it says nothing."""
    allowed, silent = cells(spec)
    return f"| `{key}` | {allowed} | {silent} |"


def cells(spec: Range) -> tuple[str, str]:
    match spec:
        case Span():
            suffix = (", whole" if spec.is_whole else "") + (", by octaves" if spec.is_log else "")
            return f"{spec.lowest:g} to {spec.highest:g}{suffix}", f"{spec.drawn[0]:g} to {spec.drawn[1]:g}"
        case Choice():
            drawn = "any of them" if spec.drawn == spec.options else listed(spec.drawn)
            return listed(spec.options), drawn
        case Text():
            return "a text", f"`{spec.drawn}`" if spec.drawn else "none"
        case Table():
            return "a table of ranges", "none"


def listed(values: tuple[Value, ...]) -> str:
    return ", ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in values)


def sections() -> Mapping[str, str]:
    """The text under each heading of the third level."""
    parts = re.split(r"^### `?(\w+)`?[^\n]*\n", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_has_a_section_with_a_row_for_each_of_its_ranges(name: str) -> None:
    fault = fault_named(name)
    expected = [row(key, spec) for key, spec in fault.ranges.items()]
    found = [line for line in sections()[name].splitlines() if line.startswith("| `")]
    assert [line[: len(start)] for line, start in zip(found, expected, strict=True)] == expected
    assert fault.about.lower() in sections()[name].lower()


def test_every_bundled_recipe_and_curriculum_is_told_of() -> None:
    assert [name for name in [*bundled_recipes(), *bundled_curricula()] if f"`{name}`" not in PAGE] == []


def test_what_is_shown_is_a_recipe_or_a_curriculum_that_can_be_used() -> None:
    recipes = [text for text in BLOCKS if "[[fault]]" in text]
    curricula = [text for text in BLOCKS if "[[stage]]" in text]
    assert (len(recipes) >= 2, len(curricula) >= 1, len(recipes) + len(curricula)) == (True, True, len(BLOCKS))
    for text in recipes:
        assert parse_recipe(text, "docs", check_fault).entries
    for text in curricula:
        assert parse_curriculum(text, "docs", load_recipe).stages
