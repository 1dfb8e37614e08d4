"""Fields that say what they may be: each check lets through what it names, and nothing else."""

import math
from typing import Any

import pytest

from rebounce.presets.checked_fields import any_text, folder_name, number, one_of, switch, text, texts, whole


@pytest.mark.parametrize(
    ("check", "fine", "wrong"),
    [
        (number(0, 1), [0, 1, 0.5], [-0.1, 1.1, math.nan, math.inf, True, "0.5", None]),
        (whole(1, 3), [1, 2, 3], [0, 4, 1.0, True, "1", None]),
        (one_of("a", "b"), ["a", "b"], ["c", "", None, ["a"]]),
        (switch, [True, False], [0, 1, "true", None]),
        (text, ["x", " x "], ["", "  ", 3, None]),
        (any_text, ["", "x"], [3, None]),
        (texts, [["a"], ("a", "b")], [[], "a", ["a", "a"], [1], [""], None]),
        (folder_name, ["0", "1-stronger", "a b"], ["", ".", "..", "a/b", "a\\b", "a:b", " a", "a\n", None]),
    ],
)
def test_a_check_lets_through_what_it_names_and_nothing_else(check: Any, fine: list[Any], wrong: list[Any]) -> None:
    for value in fine:
        kept = check(value)
        assert list(kept) == list(value) if isinstance(value, list | tuple) else kept == value
    for value in wrong:
        with pytest.raises(ValueError, match=r"^[a-z]"):
            check(value)


def test_a_number_is_kept_as_a_float_and_a_list_as_a_tuple() -> None:
    assert type(number(0, 10)(3)) is float
    assert texts(["a", "b"]) == ("a", "b")
