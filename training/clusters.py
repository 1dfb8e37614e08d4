"""Vectors in clusters, by k-means."""

import numpy as np
import torch
from torch import Tensor

VECTORS_AT_ONCE = 4096


def cluster(vectors: Tensor, count: int, generator: np.random.Generator, rounds: int = 8) -> tuple[Tensor, Tensor]:
    """Centres `(count, dimension)` of vectors `(number, dimension)`, and for each vector the index of its nearest."""
    chosen = generator.choice(vectors.shape[0], count, replace=vectors.shape[0] < count)
    centres = vectors[torch.from_numpy(chosen).to(vectors.device)].clone()
    for _ in range(rounds):
        nearest = nearest_of(vectors, centres)
        sums = torch.zeros_like(centres).index_add_(0, nearest, vectors)
        counts = torch.bincount(nearest, minlength=count)
        centres = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)
    return centres, nearest_of(vectors, centres)


def nearest_of(vectors: Tensor, centres: Tensor) -> Tensor:
    """The index of the nearest centre for each vector."""
    half_squares = centres.square().sum(1) / 2
    parts = torch.split(vectors, VECTORS_AT_ONCE)
    return torch.cat([(part @ centres.T - half_squares).argmax(1) for part in parts])
