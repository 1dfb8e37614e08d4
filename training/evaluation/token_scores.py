"""Tokens judged: which of an item's are those of the clean audio, and how many of the codec's the clean audio uses.

What always holds: only the damaged input and the presets are asked, since round trip and oracles know the answer; and
a version that cannot be encoded has no accuracy, and costs no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rebounce.training.evaluation.coding import Encoded
from rebounce.training.scores.confidence import Interval, mean_interval
from rebounce.training.scores.tokens import (
    TokenAccuracy,
    perplexities,
    token_accuracy,
    token_histogram,
    used_shares,
)

Histogram = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemTokens:
    """One item's tokens: by system how many are those of the clean audio, None where it could not be encoded.

    `histogram` counts the codes of the clean audio, `(codebooks, codes)`; None once it was added to the others, as
    it is too large to be kept for every item.
    """

    accuracy: Mapping[str, TokenAccuracy | None]
    histogram: Histogram | None = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """One system in one group: the mean share of equal tokens over items, for all codebooks and for each."""

    system: str
    overall: Interval
    per_codebook: tuple[Interval, ...]
    undefined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """How the clean audio of all items uses each codebook of `codebook_size` codes.

    `perplexity` is as how many codes used alike it counts, `used` the share of codes that occur at all, and `largest`
    the share of the code that occurs most; None where there is no token.
    """

    codebook_size: int
    tokens: tuple[int, ...]
    perplexity: tuple[float | None, ...]
    used: tuple[float, ...]
    largest: tuple[float | None, ...]


def item_tokens(clean: Encoded, others: Mapping[str, Encoded | None], codebook_size: int) -> ItemTokens:
    """The tokens of every system against those of the clean audio."""
    return ItemTokens(
        accuracy={name: None if tokens is None else _accuracy(clean, tokens) for name, tokens in others.items()},
        histogram=reduce(add, (token_histogram(tokens, codebook_size) for tokens in clean)),
    )


def token_rows(tracks: Sequence[str], items: Sequence[ItemTokens | None], seed: int) -> tuple[TokenRow, ...]:
    """A row a system from a group's items, each of a track; none where no item has tokens."""
    systems = dict.fromkeys(name for item in items if item for name in item.accuracy)
    rows = []
    for system in systems:
        found = [item.accuracy.get(system) if item else None for item in items]
        books = max((len(accuracy.counted) for accuracy in found if accuracy), default=0)
        rows.append(
            TokenRow(
                system=system,
                overall=_mean(tracks, [one.overall if one else None for one in found], seed),
                per_codebook=tuple(
                    _mean(tracks, [one.per_codebook[book] if one else None for one in found], seed)
                    for book in range(books)
                ),
                undefined=sum(one is None for one in found),
            )
        )
    return tuple(rows)


def usage_of(histogram: Histogram) -> TokenUsage:
    """What the counts of all items come to."""
    counts = histogram.sum(axis=1)
    largest = [most / count if count else None for most, count in zip(_largest(histogram), counts, strict=True)]
    return TokenUsage(
        codebook_size=histogram.shape[1],
        tokens=tuple(int(count) for count in counts),
        perplexity=perplexities(histogram),
        used=used_shares(histogram),
        largest=tuple(largest),
    )


def item_tokens_to_data(item: ItemTokens | None) -> dict[str, Any] | None:
    """For JSON: of each system the counts and shares, overall and by codebook."""
    if item is None:
        return None
    return {name: accuracy and _accuracy_to_data(accuracy) for name, accuracy in item.accuracy.items()}


def _mean(tracks: Sequence[str], shares: Sequence[float | None], seed: int) -> Interval:
    return mean_interval(tracks, shares, seed).within(0.0, 1.0)


def _accuracy(clean: Encoded, other: Encoded) -> TokenAccuracy:
    return reduce(add, (token_accuracy(ours, theirs) for ours, theirs in zip(clean, other, strict=True)))


def _largest(histogram: Histogram) -> list[int]:
    return [int(counts.max()) for counts in histogram]


def _accuracy_to_data(accuracy: TokenAccuracy) -> dict[str, Any]:
    return {
        "overall": accuracy.overall,
        "per_codebook": list(accuracy.per_codebook),
        "equal": list(accuracy.equal),
        "counted": list(accuracy.counted),
    }
