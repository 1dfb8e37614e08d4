"""The bounds: right where the answer is known."""

import numpy as np
import pytest
from signals import noise, tone

from rebounce.training.evaluation.oracle import clean_magnitude


@pytest.mark.parametrize(("rate_hz", "channels", "frames"), [(44_100, 2, 44_101), (8_000, 1, 319), (192_000, 3, 1)])
def test_the_magnitudes_of_the_clean_undo_a_gain_and_keep_the_phase(rate_hz: int, channels: int, frames: int) -> None:
    clean = noise(frames, channels)
    for gain in (1.0, 0.1, -2.0):
        made = clean_magnitude(clean, clean * np.float32(gain), rate_hz)
        assert made.shape == clean.shape
        assert np.abs(made - np.sign(gain) * clean).max() < 1e-6


def test_a_steady_filter_is_undone_and_a_delay_is_not() -> None:
    clean = tone(1_000, 44_100) + tone(5_000, 44_100, level=0.1)
    duller = tone(1_000, 44_100) + tone(5_000, 44_100, level=0.02)
    inside = slice(4_096, -4_096)  # at the ends a tone begins at once, and its spectrum is wide
    assert np.abs(clean_magnitude(clean, duller, 44_100) - clean)[:, inside].max() < 1e-3
    later = np.roll(noise(44_100), 100, axis=1)
    assert np.abs(clean_magnitude(noise(44_100), later, 44_100) - noise(44_100)).max() > 0.1


def test_silence_and_what_is_all_but_silence_have_no_phase() -> None:
    clean = noise(20_000)
    for level in (0.0, 1e-42):
        made = clean_magnitude(clean, np.full_like(clean, level), 44_100)
        assert np.isfinite(made).all()
        assert not made.any()
    assert not clean_magnitude(np.zeros_like(clean), clean, 44_100).any()


def test_a_long_piece_is_what_its_parts_are() -> None:
    clean, damaged = noise(400_000), noise(400_000, seed=1)
    whole = clean_magnitude(clean, damaged, 44_100)
    part = clean_magnitude(clean[:, 204_800:], damaged[:, 204_800:], 44_100)
    assert np.abs(whole[:, 204_800 + 2_048 :] - part[:, 2_048:]).max() < 1e-6
