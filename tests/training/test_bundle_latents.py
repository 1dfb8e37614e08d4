"""What a codec makes of both sides before it chooses tokens: at one level, and the clean side by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from signals import noise

from rebounce.engine.audio import Audio
from rebounce.engine.codec import Codec, Latents, Scales
from rebounce.engine.errors import UsageError
from rebounce.engine.segments import cut_segments, stack_latents
from rebounce.engine.tokens import Framing, Tokens
from rebounce.training.bundle_features import feature_shape, features_of
from rebounce.training.bundle_latents import (
    CLEAN,
    DAMAGED,
    DIMENSION,
    SILENCE,
    WANTED,
    latents_of,
    latents_shape,
)
from rebounce.training.encodec_codec import EncodecCodec
from rebounce.training.encodec_weights import random_weights

FRAMES = 1_500
"""Two segments, the second with a tail that is cut short within a token."""


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A codec whose latents are the sound itself, `hop_frames` frames of two channels to a token."""

    dimension: int = DIMENSION
    floor: float = 1e-8
    channels: int = 2
    sample_rate_hz: int = 48_000
    codec_id: str = "sound"
    weights_sha256: str = ""
    codebooks: int = 1
    codebook_size: int = 2

    @property
    def framing(self) -> Framing:
        hop_frames = self.dimension // 2
        return Framing(segment_frames=16 * hop_frames, stride_frames=15 * hop_frames, hop_frames=hop_frames)

    def encode(self, audio: Audio) -> Tokens:
        raise NotImplementedError

    def decode(self, tokens: Tokens) -> Audio:
        raise NotImplementedError

    def round_trip_unquantised(self, audio: Audio) -> Audio:
        return audio

    def latents(self, audio: Audio, scales: Scales | None = None) -> tuple[Latents, Scales]:
        segments = list(cut_segments(audio, self.framing))
        given = [self.floor + rms(segment) for segment in segments] if scales is None else list(scales)
        coded = [(self._tokens(segment / scale), scale) for segment, scale in zip(segments, given, strict=True)]
        return stack_latents(coded, self.framing, audio.shape[1], self.dimension)

    def _tokens(self, segment: Audio) -> Audio:
        hop_frames = self.framing.hop_frames
        whole = np.pad(segment, ((0, 0), (0, -segment.shape[1] % hop_frames)))
        tokens: Audio = whole.reshape(2, -1, hop_frames).transpose(0, 2, 1).reshape(self.dimension, -1)
        return tokens


def rms(audio: Audio) -> float:
    return float(np.sqrt(np.mean(audio.astype(np.float64) ** 2)))


@cache
def encodec() -> EncodecCodec:
    return EncodecCodec(random_weights(0), 3.0)


def sides(found: NDArray[np.float16]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the damaged side should be, and what it is."""
    wanted, damaged, _ = found.astype(np.float64).transpose(1, 0, 2, 3)
    return wanted, damaged


def assert_within_rounding(found: Any, expected: Any) -> None:
    """Apart by no more than both lose in half precision."""
    np.testing.assert_allclose(found, expected, rtol=2.0**-10, atol=2e-4)


@pytest.mark.parametrize("frames", [0, 1, 1_024, FRAMES, 1_984])
def test_every_segment_has_its_numbers_with_zeros_after_a_short_one(frames: int) -> None:
    codec = Sound()
    clean = noise(frames)
    found = latents_of(clean, np.float32(0.5) * clean + np.float32(0.1) * noise(frames, seed=1), codec)
    assert found.dtype == np.float16
    assert found.shape == latents_shape(frames, codec.framing) == feature_shape("latents", frames, codec.framing)
    counts = codec.framing.token_counts(frames)
    assert found.shape == (len(counts), 3, DIMENSION, max(counts, default=0))
    for segment, count in zip(found, counts, strict=True):
        assert not segment[..., count:].any()
        assert segment[..., :count].any(axis=(0, 1)).all()


def test_the_damaged_side_is_as_the_codec_gives_it() -> None:
    codec = Sound()
    clean, damaged = noise(FRAMES), noise(FRAMES, seed=1)
    expected, scales = codec.latents(damaged)
    assert scales.min() > SILENCE
    np.testing.assert_array_equal(latents_of(clean, damaged, codec)[:, DAMAGED], expected.astype(np.float16))


def test_the_clean_side_by_itself_is_as_the_codec_gives_it_whatever_the_damage() -> None:
    codec = Sound()
    clean = noise(FRAMES)
    expected = codec.latents(clean)[0].astype(np.float16)
    for damaged in (clean, np.float32(0.1) * clean, noise(FRAMES, seed=1), np.zeros_like(clean)):
        np.testing.assert_array_equal(latents_of(clean, damaged, codec)[:, CLEAN], expected)


@pytest.mark.parametrize("gain", [0.07, 0.5, 1.0, 3.7, 15.0])
@pytest.mark.parametrize(("make", "frames"), [(Sound, FRAMES), (encodec, 60_000)])
def test_a_mere_gain_is_nothing_to_be_repaired(make: Callable[[], Codec], frames: int, gain: float) -> None:
    wanted, damaged = sides(latents_of(noise(frames), noise(frames) * np.float32(gain), make()))
    assert np.abs(damaged).max() > 0.1
    assert_within_rounding(wanted, damaged)


def test_the_damaged_side_should_be_the_clean_one_at_the_level_that_it_has_within_it() -> None:
    """Half as loud, with something else beside it that has nothing of it; divided by what the damaged side is."""
    codec = Sound()
    clean, other = noise(FRAMES), noise(FRAMES, seed=1)
    other -= clean * np.float32(np.sum(clean * other) / np.sum(clean**2))
    damaged = np.float32(0.5) * clean + other
    _, scales = codec.latents(damaged)
    found, heard = sides(latents_of(clean, damaged, codec))
    expected, _ = codec.latents(np.float32(0.5) * clean, scales)
    assert_within_rounding(found, expected)
    # What is to be taken away is what was put in, and it is as loud as it was.
    put_in, _ = codec.latents(other, scales)
    np.testing.assert_allclose(heard - found, put_in, atol=4e-3)


def test_the_level_is_one_for_the_whole_item() -> None:
    """A segment that the damage turned down stays to be turned up."""
    codec = Sound()
    clean = noise(FRAMES)
    damaged = clean.copy()
    damaged[:, 1_024:] *= np.float32(0.25)
    level = float(np.sum(clean * damaged) / np.sum(clean**2))
    found, heard = sides(latents_of(clean, damaged, codec))
    assert_within_rounding(found[0, :, :15], heard[0, :, :15] * level)
    assert_within_rounding(found[1, :, 1:], heard[1, :, 1:] * level / 0.25)


def test_a_level_is_followed_within_24_db_and_no_further() -> None:
    codec = Sound()
    clean = noise(FRAMES)
    found, heard = sides(latents_of(clean, clean * np.float32(1e-3), codec))
    assert_within_rounding(found, heard * 1e3 * 10 ** (-24 / 20))


@pytest.mark.parametrize("floor", [1e-42, 1e-8, 1e-5])
def test_where_the_damaged_side_is_silent_it_is_as_it_should_be(floor: float) -> None:
    codec = Sound(floor=floor)
    clean, damaged = noise(FRAMES), noise(FRAMES, seed=1)
    damaged[:, 960:] = 0
    found = latents_of(clean, damaged, codec)
    assert not np.array_equal(found[0, WANTED], found[0, DAMAGED])
    assert not found[1, [WANTED, DAMAGED]].any()
    assert found[1, CLEAN].any()
    faint = noise(FRAMES, level=SILENCE / 4)
    found = latents_of(clean, faint, codec)
    assert found[:, DAMAGED].any()
    np.testing.assert_array_equal(found[:, WANTED], found[:, DAMAGED])


def test_where_the_clean_side_is_silent_what_was_put_in_is_to_go() -> None:
    found = latents_of(np.zeros((2, FRAMES), np.float32), noise(FRAMES), Sound())
    assert not found[:, [WANTED, CLEAN]].any()
    assert found[:, DAMAGED].any()


def test_what_half_precision_cannot_take_is_held_at_its_most() -> None:
    clean = noise(FRAMES) * np.float32(1e3)
    damaged = clean.copy()
    damaged[:, 960:] *= np.float32(1e-6)
    found = latents_of(clean, damaged, Sound())
    assert np.isfinite(found).all()
    assert np.abs(found[0]).max() < 10
    assert np.abs(found[1, WANTED]).max() == np.finfo(np.float16).max


def test_a_codec_without_latents_is_refused() -> None:
    class Tokenised:
        codec_id = "tokens-only"

    codec: Any = Tokenised()
    with pytest.raises(UsageError, match="feature latents: tokens-only gives no latents; leave the feature out"):
        latents_of(noise(FRAMES), noise(FRAMES), codec)


@pytest.mark.parametrize("dimension", [64, 256])
def test_latents_of_another_dimension_are_refused(dimension: int) -> None:
    wrong = rf"feature latents: expected 128 numbers to a token, sound has {dimension}; leave the feature out"
    with pytest.raises(UsageError, match=wrong):
        latents_of(noise(FRAMES), noise(FRAMES), Sound(dimension=dimension))


def test_they_are_a_feature_like_any_other() -> None:
    pair, codec = (noise(FRAMES), noise(FRAMES, seed=1)), Sound()
    found = features_of(pair, codec, ["measures", "latents"])
    assert list(found) == ["measures", "latents"]
    np.testing.assert_array_equal(found["latents"], latents_of(*pair, codec))
    assert "latents" not in features_of(pair, codec, ["measures"])
