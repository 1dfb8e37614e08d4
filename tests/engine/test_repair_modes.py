"""The repair modes against what they must give in closed form, and against NumPy written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.overlap_add import Framing, spectra_of
from rebounce.engine.repair_modes import (
    REACH_FRAMES,
    WEIGHTS,
    coherence_weight,
    known_error_weight,
    residual,
    transfer_change,
    transfer_gain,
)

FRAMES = 12_000


def level_db(audio: Audio) -> float:
    return float(10 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-30))


def cells_of(audio: Audio) -> np.ndarray:
    padded = np.pad(audio, ((0, 0), (768, 768 + -audio.shape[1] % 256)))
    return spectra_of(padded, Framing(size=1024, overlap=4)).astype(np.complex128)


def box_mean(cells: np.ndarray) -> np.ndarray:
    """The mean of 5 x 5 cells, with zeros beyond the edges."""
    padded = np.pad(cells, ((0, 0), (2, 2), (2, 2)))
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2)).mean(axis=(-1, -2)))


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("frames", [0, 1, 319, 1_024, 5_001])
def test_equal_decodes_change_nothing_at_any_length(weight: str, frames: int) -> None:
    x, decoded = noise(frames, seed=1, level=1.0), noise(frames, seed=2, level=1.0)
    for change in (residual(x, decoded, decoded, weight), transfer_change(x, decoded, decoded)):
        assert change.shape == x.shape
        assert change.dtype == np.float32
        assert not change.any()


@settings(max_examples=10, deadline=None)
@given(first=st.integers(0, FRAMES - 1), length=st.integers(100, 3_000), weight=st.sampled_from([*WEIGHTS, "transfer"]))
def test_what_is_far_from_every_difference_is_exactly_zero(first: int, length: int, weight: str) -> None:
    before = noise(FRAMES, seed=2, level=1.0)
    x, after = before + noise(FRAMES, seed=1), before.copy()
    after[:, first : first + length] += noise(FRAMES, seed=3, level=3.0)[:, first : first + length]
    made = transfer_change(x, before, after) if weight == "transfer" else residual(x, before, after, weight)
    assert made[:, first : first + length].any()
    assert not made[:, : max(first - REACH_FRAMES, 0)].any()
    assert not made[:, first + length + REACH_FRAMES :].any()


def test_the_plain_residual_is_the_difference_itself() -> None:
    x, before, after = (noise(FRAMES, seed=seed) for seed in (1, 2, 3))
    assert np.array_equal(residual(x, before, after, "none"), after - before)


@pytest.mark.parametrize("scale", [0.3, -1.0, 2.0])
def test_a_decode_that_is_the_input_but_for_a_factor_is_fully_coherent(scale: float) -> None:
    x = noise(FRAMES, seed=1, level=1.0)
    assert coherence_weight(x, np.float32(scale) * x)[:, 2:-2].min() > 0.9999


def test_a_decode_that_has_nothing_to_do_with_the_input_has_the_coherence_of_chance() -> None:
    weight = coherence_weight(noise(60_000, seed=1, level=1.0), noise(60_000, seed=2, level=1.0))
    # Frames overlap, so that 25 cells are far fewer independent ones.
    assert 0.02 < weight.mean() < 0.25


def test_coherence_is_that_of_its_formula() -> None:
    x, decoded = noise(FRAMES, seed=1, level=1.0), noise(FRAMES, seed=1, level=1.0) + noise(FRAMES, seed=2, level=1.0)
    own, coded = cells_of(x), cells_of(decoded)
    expected = abs(box_mean(own * coded.conj())) ** 2 / (box_mean(abs(own) ** 2) * box_mean(abs(coded) ** 2))
    assert np.abs(coherence_weight(x, decoded) - expected).max() < 1e-4


def test_the_weight_by_known_error_is_that_of_its_formula() -> None:
    x, before, after = (noise(FRAMES, seed=seed, level=1.0) for seed in (1, 2, 3))
    after *= np.float32(2)
    error, change = box_mean(abs(cells_of(x - before)) ** 2), box_mean(abs(cells_of(after - before)) ** 2)
    expected = np.clip(1 - error / change, 0, 1)
    assert np.abs(known_error_weight(x, before, after) - expected).max() < 1e-4


def test_a_change_that_the_codec_could_have_made_itself_is_held_back_and_one_far_above_it_is_not() -> None:
    x = noise(FRAMES, seed=1, level=1.0)
    before = x + noise(FRAMES, seed=2, level=0.1)
    small, large = before + noise(FRAMES, seed=3, level=0.05), before + noise(FRAMES, seed=3, level=3.0)
    assert known_error_weight(x, before, small).mean() < 3e-3
    assert known_error_weight(x, before, large).mean() > 0.99


def test_weights_hold_the_error_of_the_codec_back_where_the_plain_residual_adds_it() -> None:
    x = noise(FRAMES, seed=1, level=1.0)
    before, after = noise(FRAMES, seed=2, level=1.0), noise(FRAMES, seed=3, level=1.0)
    plain = level_db(residual(x, before, after, "none"))
    assert level_db(residual(x, before, after, "coherence")) < plain - 9
    assert level_db(residual(x, before, after, "known-error")) < plain - 3


@pytest.mark.parametrize(("decode_gain", "expected"), [(0.5, 0.5), (2.0, 2.0), (100.0, 3.98), (1e-3, 0.251)])
def test_a_gain_between_the_decodes_is_applied_to_the_input_up_to_12_db(decode_gain: float, expected: float) -> None:
    x, before = noise(FRAMES, seed=1, level=1.0), noise(FRAMES, seed=2, level=1.0)
    made = x + transfer_change(x, before, np.float32(decode_gain) * before)
    assert np.abs(made - expected * x).max() < 0.02 * expected


def test_the_gain_follows_a_filter_between_the_decodes() -> None:
    x, before = noise(FRAMES, seed=1, level=1.0), noise(FRAMES, seed=2, level=1.0)
    after = before.copy()
    after[:, 1:] += before[:, :-1]
    after /= 2
    gain = transfer_gain(before, after)[:, 4:-4].mean(axis=(0, 1))
    expected = np.cos(np.pi * np.arange(513) / 1024)
    assert gain[:400] == pytest.approx(expected[:400], abs=0.03)
    assert level_db(transfer_change(x, before, after)) < level_db(x)


def test_silence_in_both_decodes_is_no_gain() -> None:
    silence = np.zeros((2, FRAMES), dtype=np.float32)
    assert np.array_equal(transfer_gain(silence, silence), np.ones_like(transfer_gain(silence, silence)))
    assert not coherence_weight(silence, silence).any()
