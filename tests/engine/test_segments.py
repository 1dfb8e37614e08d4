"""Segments cut, padded, taken apart and cross-faded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import noise

from rebounce.engine.segments import cross_fade, cut_segments, split_tokens, stack_latents, stack_segments
from rebounce.engine.tokens import PAD, Framing, Tokens

FRAMING = Framing(segment_frames=100, stride_frames=90, hop_frames=10)


@settings(deadline=None)
@given(frames=st.integers(0, 500), stride=st.integers(10, 100), channels=st.integers(1, 3))
def test_what_was_cut_and_not_changed_comes_back(frames: int, stride: int, channels: int) -> None:
    framing = Framing(segment_frames=100, stride_frames=stride, hop_frames=10)
    audio = noise(frames, channels)
    mixed = cross_fade(cut_segments(audio, framing), framing, channels, frames)
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed, audio, atol=1e-6)


def test_the_fade_from_one_segment_to_the_next_is_linear() -> None:
    levels = (np.full((1, 100), level, dtype=np.float32) for level in (0.0, 1.0))
    mixed = cross_fade(levels, FRAMING, 1, 180)[0]
    # Over frames 90 to 99 the first one's weight falls 10, 9, ... 1 while the second one's rises 1, 2, ... 10.
    np.testing.assert_allclose(mixed[90:100], np.arange(1, 11) / 11, atol=1e-5)
    assert not mixed[:90].any()
    np.testing.assert_allclose(mixed[100:], 1, atol=1e-6)


def test_segments_of_whole_tokens_are_cut_at_the_end() -> None:
    decoded = [np.ones((2, 100), dtype=np.float32), np.ones((2, 10), dtype=np.float32)]
    assert cross_fade(decoded, FRAMING, 2, 91).shape == (2, 91)
    # The first reaches further than the second here.
    np.testing.assert_allclose(cross_fade(decoded, FRAMING, 2, 95), 1, atol=1e-6)


@pytest.mark.parametrize("count", [1, 3])
def test_a_segment_too_few_or_too_many_is_noticed(count: int) -> None:
    with pytest.raises(ValueError, match="zip"):
        cross_fade([np.ones((1, 100), dtype=np.float32)] * count, FRAMING, 1, 180)


def test_codes_are_padded_and_the_padding_taken_off_again() -> None:
    generator = np.random.default_rng(0)
    counts = FRAMING.token_counts(195)
    coded = [(generator.integers(0, 9, (4, count)).astype(np.int16), float(count)) for count in counts]
    codes, scales = stack_segments(coded, FRAMING, 195, 4)
    assert codes.shape == (3, 4, 10)
    assert (codes[2, :, 2:] == PAD).all()
    tokens = Tokens(codes=codes, scales=scales, frames=195, sample_rate_hz=1_000, codec_id="codec@1")
    for (expected, scale), (found, found_scale) in zip(coded, split_tokens(tokens, FRAMING), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found_scale == scale


def test_latents_are_cut_to_the_tokens_of_their_segment_and_filled_up_with_zeros() -> None:
    generator = np.random.default_rng(0)
    counts = FRAMING.token_counts(195)
    coded = [(generator.standard_normal((6, 10)).astype(np.float32), float(count)) for count in counts]
    latents, scales = stack_latents(coded, FRAMING, 195, 6)
    assert (latents.shape, str(latents.dtype), str(scales.dtype)) == ((3, 6, 10), "float32", "float32")
    assert counts == [10, 10, 2]
    for count, found, scale, (expected, given_scale) in zip(counts, latents, scales, coded, strict=True):
        np.testing.assert_array_equal(found[:, :count], expected[:, :count])
        assert not found[:, count:].any()
        assert scale == given_scale


@pytest.mark.parametrize("count", [1, 3])
def test_latents_of_a_segment_too_few_or_too_many_are_noticed(count: int) -> None:
    with pytest.raises(ValueError, match="zip"):
        stack_latents([(np.ones((6, 10), dtype=np.float32), 1.0)] * count, FRAMING, 180, 6)


def test_no_audio_is_no_segments() -> None:
    assert list(cut_segments(np.zeros((2, 0), dtype=np.float32), FRAMING)) == []
    codes, scales = stack_segments([], FRAMING, 0, 16)
    assert (codes.shape, scales.shape) == ((0, 16, 0), (0,))
    latents, scales = stack_latents([], FRAMING, 0, 6)
    assert (latents.shape, scales.shape) == ((0, 6, 0), (0,))
    assert cross_fade([], FRAMING, 2, 0).shape == (2, 0)
