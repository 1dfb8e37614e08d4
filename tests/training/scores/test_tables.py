import numpy as np
import pytest

from rebounce.training.scores.tables import Spread, across_faults, fault_table, spread_of


def test_mean_and_deviation_are_those_of_numpy_over_what_is_defined() -> None:
    values = [1.0, -2.5, 4.0, None, 0.125, None]
    defined = [value for value in values if value is not None]
    spread = spread_of(values)
    assert spread.mean == pytest.approx(np.mean(defined))
    assert spread.deviation == pytest.approx(np.std(defined))
    assert (spread.count, spread.undefined) == (4, 2)


def test_nothing_defined_is_none_and_not_zero() -> None:
    assert spread_of([]) == Spread(mean=None, deviation=None, count=0)
    assert spread_of([None, None]) == Spread(mean=None, deviation=None, count=0, undefined=2)


def test_every_fault_counts_once_however_many_items_it_has() -> None:
    table = fault_table([("mp3", 10.0), *[("eq", 2.0)] * 99, ("mp3", 20.0), ("eq", None)])
    assert list(table) == ["eq", "mp3"]
    assert (table["eq"].count, table["eq"].undefined) == (99, 1)
    assert across_faults(table) == Spread(mean=8.5, deviation=6.5, count=2)


def test_the_order_changes_nothing_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    pairs = [
        (str(fault), float(value)) for fault, value in zip(rng.integers(0, 5, 500), rng.normal(size=500), strict=True)
    ]
    shuffled = [pairs[place] for place in rng.permutation(500)]
    assert fault_table(pairs) == fault_table(shuffled)
    assert across_faults(fault_table(pairs)) == across_faults(fault_table(shuffled))
