"""The network sees shapes and changes, not the level itself, and convolves as NumPy does."""

import numpy as np
import pytest

from rebounce.engine.inspection.level_bands import BANDS, Levels
from rebounce.engine.inspection.level_network import (
    APART_FRAMES,
    DILATIONS,
    END_FRAMES,
    TAPS,
    Network,
    bundled_network,
    jumps_seen,
)


def levels(frames: int = 300, seed: int = 2) -> Levels:
    return np.random.default_rng(seed).normal(-50, 6, (frames, BANDS)).astype(np.float32)


def test_a_gain_changes_nothing() -> None:
    network = bundled_network()
    np.testing.assert_allclose(network.outputs(levels() + 12), network.outputs(levels()), atol=1e-3)


def test_all_weights_have_their_shapes() -> None:
    network = bundled_network()
    assert [weight.shape[:2] for weight in network.weights] == [(TAPS, BANDS), *4 * [(TAPS, 16)], (16, 3)]
    assert all(np.isfinite(weight).all() for weight in network.weights)


@pytest.mark.parametrize("layer", range(len(DILATIONS)))
def test_each_layer_is_a_convolution(layer: int) -> None:
    """All weights but those of one layer pass a single channel on; that one against `np.convolve`."""
    kernel = np.array([0.5, -0.25, 1.0, 0.125, 0.75], dtype=np.float32)
    weights = [np.zeros((TAPS, 1, 1), dtype=np.float32) for _ in DILATIONS]
    weights[0][TAPS // 2] = 1
    weights[layer] = kernel[:, None, None]
    network = Network(
        weights=(*weights, np.ones((1, 3), dtype=np.float32)),
        biases=(*(np.full(1, 40, dtype=np.float32) for _ in DILATIONS), np.zeros(3, dtype=np.float32)),
    )
    assert network.outputs(levels(200)[:, :1]).shape == (200, 3)
    rising = np.zeros((200, 1), dtype=np.float32)
    rising[100] = 10
    change = network.outputs(rising)[:, 0] - network.outputs(np.zeros_like(rising))[:, 0]
    spread = np.zeros(TAPS * DILATIONS[layer])
    spread[:: DILATIONS[layer]] = kernel[::-1]
    reach = DILATIONS[layer] * (TAPS // 2)
    inner = np.zeros(200)
    inner[100 - reach : 100 + reach + 1] = spread[: 2 * reach + 1]
    inner[100] += layer > 0
    mean = np.full(200, -1 / 67) * (np.abs(np.arange(200) - 100) <= 33)
    full = np.convolve(mean, spread[: 2 * reach + 1], mode="same") + (layer > 0) * mean
    np.testing.assert_allclose(change, inner + full, atol=1e-4)


def test_jumps_are_apart_and_not_at_the_ends() -> None:
    frames = jumps_seen(ridden(), bundled_network()).frames
    assert np.all(np.diff(frames) > APART_FRAMES)
    assert frames.size >= 4
    late = jumps_seen(ridden()[: 215 + END_FRAMES // 2], bundled_network()).frames
    assert late.max(initial=0) < 215 - END_FRAMES // 2


def ridden() -> Levels:
    """Ever the same noisy second, 8 dB louder in every other ten seconds."""
    frames = np.arange(1_000)
    return levels(22)[frames % 22] + np.float32(8) * (frames // 215 % 2)[:, None].astype(np.float32)


def test_jumps_of_repeated_music_are_seen_where_they_are() -> None:
    jumps = jumps_seen(ridden(), bundled_network())
    for place, step_db in ((215, 8), (430, -8), (645, 8), (860, -8)):
        nearest = np.argmin(np.abs(jumps.frames - place))
        assert abs(jumps.frames[nearest] - place) <= 2
        assert jumps.steps_db[nearest] == pytest.approx(step_db, abs=3)


def with_silence(first: int, stop: int) -> Levels:
    quiet = ridden()
    quiet[first:stop] = -80
    return quiet


def test_beside_silence_there_is_no_jump_and_away_from_it_all_is_as_without() -> None:
    """Twice 24 silent frames: one away from the jumps, and one at that of frame 430."""
    network = bundled_network()
    away = jumps_seen(with_silence(320, 344), network).frames
    assert np.all((away <= 320 - END_FRAMES) | (away >= 344 + END_FRAMES))
    assert all(np.abs(away - place).min() <= 2 for place in (215, 430, 645, 860))
    beside = jumps_seen(with_silence(432, 456), network).frames
    assert np.all((beside <= 432 - END_FRAMES) | (beside >= 456 + END_FRAMES))
    assert all(np.abs(beside - place).min() <= 2 for place in (215, 645, 860))


def test_all_silence_has_no_jumps() -> None:
    assert jumps_seen(np.full((200, BANDS), -80, dtype=np.float32), bundled_network()).frames.size == 0
