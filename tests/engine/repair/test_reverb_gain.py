"""Gains lie between nothing and all, whatever they are given, and do not depend on how the past was cut."""

import numpy as np

from rebounce.engine.repair.reverb_bands import BANDS
from rebounce.engine.repair.reverb_gain import (
    FRAMES_AFTER,
    FRAMES_BEFORE,
    PAST_SECONDS,
    Past,
    features,
    gains,
    means_for,
    relative,
    trained,
)

HOP_SECONDS = 0.0232
FRAMES = 40


def some_powers(frames: int = FRAMES) -> np.ndarray:
    return np.random.default_rng(3).exponential(size=(2, frames, BANDS)).astype(np.float32)


def test_an_average_of_the_past_is_the_sum_with_falling_weights() -> None:
    powers = some_powers()
    averages = Past(HOP_SECONDS).averages(powers, FRAMES)
    for average, seconds in enumerate(PAST_SECONDS):
        keep = np.exp(-HOP_SECONDS / seconds)
        weights = (1 - keep) * keep ** np.arange(FRAMES - 1, -1, -1)
        expected = np.einsum("f,rfb->rb", weights[1:], powers[:, : FRAMES - 1])
        np.testing.assert_allclose(averages[average, :, FRAMES - 1], expected, rtol=1e-4)


def test_the_past_goes_on_from_call_to_call() -> None:
    powers = some_powers()
    whole = Past(HOP_SECONDS).averages(powers, FRAMES)
    past = Past(HOP_SECONDS)
    first = past.averages(powers[:, :21], 20)
    second = past.averages(powers[:, 20:], 20)
    np.testing.assert_array_equal(np.concatenate([first[:, :, :20], second], axis=2), whole)


def gains_of(powers: np.ndarray) -> np.ndarray:
    against = relative(powers, means_for(powers.mean(axis=(0, 1))))
    inner = against[:, FRAMES_BEFORE:-FRAMES_AFTER]
    return gains(features(against, Past(HOP_SECONDS).averages(inner, inner.shape[1])))


def test_gains_lie_between_nothing_and_all() -> None:
    for powers in (some_powers(), some_powers() * 0, some_powers() * np.float32(1e20), some_powers() ** 20):
        made = gains_of(powers)
        assert made.shape == (2, FRAMES - FRAMES_BEFORE - FRAMES_AFTER, BANDS)
        assert np.isfinite(made).all()
        assert ((made >= 0) & (made <= 1)).all()


def test_the_level_of_the_file_does_not_matter() -> None:
    powers = some_powers()
    np.testing.assert_allclose(gains_of(powers), gains_of(powers * np.float32(1e-6)), atol=1e-3)


def test_a_tail_is_turned_down_more_than_what_it_rings_on_from() -> None:
    """Loud for ten frames, then falling by 1.4 dB a frame, as 60 dB in a second do."""
    powers = np.full((2, 80, BANDS), 1e-6, dtype=np.float32)
    powers[:, 20:30] = 1
    powers[:, 30:] = 10 ** (-0.14 * np.arange(1, 51, dtype=np.float32))[:, np.newaxis]
    powers *= some_powers(80)
    made = gains_of(powers)
    sounding, ringing = (
        made[:, 20 - FRAMES_BEFORE : 26 - FRAMES_BEFORE],
        made[:, 34 - FRAMES_BEFORE : 50 - FRAMES_BEFORE],
    )
    assert ringing.mean() < sounding.mean() - 0.05


def test_the_weights_fit_together() -> None:
    net = trained()
    assert net["weights1"].shape[1] == net["mean"].size == net["spread"].size
    assert net["weights3"].shape[0] == 2
    assert (net["spread"] > 0).all()
