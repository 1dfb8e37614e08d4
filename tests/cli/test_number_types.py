"""Numbers on the command line."""

import click
import pytest

from rebounce.number_types import NumberRange


@pytest.mark.parametrize("given", ["nan", "NaN", "-nan", "inf", "1e999"])
def test_what_is_no_number_is_refused_whatever_the_range(given: str) -> None:
    with pytest.raises(click.BadParameter, match=f"expected a number, found {given}"):
        NumberRange(0).convert(given, None, None)


def test_a_number_in_the_range_is_taken_and_one_outside_is_not() -> None:
    assert NumberRange(0, 1).convert("0.5", None, None) == 0.5
    with pytest.raises(click.BadParameter, match="not in the range"):
        NumberRange(0, 1).convert("1.5", None, None)
