import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise, tone

from rebounce.engine.audio import Audio
from rebounce.engine.repair.change_meter import ChangeMeter
from rebounce.engine.repair.scope import EVERYWHERE, Scope

RATE = 44_100


def outside_db(scope: Scope, before: Audio, after: Audio, sizes: list[int] | None = None) -> float:
    meter = ChangeMeter(scope, RATE, len(before))
    pieces = cut(before, sizes or [before.shape[1]])
    for block in pieces:
        meter.before(block)
    for block in cut(after, (sizes or [after.shape[1]])[::-1]):
        meter.after(block)
    return meter.outside_db()


def test_within_stretches_anything_may_change_and_outside_every_bit_counts() -> None:
    before = noise(100_000)
    after = before.copy()
    after[:, 2_000:3_000] = 0
    assert outside_db(Scope(stretches=((2_000, 3_000),)), before, after) == -math.inf
    after[:, 50_000:60_000] += np.float32(0.01)
    share = 2 * 10_000 * 0.01**2 / float(np.sum(np.square(before, dtype=np.float64)))
    assert outside_db(Scope(stretches=((2_000, 3_000),)), before, after) == pytest.approx(
        10 * math.log10(share), abs=0.1
    )


def test_a_tone_inside_a_band_may_come_and_one_outside_is_measured() -> None:
    before = noise(200_000)
    inside = before + tone(1_000, 200_000, level=0.1)
    outside = before + tone(5_000, 200_000, level=0.1)
    scope = Scope(bands_hz=((900.0, 1_100.0),))
    assert outside_db(scope, before, inside) < -70
    expected_db = 10 * math.log10(0.1**2 / 2 / 0.1**2)
    assert outside_db(scope, before, outside) == pytest.approx(expected_db, abs=0.5)


def test_where_everything_may_change_nothing_counts() -> None:
    assert outside_db(EVERYWHERE, noise(1_000), -noise(1_000)) == -math.inf


def test_a_change_of_silence_is_as_bad_as_can_be() -> None:
    silence = np.zeros((2, 5_000), dtype=np.float32)
    assert outside_db(Scope(stretches=()), silence, silence) == -math.inf
    assert outside_db(Scope(stretches=()), silence, silence + np.float32(1e-3)) == math.inf


@settings(deadline=None, max_examples=15)
@given(sizes=st.lists(st.integers(500, 30_000), min_size=1, max_size=5))
def test_the_size_of_the_blocks_does_not_matter(sizes: list[int]) -> None:
    before = noise(70_000)
    after = before + tone(5_000, 70_000, level=0.01)
    scope = Scope(bands_hz=((900.0, 1_100.0),))
    assert outside_db(scope, before, after, sizes) == pytest.approx(outside_db(scope, before, after), abs=1e-6)
