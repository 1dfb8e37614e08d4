"""A bundle that cannot be is refused where it is made, not where somebody reads it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bundle_making import FRAMING, make_bundle, random_tokens
from numpy.typing import NDArray

from rebounce.engine.errors import CodecError, UsageError
from rebounce.engine.tokens import Framing, Tokens
from rebounce.training.bundle_item import Bundle

BUNDLE = make_bundle(100_000)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(BUNDLE.damaged, codec_id="other"), "the same codec_id on both sides, found encodec_.* and other"),
        (
            replace(BUNDLE.damaged, sample_rate_hz=44_100),
            "the same sample_rate_hz on both sides, found 48000 and 44100",
        ),
        (random_tokens(100_001), "the same frames on both sides, found 100000 and 100001"),
        (replace(BUNDLE.damaged, codes=BUNDLE.damaged.codes[:, :2]), "as many codebooks on both sides, found 4 and 2"),
    ],
)
def test_both_sides_are_of_one_codec_and_one_length(other: Tokens, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(BUNDLE, damaged=other)


@pytest.mark.parametrize("side", ["clean", "damaged"])
def test_tokens_that_no_codec_makes_are_refused_with_their_side(side: str) -> None:
    tokens: Tokens = getattr(BUNDLE, side)
    codes = tokens.codes.copy()
    codes[1, 2, 3] = 5000
    with pytest.raises(CodecError, match=f"{side} tokens: expected codes of 0 to 1023, found 5000 in segment 1"):
        replace(BUNDLE, **{side: replace(tokens, codes=codes)})  # type: ignore[arg-type]


def test_another_framing_than_the_tokens_is_refused() -> None:
    with pytest.raises(CodecError, match=r"clean tokens: expected codes \(3, 4, 160\)"):
        replace(BUNDLE, framing=Framing(segment_frames=48_000, stride_frames=47_520, hop_frames=300))
    assert BUNDLE.framing == FRAMING


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"split": "banana"}, "split: expected train, validation, test, found 'banana'"),
        ({"stage": ""}, "stage: expected a name, found none"),
        ({"exercise": ""}, "exercise: expected a name, found none"),
        ({"seed": -1}, "seed: expected 0 or more, found -1"),
        ({"index": -1}, "index: expected 0 or more, found -1"),
        ({"start_frame": -1}, "start_frame: expected 0 or more, found -1"),
        ({"source_channels": 0}, "source_channels: expected 1 or more, found 0"),
        ({"source_sample_rate_hz": 0}, "source_sample_rate_hz: expected 1 or more, found 0"),
        ({"track_sha256": "7"}, "track_sha256: expected 64 hex digits, found '7'"),
        ({"weights_sha256": "AB" * 32}, "weights_sha256: expected 64 hex digits, found 'ABAB"),
        ({"codebook_size": 0}, "expected a codebook or more, .*found 4 of 0"),
    ],
)
def test_facts_that_cannot_be_are_refused_by_name(facts: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(BUNDLE, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("colour", np.zeros((2, 2), np.float16), "expected features of mel, stft, measures, latents, found 'colour'"),
        (
            "mel",
            np.zeros((128, 195), np.float16),
            r"expected feature.mel float16 \(128, 196\), found float16 \(128, 195\)",
        ),
        ("mel", np.zeros((128, 196), np.float32), "found float32"),
        (
            "measures",
            np.zeros((3, 24), np.float32),
            r"expected feature.measures float32 \(3, 25\), found float32 \(3, 24\)",
        ),
        (
            "latents",
            np.zeros((3, 3, 128, 149), np.float16),
            r"expected feature.latents float16 \(3, 3, 128, 150\), found float16 \(3, 3, 128, 149\)",
        ),
        ("latents", np.zeros((3, 3, 128, 150), np.float32), "found float32"),
        ("stft", np.full((1025, 196), np.inf, np.float16), "expected numbers in feature.stft, found inf in row 0"),
        ("latents", np.full((3, 3, 128, 150), np.nan, np.float16), "expected numbers in feature.latents, found nan"),
    ],
)
def test_features_that_cannot_be_are_refused(name: str, values: NDArray[np.floating[Any]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(BUNDLE, features={name: values})


def test_two_bundles_are_compared_without_a_look_at_their_arrays() -> None:
    same: Bundle = BUNDLE
    assert same == BUNDLE
    assert make_bundle(100) != make_bundle(100)
