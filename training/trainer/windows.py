"""The windows of an epoch, one after another, in an order of the seed and the epoch alone.

A window is one segment of one item, as a `Sample` of one segment. What always holds: neither the size of the batches
nor the number of workers changes which windows come and in which order, so that a batch may be halved on the way; a
walk that begins after so many windows gives exactly those that the whole walk gives after them.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader

from rebounce.training.bundle_features import LATENTS, MEASURES
from rebounce.training.bundle_latents import CLEAN
from rebounce.training.bundle_loader import EpochSampler, bundle_loader
from rebounce.training.bundle_measures import SIDE_COLUMNS
from rebounce.training.dataset import BundleDataset, Sample
from rebounce.training.losses.targets import OF_SEGMENTS

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it lie evenly between whole numbers."""


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
    """One way through an epoch: `take` gives the next windows, `put_back` undoes a taking.

    Of all windows `clean_share` are shown clean, others in every epoch.
    """

    def __init__(
        self, loader: "DataLoader[Sample]", *, seed: int, epoch: int, skip: int = 0, clean_share: float = 0.0
    ) -> None:
        assert isinstance(loader.sampler, EpochSampler)
        loader.sampler.set_epoch(epoch)
        self._coming = _shuffled(loader, (seed, epoch), clean_share)
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


def in_order(loader: "DataLoader[Sample]", clean_share: float = 0.0) -> Iterator[Sample]:
    """Every window of a loader that does not shuffle, item after item; of them about `clean_share` shown clean.

    Which of them goes by their tokens, so that it is the same however many processes share them out.
    """
    for batch in loader:
        for window in windows_of(batch):
            place = int(window["codes_clean"].sum()) * GOLDEN % 1
            yield shown_clean(window) if place < clean_share else window


def shown_clean(window: Sample) -> Sample:
    """The window with its clean side in place of the damaged one: what is not to be changed, beside what is."""
    shown = {**window, "codes_damaged": window["codes_clean"], "scales_damaged": window["scales_clean"]}
    if LATENTS in window:
        shown[LATENTS] = window[LATENTS][:, [CLEAN] * 3]
    if MEASURES in window:
        sides, measures = len(SIDE_COLUMNS), window[MEASURES]
        no_gain = torch.zeros_like(measures[:, 2 * sides :])
        shown[MEASURES] = torch.cat([measures[:, :sides], measures[:, :sides], no_gain], dim=1)
    return shown


def windows_of(batch: Sample) -> list[Sample]:
    """The windows of a batch of items, without the segments that only fill an item up."""
    of_windows = {name: batch[name].flatten(0, 1) for name in OF_SEGMENTS if name in batch}
    places = of_windows["is_token"].any(-1).nonzero().flatten().tolist()
    return [{name: values[place : place + 1] for name, values in of_windows.items()} for place in places]


def _shuffled(loader: "DataLoader[Sample]", place: tuple[int, int], clean_share: float) -> Iterator[list[Sample]]:
    """The windows of so many items at a time, shuffled among each other: neighbours of one item are much alike."""
    for number, batch in enumerate(loader):
        windows = windows_of(batch)
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([*place, number])))
        # As in EpochSampler: random() is the same everywhere and always, permutation() need not be.
        order = np.argsort(rng.random(len(windows)), kind="stable")
        is_clean = rng.random(len(windows)) < clean_share
        yield [shown_clean(windows[place]) if is_clean[place] else windows[place] for place in order]
