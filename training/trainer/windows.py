"""The windows of an epoch, one after another, in an order of the seed and the epoch alone.

A window is one segment of one item, as a `Sample` of one segment. What always holds: neither the size of the batches
nor the number of workers changes which windows come and in which order, so that a batch may be halved on the way; a
walk that begins after so many windows gives exactly those that the whole walk gives after them.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from torch.utils.data import DataLoader

from rebounce.training.bundle_loader import EpochSampler, bundle_loader
from rebounce.training.dataset import BundleDataset, Sample

OF_A_SEGMENT = ("codes_clean", "codes_damaged", "is_token", "scales_clean", "scales_damaged", "measures")
"""What of a sample belongs to its segments; all else is of the item."""


def share_of(items: int, rank: int, processes: int, is_even: bool) -> list[int]:
    """The places of the items that one of several processes has; where all must have as many, some come twice."""
    count = -(-items // processes) * processes if is_even else items
    return [place % items for place in range(rank, count, processes)]


def item_loader(
    dataset: BundleDataset, *, items: int, seed: int, workers: int = 0, is_shuffled: bool = True
) -> "DataLoader[Sample]":
    """So many items at a time."""
    return bundle_loader(dataset, batch_size=items, workers=workers, seed=seed, is_shuffled=is_shuffled)


class Walk:
    """One way through an epoch: `take` gives the next windows, `put_back` undoes a taking."""

    def __init__(self, loader: "DataLoader[Sample]", *, seed: int, epoch: int, skip: int = 0) -> None:
        assert isinstance(loader.sampler, EpochSampler)
        loader.sampler.set_epoch(epoch)
        self._coming = _shuffled(loader, seed, epoch)
        self._waiting: deque[Sample] = deque()
        self.take(skip)

    def take(self, count: int) -> list[Sample]:
        """The next windows, fewer where the epoch ends."""
        while len(self._waiting) < count:
            pool = next(self._coming, None)
            if pool is None:
                break
            self._waiting.extend(pool)
        return [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]

    def put_back(self, windows: Iterable[Sample]) -> None:
        """These come next, in this order."""
        self._waiting.extendleft(reversed(list(windows)))


def in_order(loader: "DataLoader[Sample]") -> Iterator[Sample]:
    """Every window of a loader that does not shuffle, item after item."""
    for batch in loader:
        yield from windows_of(batch)


def windows_of(batch: Sample) -> list[Sample]:
    """The windows of a batch of items, without the segments that only fill an item up."""
    of_windows = {name: batch[name].flatten(0, 1) for name in OF_A_SEGMENT if name in batch}
    places = of_windows["is_token"].any(-1).nonzero().flatten().tolist()
    return [{name: values[place : place + 1] for name, values in of_windows.items()} for place in places]


def _shuffled(loader: "DataLoader[Sample]", seed: int, epoch: int) -> Iterator[list[Sample]]:
    """The windows of so many items at a time, shuffled among each other: neighbours of one item are much alike."""
    for number, batch in enumerate(loader):
        windows = windows_of(batch)
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch, number])))
        # As in EpochSampler: random() is the same everywhere and always, permutation() need not be.
        yield [windows[place] for place in np.argsort(rng.random(len(windows)), kind="stable")]
