"""What lies outside the spread of released music is told in dB, and only that."""

import numpy as np
import pytest

from rebounce.engine.repair.tone_spectrum import THIRDS, Floats
from rebounce.engine.repair.tone_spread import EDGE, FIRST_THIRD, MEANS_DB, SPREADS_DB, outside_db


def average_music() -> Floats:
    levels_db = np.full(THIRDS, -20.0)
    levels_db[FIRST_THIRD : FIRST_THIRD + len(MEANS_DB)] = MEANS_DB
    return np.asarray(10 ** (levels_db / 10))


@pytest.mark.parametrize("gain", [1e-9, 1.0, 1e6])
def test_average_music_lies_within_at_any_level(gain: float) -> None:
    assert not outside_db(average_music() * gain).any()


@pytest.mark.parametrize("third", [6, 26])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_third_outside_is_told_by_how_far_it_is(third: int, sign: int) -> None:
    thirds = average_music()
    edge_db = EDGE * SPREADS_DB[third - FIRST_THIRD]
    thirds[third] *= 10 ** (sign * (edge_db + 3) / 10)
    expected = np.zeros(THIRDS)
    expected[third] = 3 * sign
    if third == 26:
        np.testing.assert_allclose(outside_db(thirds)[[third]], expected[[third]], atol=1.5)
    np.testing.assert_allclose(np.sign(outside_db(thirds)), np.sign(expected))


def test_what_is_empty_is_not_dull() -> None:
    thirds = average_music()
    thirds[-6:] = 0
    assert not outside_db(thirds).any()
    assert not outside_db(np.zeros(THIRDS)).any()
