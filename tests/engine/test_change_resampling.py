"""A change at another rate: what the resampler makes of it, and nothing where there was none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import cut, noise

from rebounce.engine.audio import Audio, joined
from rebounce.engine.change_resampling import ChangeResampler
from rebounce.engine.resampling import Resampler

RATES = (8_000, 44_100, 48_000, 96_000, 192_000)


def converted(conversion: ChangeResampler | Resampler, audio: Audio, sizes: list[int]) -> Audio:
    blocks = [conversion.push(block) for block in cut(audio, sizes)]
    return joined([*blocks, conversion.finish()], len(audio))


def with_a_change(frames: int, first: int, length: int) -> Audio:
    change = np.zeros((2, frames), dtype=np.float32)
    change[:, first : first + length] = noise(length)
    return change


@pytest.mark.parametrize("rate_hz", RATES)
def test_it_gives_what_the_resampler_gives_near_a_change_and_exact_zeros_far_from_it(rate_hz: int) -> None:
    change = with_a_change(100_000, 40_000, 5_000)
    plain = converted(Resampler(48_000, rate_hz, 2), change, [30_000])
    made = converted(ChangeResampler(48_000, rate_hz, 2), change, [30_000])
    assert made.shape == plain.shape
    assert np.abs(made - plain).max() < 2e-7
    margin = 170 * max(1, 48_000 // rate_hz) + 2 * 256
    first, last = (np.array([40_000 - margin, 45_000 + margin]) * rate_hz / 48_000).astype(int)
    assert not made[:, :first].any()
    assert not made[:, last:].any()
    inside = slice(*(np.array([40_000, 45_000]) * rate_hz // 48_000))
    assert np.array_equal(made[:, inside], plain[:, inside])


@settings(max_examples=20, deadline=None)
@given(
    first=st.integers(0, 60_000),
    rate_hz=st.sampled_from(RATES),
    sizes=st.lists(st.integers(1, 20_000), min_size=1, max_size=3),
)
def test_the_blocks_it_comes_in_do_not_matter(first: int, rate_hz: int, sizes: list[int]) -> None:
    change = with_a_change(60_000 + 7, first, 300)
    whole = converted(ChangeResampler(48_000, rate_hz, 2), change, [change.shape[1]])
    pieces = sizes if min(sizes) > 500 else [size + 500 for size in sizes]
    assert converted(ChangeResampler(48_000, rate_hz, 2), change, pieces).tobytes() == whole.tobytes()


@pytest.mark.parametrize("rate_hz", RATES)
def test_no_change_stays_none(rate_hz: int) -> None:
    assert not converted(ChangeResampler(48_000, rate_hz, 1), np.zeros((1, 100_001), dtype=np.float32), [999]).any()


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_what_it_remembers_does_not_grow(rate_hz: int) -> None:
    conversion = ChangeResampler(48_000, rate_hz, 1)
    sizes = set()
    for _ in range(60):
        conversion.push(noise(8_192, channels=1))
        sizes.add(conversion._changed.size)
    assert max(sizes) < 200
