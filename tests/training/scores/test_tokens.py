from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebounce.engine.errors import UsageError
from rebounce.engine.tokens import PAD, Tokens
from rebounce.training.scores.tokens import (
    TokenAccuracy,
    perplexities,
    token_accuracy,
    token_histogram,
    used_shares,
)


def tokens_of(codes: np.ndarray, codec_id: str = "a codec") -> Tokens:
    return Tokens(
        codes=codes.astype(np.int16),
        scales=np.ones(codes.shape[0], np.float32),
        frames=codes.shape[0] * codes.shape[2] * 320,
        sample_rate_hz=48_000,
        codec_id=codec_id,
    )


def some_codes(seed: int = 0, size: int = 1024) -> np.ndarray:
    """Two segments of four codebooks, the second one shorter."""
    codes = np.random.default_rng(seed).integers(0, size, (2, 4, 150))
    codes[1, :, 100:] = PAD
    return codes


def test_tokens_that_were_changed_are_those_that_are_missing() -> None:
    clean, other = some_codes(), some_codes()
    other[0, 0, :25] = (other[0, 0, :25] + 1) % 1024
    other[1, 2, :100] = (other[1, 2, :100] + 7) % 1024
    accuracy = token_accuracy(tokens_of(clean), tokens_of(other))
    assert accuracy.per_codebook == (0.9, 1.0, 0.6, 1.0)
    assert accuracy.overall == pytest.approx(0.875)
    assert accuracy.counted == (250, 250, 250, 250)


def test_padding_is_never_counted_as_right() -> None:
    clean, other = some_codes(1), some_codes(1)
    other[other != PAD] = (other[other != PAD] + 1) % 1024
    assert token_accuracy(tokens_of(clean), tokens_of(other)).overall == 0


def test_items_are_added_by_their_counts() -> None:
    long, short = np.zeros((3, 2, 10)), np.zeros((1, 2, 10))
    sum_of_both = token_accuracy(tokens_of(long), tokens_of(long)) + token_accuracy(
        tokens_of(short), tokens_of(short + 1)
    )
    assert sum_of_both == TokenAccuracy(equal=(30, 30), counted=(40, 40))
    assert sum_of_both.overall == 0.75
    with pytest.raises(UsageError, match="2 codebooks"):
        _ = sum_of_both + TokenAccuracy(equal=(1,), counted=(1,))


def test_no_tokens_have_no_accuracy() -> None:
    none = tokens_of(np.zeros((0, 4, 0)))
    assert token_accuracy(none, none).overall is None
    assert token_accuracy(none, none).per_codebook == (None,) * 4
    assert perplexities(token_histogram(none, 1024)) == (None,) * 4


def test_tokens_of_another_length_or_codec_are_refused() -> None:
    clean = tokens_of(some_codes())
    with pytest.raises(UsageError, match="of one codec"):
        token_accuracy(clean, tokens_of(some_codes(), "another"))
    with pytest.raises(UsageError, match=r"\(2, 4, 150\).*\(1, 4, 150\)"):
        token_accuracy(clean, tokens_of(some_codes()[:1]))
    longer = some_codes()
    longer[1, :, 100] = 5
    with pytest.raises(UsageError, match="equally long"):
        token_accuracy(clean, tokens_of(longer))
    with pytest.raises(UsageError, match=r"of 96000 frames and .* of 95999"):
        token_accuracy(clean, replace(clean, frames=95_999))


@given(seed=st.integers(0, 1000), size=st.sampled_from([2, 10, 1024]))
@settings(max_examples=20, deadline=None)
def test_a_histogram_counts_every_token_once(seed: int, size: int) -> None:
    codes = some_codes(seed, size)
    histogram = token_histogram(tokens_of(codes), size)
    assert histogram.shape == (4, size)
    for book in range(4):
        assert [int((codes[:, book] == code).sum()) for code in range(size)] == histogram[book].tolist()


@pytest.mark.parametrize("used", [1, 2, 37, 1024])
def test_codes_that_are_used_alike_have_their_number_as_perplexity(used: int) -> None:
    codes = np.tile(np.arange(used), 3)[np.newaxis, np.newaxis]
    histogram = token_histogram(tokens_of(codes), 1024)
    assert perplexities(histogram)[0] == pytest.approx(used)
    assert used_shares(histogram) == (used / 1024,)


def test_perplexity_is_two_to_the_bits_of_entropy() -> None:
    """Shares of 1/2, 1/4, 1/8, 1/8: 1.75 bits."""
    assert perplexities(np.array([[0, 4, 2, 1, 1]]))[0] == pytest.approx(2**1.75)


@pytest.mark.parametrize("code", [-2, 1024])
def test_codes_out_of_range_are_refused(code: int) -> None:
    codes = some_codes()
    codes[0, 3, 7] = code
    with pytest.raises(UsageError, match=f"0 to 1023, found {code} in book 3"):
        token_histogram(tokens_of(codes), 1024)
