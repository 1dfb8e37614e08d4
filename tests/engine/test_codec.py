"""Tokens that a codec must refuse, and why they say so."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.codec import Codec, check_tokens
from rebounce.engine.errors import CodecError
from rebounce.engine.segments import cross_fade, cut_segments, split_tokens, stack_segments
from rebounce.engine.tokens import PAD, Framing, Tokens


@dataclass(frozen=True, kw_only=True)
class HopMeans:
    """A real codec, and a poor one: the mean of every hop in each channel, in steps of the segment's peak / 50."""

    framing: Framing
    codec_id: str = "hop-means@0123456789ab"
    weights_sha256: str = "0123456789ab"
    sample_rate_hz: int = 1_000
    channels: int = 2
    codebooks: int = 2
    codebook_size: int = 101

    def encode(self, audio: Audio) -> Tokens:
        coded = [self._encode_segment(segment) for segment in cut_segments(audio, self.framing)]
        codes, scales = stack_segments(coded, self.framing, audio.shape[1], self.codebooks)
        return Tokens(
            codes=codes,
            scales=scales,
            frames=audio.shape[1],
            sample_rate_hz=self.sample_rate_hz,
            codec_id=self.codec_id,
        )

    def decode(self, tokens: Tokens) -> Audio:
        check_tokens(tokens, self)
        hop = self.framing.hop_frames
        decoded = (
            np.repeat((codes - 50) / 50 * scale, hop, axis=1).astype(np.float32)
            for codes, scale in split_tokens(tokens, self.framing)
        )
        return cross_fade(decoded, self.framing, self.channels, tokens.frames)

    def _encode_segment(self, segment: Audio) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.int16]], float]:
        scale = float(np.abs(segment).max()) or 1.0
        hop = self.framing.hop_frames
        padded = np.pad(segment, ((0, 0), (0, -segment.shape[1] % hop)), mode="edge")
        means = padded.reshape(2, -1, hop).mean(axis=2)
        return np.round(means / scale * 50 + 50).astype(np.int16), scale


CODEC = HopMeans(framing=Framing(segment_frames=100, stride_frames=90, hop_frames=10))


def changed(place: tuple[int, int, int], value: int) -> Tokens:
    """The tokens of 195 frames, in segments of 10, 10 and 2 tokens, with one code changed."""
    tokens = CODEC.encode(noise(195))
    codes = tokens.codes.copy()
    codes[place] = value
    return replace(tokens, codes=codes)


@pytest.mark.parametrize("frames", [0, 1, 9, 10, 90, 91, 95, 100, 101, 195, 1_003])
@pytest.mark.parametrize("stride", [90, 100])
def test_tokens_give_back_the_length_and_the_course_of_the_audio(frames: int, stride: int) -> None:
    codec: Codec = HopMeans(framing=Framing(segment_frames=100, stride_frames=stride, hop_frames=10))
    steady = np.repeat(np.array([[0.4], [-0.2]], dtype=np.float32), frames, axis=1)
    decoded = codec.decode(codec.encode(steady))
    assert decoded.shape == (2, frames)
    np.testing.assert_allclose(decoded, steady, atol=0.4 / 100)


def test_tokens_of_another_codec_are_refused() -> None:
    tokens = replace(CODEC.encode(noise(195)), codec_id="hop-means@ffffffffffff")
    with pytest.raises(CodecError, match="expected those of hop-means@0123456789ab, found those of hop-means@ffff"):
        check_tokens(tokens, CODEC)


def test_tokens_of_another_rate_are_refused() -> None:
    with pytest.raises(CodecError, match="expected 1000 Hz, found 44100 Hz"):
        check_tokens(replace(CODEC.encode(noise(195)), sample_rate_hz=44_100), CODEC)


@pytest.mark.parametrize("frames", [0, 90, 271, 10**15, 10**30])
def test_the_number_of_segments_follows_from_the_frames(frames: int) -> None:
    with pytest.raises(CodecError, match=rf"for {frames} frames, found \(3, 2, 10\)"):
        check_tokens(replace(CODEC.encode(noise(195)), frames=frames), CODEC)


def test_codebooks_and_tokens_must_be_as_many_as_the_codec_gives() -> None:
    tokens = CODEC.encode(noise(195))
    with pytest.raises(CodecError, match=r"expected codes \(3, 2, \.\.\.\) .* found \(3, 1, 10\)"):
        check_tokens(replace(tokens, codes=tokens.codes[:, :1]), CODEC)
    with pytest.raises(CodecError, match=r"expected codes \(3, 2, 10\) .* found \(3, 2, 9\)"):
        check_tokens(replace(tokens, codes=tokens.codes[:, :, :9]), CODEC)


@pytest.mark.parametrize("code", [-2, PAD, 101, 32_767])
def test_a_code_that_no_codebook_has_is_named_with_its_place(code: int) -> None:
    with pytest.raises(CodecError, match=f"expected codes of 0 to 100, found {code} in segment 2, codebook 1, token 0"):
        check_tokens(changed((2, 1, 0), code), CODEC)


@pytest.mark.parametrize("code", [0, 100, -2])
def test_nothing_but_padding_stands_after_the_end_of_a_segment(code: int) -> None:
    with pytest.raises(CodecError, match=f"expected -1 after the end of a segment, found {code} in segment 2"):
        check_tokens(changed((2, 0, 5), code), CODEC)


@pytest.mark.parametrize("scale", [np.nan, np.inf, -0.1])
def test_a_scale_is_a_number_of_at_least_nothing(scale: float) -> None:
    tokens = CODEC.encode(noise(195))
    scales = tokens.scales.copy()
    scales[1] = scale
    with pytest.raises(CodecError, match=rf"expected scales of 0 or more, found {scale:g} for segment 1"):
        check_tokens(replace(tokens, scales=scales), CODEC)
