"""Scores of tokens: how many are right, and how many of those there are get used.

What always holds: `PAD` counts nowhere; and sums over items are exact, since it is counts that are added, not shares.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.errors import UsageError
from rebounce.engine.tokens import PAD, Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAccuracy:
    """How many tokens of each codebook are equal, of how many; those of several items are added with `+`."""

    equal: tuple[int, ...]
    counted: tuple[int, ...]

    def __add__(self, other: "TokenAccuracy") -> "TokenAccuracy":
        if len(self.equal) != len(other.equal):
            raise UsageError(f"tokens: expected {len(self.equal)} codebooks in every item, found {len(other.equal)}")
        return TokenAccuracy(
            equal=tuple(one + two for one, two in zip(self.equal, other.equal, strict=True)),
            counted=tuple(one + two for one, two in zip(self.counted, other.counted, strict=True)),
        )

    @property
    def per_codebook(self) -> tuple[float | None, ...]:
        """The share of each codebook, 0 to 1; None where it has no tokens."""
        return tuple(_share(equal, counted) for equal, counted in zip(self.equal, self.counted, strict=True))

    @property
    def overall(self) -> float | None:
        """The share of all tokens."""
        return _share(sum(self.equal), sum(self.counted))


def token_accuracy(clean: Tokens, other: Tokens) -> TokenAccuracy:
    """Token for token at the same place; UsageError where the two do not stand for equally long audio of one codec."""
    if clean.codec_id != other.codec_id:
        raise UsageError(f"tokens: expected two of one codec, found {clean.codec_id} and {other.codec_id}")
    is_as_long = (clean.frames, clean.codes.shape) == (other.frames, other.codes.shape)
    if not is_as_long or ((clean.codes == PAD) != (other.codes == PAD)).any():
        raise UsageError(
            "tokens: expected two of equally long audio, "
            f"found codes {clean.codes.shape} of {clean.frames} frames and {other.codes.shape} of {other.frames}"
        )
    is_token = clean.codes != PAD
    equal = ((clean.codes == other.codes) & is_token).sum(axis=(0, 2))
    return TokenAccuracy(equal=_whole(equal), counted=_whole(is_token.sum(axis=(0, 2))))


def token_histogram(tokens: Tokens, codebook_size: int) -> NDArray[np.int64]:
    """How often each code is used, `(codebooks, codebook_size)`; those of several items are added."""
    codebooks = tokens.codes.shape[1]
    counts = np.zeros((codebooks, codebook_size), dtype=np.int64)
    for codebook in range(codebooks):
        codes = tokens.codes[:, codebook]
        used = codes[codes != PAD]
        if used.size and (used.min() < 0 or used.max() >= codebook_size):
            stray = used[(used < 0) | (used >= codebook_size)][0]
            raise UsageError(f"tokens: expected codes of 0 to {codebook_size - 1}, found {stray} in book {codebook}")
        counts[codebook] = np.bincount(used, minlength=codebook_size)
    return counts


def perplexities(histogram: NDArray[np.int64]) -> tuple[float | None, ...]:
    """As how many equally frequent codes each codebook of a histogram counts; None where none is used.

    e to the entropy: 1 where one code is used alone, the size of the codebook where all are used alike.
    """
    return tuple(_perplexity(counts) for counts in histogram)


def used_shares(histogram: NDArray[np.int64]) -> tuple[float, ...]:
    """The share of each codebook that is used at all."""
    return tuple(float(share) for share in (histogram > 0).mean(axis=1))


def _perplexity(counts: NDArray[np.int64]) -> float | None:
    used = counts[counts > 0]
    if not used.size:
        return None
    shares = used / used.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _whole(counts: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(count) for count in counts)
