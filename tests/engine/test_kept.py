"""What meters keep of a file."""

import numpy as np
import pytest

from rebounce.engine.kept import Kept


@pytest.mark.parametrize("width", [None, 3])
def test_what_was_added_comes_back_in_order_and_in_the_kind_that_is_kept(width: int | None) -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(count,) if width is None else (count, width)) for count in (2, 0, 5, 1)]
    kept = Kept(np.float16, width)
    for part in parts:
        kept.add(part)
    expected = np.concatenate(parts).astype(np.float16)
    assert kept.rows().dtype == np.float16
    np.testing.assert_array_equal(kept.rows(), expected)


def test_nothing_added_is_no_rows_of_the_right_width() -> None:
    assert Kept(np.float32).rows().shape == (0,)
    assert Kept(np.float32, 4).rows().shape == (0, 4)
