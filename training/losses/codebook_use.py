"""How the codebooks are used in a training set, and what follows for how much each of them should count.

In a residual codec the first codebooks carry the sound and the last ones little more than noise; counted alike, most of
what a network is taught is that noise.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from rebounce.training.dataset import Sample


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CodebookUse:
    """`counts` float64 `(codebooks, codebook_size)`: how often each entry stands in the clean tokens of a training set.

    `entries` are those that were counted, `(codebooks, codebook_size, dimension)`, wherever they are asked for.
    """

    counts: Tensor

    @classmethod
    def uniform(cls, entries: Tensor) -> Self:
        """Every entry used once."""
        return cls(counts=torch.ones(entries.shape[:2], dtype=torch.float64))

    def perplexity(self) -> Tensor:
        """How many entries, equally often used, would be as hard to guess: `(codebooks,)`; 1 where nothing varies."""
        shares = self._shares()
        return torch.exp(-torch.special.xlogy(shares, shares).sum(1))

    def energy(self, entries: Tensor) -> Tensor:
        """How far the latents move with each codebook: the variance of its entries as they are used, `(codebooks,)`."""
        shares, points = self._shares()[:, :, None], entries.detach().cpu().double()
        mean = (shares * points).sum(1, keepdim=True)
        return (shares * (points - mean).square()).sum((1, 2))

    def weights(self, entries: Tensor) -> Tensor:
        """What a token of each codebook counts for: as the square root of the codebook's energy, 1 on average.

        That is the distance, root mean square, by which the latents miss if only the mean of the codebook is known. A
        codebook of which one entry alone is used has none and counts for nothing, as there is nothing to learn. On the
        light codec the first of sixteen counts about 3.2 and the last 0.5; by energy itself it would be 7 and 0.15, and
        more than two fifths of all that is learned would be about the first.
        """
        distance = self.energy(entries).sqrt()
        mean = distance.mean()
        weights = distance / mean if mean > 0 else torch.ones_like(distance)
        return weights.to(entries)

    def latent_level(self, entries: Tensor) -> Tensor:
        """The standard deviation of one component of the latents, the codebooks taken as independent; never 0."""
        return (self.energy(entries).sum() / entries.shape[2]).sqrt().clamp(min=1e-6).to(entries)

    def _shares(self) -> Tensor:
        return self.counts / self.counts.sum(1, keepdim=True).clamp(min=1)


def codebook_use(samples: Iterable[Sample], codebook_size: int) -> CodebookUse:
    """Count the clean tokens of items, or of batches of them."""
    counts: Tensor | None = None
    for sample in samples:
        books = sample["codes_clean"].movedim(-2, 0).flatten(1)
        found = torch.stack([torch.bincount(book[book >= 0], minlength=codebook_size) for book in books])
        counts = found if counts is None else counts + found
    assert counts is not None, "a data set has an item at least"
    return CodebookUse(counts=counts.double())
