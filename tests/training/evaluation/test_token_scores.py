"""Tokens of items, against counts done by hand."""

import numpy as np
import pytest

from rebounce.engine.tokens import Tokens
from rebounce.training.evaluation.token_scores import ItemTokens, item_tokens, token_rows, usage_of
from rebounce.training.scores.tokens import TokenAccuracy


def tokens_of(*books: list[int]) -> Tokens:
    codes = np.array([books], dtype=np.int16)
    return Tokens(
        codes=codes, scales=np.ones(1, np.float32), frames=codes.shape[2], sample_rate_hz=48_000, codec_id="a codec"
    )


def test_each_system_is_counted_against_the_clean_tokens() -> None:
    clean = tokens_of([1, 2, 3, 3], [0, 0, 0, 7])
    found = item_tokens((clean,), {"damaged": (tokens_of([1, 2, 0, 0], [0, 0, 0, 7]),), "ours": (clean,)}, 8)
    assert found.accuracy["damaged"] == TokenAccuracy(equal=(2, 4), counted=(4, 4))
    assert found.accuracy["ours"] == TokenAccuracy(equal=(4, 4), counted=(4, 4))
    assert found.histogram is not None
    assert found.histogram.tolist() == [[0, 1, 1, 2, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0, 0, 1]]


def test_channels_that_are_encoded_one_by_one_are_added() -> None:
    left, right = tokens_of([1, 2]), tokens_of([3, 3])
    found = item_tokens((left, right), {"ours": (left, left), "theirs": None}, 4)
    assert found.accuracy == {"ours": TokenAccuracy(equal=(2,), counted=(4,)), "theirs": None}
    assert found.histogram is not None
    assert found.histogram.tolist() == [[0, 1, 1, 2]]


def test_a_row_is_the_mean_over_items_and_counts_what_could_not_be_encoded() -> None:
    half, all_of_it = TokenAccuracy(equal=(1, 1), counted=(2, 2)), TokenAccuracy(equal=(4, 2), counted=(4, 4))
    items = [
        ItemTokens(accuracy={"damaged": half, "ours": None}, histogram=None),
        ItemTokens(accuracy={"damaged": all_of_it, "ours": half}, histogram=None),
        None,
    ]
    damaged, ours = token_rows(["a", "b", "c"], items, 0)
    assert (damaged.system, damaged.undefined, ours.undefined) == ("damaged", 1, 2)
    assert damaged.overall.mean == pytest.approx((0.5 + 0.75) / 2)
    assert [book.mean for book in damaged.per_codebook] == [0.75, 0.5]
    assert (damaged.overall.tracks, damaged.overall.low, damaged.overall.high) == (2, 0, 1)
    assert [book.mean for book in ours.per_codebook] == [0.5, 0.5]
    assert token_rows(["a"], [None], 0) == ()


def test_usage_says_how_many_codes_are_used_and_how_evenly() -> None:
    found = usage_of(np.array([[4, 2, 1, 1], [0, 0, 0, 0], [0, 9, 0, 0]]))
    assert (found.codebook_size, found.tokens) == (4, (8, 0, 9))
    assert list(found.perplexity) == [pytest.approx(2**1.75), None, pytest.approx(1)]
    assert (found.used, found.largest) == ((1, 0, 0.25), (0.5, None, 1))
