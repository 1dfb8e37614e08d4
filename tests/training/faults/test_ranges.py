"""What a recipe may say of a fault, what it is told when it cannot be, and what is drawn from it."""

import datetime
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebounce.training.faults.ranges import Choice, Pick, Range, Span, Table, Text, check_ranges

LEVEL = Span(lowest=-60, highest=60, drawn=(-3, 3))
FREQUENCY = Span(lowest=20, highest=20_000, drawn=(300, 5_000), is_log=True)
COUNT = Span(lowest=1, highest=8, drawn=(1, 4), is_whole=True)
KIND = Choice(options=("hard", "soft"), drawn=("hard", "soft"))
IS_KEPT = Choice(options=(True, False), drawn=(True,))


def draws(spec: Range, given: Any, count: int = 500) -> list[Any]:
    rng = np.random.default_rng(0)
    return [spec.draw(given, rng) for _ in range(count)]


@given(
    ends=st.tuples(st.floats(20, 20_000), st.floats(20, 20_000)),
    is_log=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_drawn_number_lies_within_its_ends(ends: tuple[float, float], is_log: bool, seed: int) -> None:
    low, high = sorted(ends)
    span = Span(lowest=20, highest=20_000, drawn=(20, 20_000), is_log=is_log)
    assert low <= span.draw([low, high], np.random.default_rng(seed)) <= high


@pytest.mark.parametrize("spec", [LEVEL, FREQUENCY, COUNT])
def test_a_single_number_is_drawn_as_it_is(spec: Span) -> None:
    assert set(draws(spec, 20 if spec is FREQUENCY else 3)) == {20 if spec is FREQUENCY else 3}


def test_numbers_are_drawn_evenly_between_the_ends() -> None:
    counted, _ = np.histogram(draws(LEVEL, (-3, 3), 4000), bins=4, range=(-3, 3))
    assert counted == pytest.approx(np.full(4, 1000), abs=120)


def test_a_logarithmic_range_gives_every_octave_as_many() -> None:
    counted, _ = np.histogram(
        np.log2(draws(FREQUENCY, [125, 2000], 4000)), bins=4, range=(math.log2(125), math.log2(2000))
    )
    assert counted == pytest.approx(np.full(4, 1000), abs=120)


def test_whole_numbers_are_whole_and_both_ends_are_among_them() -> None:
    drawn = draws(COUNT, [2, 5])
    assert set(drawn) == {2, 3, 4, 5}
    assert all(type(count) is int for count in drawn)


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400, datetime.date(2000, 1, 1), {}, [[1]]])
def test_a_table_takes_nothing_that_could_not_be_drawn_or_kept(value: Any) -> None:
    for said in (value, [value, 1]):
        with pytest.raises(ValueError, match=r"vst3: parameters\.mix: expected numbers, texts, true or false"):
            check_ranges("vst3", {"parameters": Table(drawn={})}, {"parameters": {"mix": said}})


def test_a_text_that_no_path_can_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"path: expected a text in quotes, found 'a\\x00b'"):
        Text().resolve("path", "a\0b")


def test_a_range_in_a_table_has_its_low_end_first() -> None:
    with pytest.raises(ValueError, match=r"parameters\.mix: expected \[low, high\] with low first"):
        Table(drawn={}).resolve("parameters", {"mix": [2, 1]})
    assert Table(drawn={}).resolve("parameters", {"mode": ["B", "A"], "taps": [3, 2, 1]})


@pytest.mark.parametrize("given", [10**400, [-(10**400), 0]])
def test_a_number_that_no_float_can_hold_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match=r"expected a number or \[low, high\]"):
        LEVEL.resolve("gain_db", given)


def test_every_choice_is_drawn_and_no_other() -> None:
    assert set(draws(KIND, ("hard", "soft"))) == {"hard", "soft"}
    assert set(draws(KIND, ["soft"])) == set(draws(KIND, "soft")) == {"soft"}
    assert set(draws(IS_KEPT, [True, False])) == {True, False}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("loud", "expected a number or [low, high], found 'loud'"),
        ([1, 2, 3], "expected a number or [low, high], found [1, 2, 3]"),
        (True, "expected a number or [low, high], found True"),
        ([0, math.nan], "expected a number or [low, high], found [0, nan]"),
        (math.inf, "expected a number or [low, high], found inf"),
        ([], "expected a number or [low, high], found []"),
        ([3, -3], "expected [low, high] with low first, found [3, -3]"),
        ([-70, 0], "expected -60 to 60, found [-70, 0]"),
        (61, "expected -60 to 60, found 61"),
    ],
)
def test_a_range_that_cannot_be_says_what_was_expected_and_found(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match="gain_db") as raised:
        LEVEL.resolve("gain_db", given)
    assert str(raised.value) == f"gain_db: {said}"


def test_a_count_that_is_not_whole_is_refused() -> None:
    with pytest.raises(ValueError, match=r"filters: expected whole numbers, found \[1, 2\.5\]"):
        COUNT.resolve("filters", [1, 2.5])


@pytest.mark.parametrize("given", ["medium", ["hard", "medium"], [], 1, True])
def test_a_choice_that_is_none_is_refused_with_those_there_are(given: Any) -> None:
    with pytest.raises(ValueError, match="kind: expected one or a list of hard, soft, found"):
        KIND.resolve("kind", given)


@pytest.mark.parametrize("given", [1, 0, "true", [True, 1]])
def test_a_yes_or_no_is_nothing_else(given: Any) -> None:
    with pytest.raises(ValueError, match="keeps: expected one or a list of True, False"):
        IS_KEPT.resolve("keeps", given)


def test_yes_is_not_the_number_one() -> None:
    with pytest.raises(ValueError, match="expected one or a list of 1, 2"):
        Choice(options=(1, 2), drawn=(1,)).resolve("order", True)


def test_a_text_is_taken_as_it_is_and_nothing_else_is() -> None:
    assert draws(Text(), "rooms/hall.wav", 1) == ["rooms/hall.wav"]
    with pytest.raises(ValueError, match="folder: expected a text in quotes, found 3"):
        Text().resolve("folder", 3)


def test_a_table_draws_ranges_choices_and_constants() -> None:
    table = {"release_ms": [20, 200], "mode": ["A", "B", "C"], "mix": 0.5, "is_on": True}
    drawn = draws(Table(drawn={}), table, 200)
    assert all(20 <= one["release_ms"] <= 200 and one["mix"] == 0.5 and one["is_on"] is True for one in drawn)
    assert {one["mode"] for one in drawn} == {"A", "B", "C"}


def test_a_table_draws_the_same_in_any_order() -> None:
    ranges = {"release_ms": [20, 200], "attack_ms": [1, 10]}
    turned = dict(reversed(ranges.items()))
    assert draws(Table(drawn={}), ranges, 5) == draws(Table(drawn={}), turned, 5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "parameters: expected a table of parameters and their ranges, found 3"),
        ({1: 2}, "parameters: expected a table of parameters and their ranges, found {1: 2}"),
        ({"mode": []}, "parameters.mode: expected [low, high] or a list of choices, found an empty list"),
    ],
)
def test_a_table_that_cannot_be_is_refused(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match="parameters") as raised:
        Table(drawn={}).resolve("parameters", given)
    assert str(raised.value) == said


def test_a_pick_prefers_the_recipe_and_draws_anew_at_each_call() -> None:
    pick = Pick(rng=np.random.default_rng(0), ranges={"gain_db": LEVEL, "kind": KIND}, given={"gain_db": [10, 20]})
    picked = [pick("gain_db") for _ in range(50)]
    assert len(set(picked)) == 50
    assert all(10 <= gain_db <= 20 for gain_db in picked)
    assert {pick("kind") for _ in range(50)} == {"hard", "soft"}


def test_only_the_generator_decides_what_is_drawn() -> None:
    ranges: dict[str, Range] = {"gain_db": LEVEL, "frequency_hz": FREQUENCY, "filters": COUNT, "kind": KIND}
    picks = [Pick(rng=np.random.default_rng(seed), ranges=ranges, given={}) for seed in (7, 7, 8)]
    first, again, other = ([pick(key) for key in ranges] for pick in picks)
    assert first == again
    assert first != other


def test_the_stream_of_draws_is_fixed() -> None:
    """Whoever draws with this seed, on any machine and in any year, gets these: items are named by their seed."""
    rng = np.random.default_rng(1)
    assert LEVEL.draw((-3, 3), rng) == pytest.approx(0.0709297, abs=1e-7)
    assert FREQUENCY.draw((300, 5_000), rng) == pytest.approx(4349.548, abs=0.001)
    assert COUNT.draw((1, 4), rng) == 1
    assert KIND.draw(("hard", "soft"), rng) == "soft"


def test_an_unknown_key_of_a_recipe_is_named_beside_those_there_are() -> None:
    with pytest.raises(ValueError, match="eq: unknown range 'gain'; it has gain_db, kind"):
        check_ranges("eq", {"gain_db": LEVEL, "kind": KIND}, {"gain": [1, 2]})


def test_an_impossible_range_of_a_recipe_is_named_with_its_fault() -> None:
    with pytest.raises(ValueError, match=r"eq: gain_db: expected -60 to 60, found \[0, 99\]"):
        check_ranges("eq", {"gain_db": LEVEL, "kind": KIND}, {"kind": "soft", "gain_db": [0, 99]})
    check_ranges("eq", {"gain_db": LEVEL, "kind": KIND}, {"kind": "soft", "gain_db": [0, 9]})
