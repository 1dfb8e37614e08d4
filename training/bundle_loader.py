"""Batches of bundles, read by several processes ahead of the training that uses them."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from rebounce.engine.errors import RebounceError, UsageError
from rebounce.engine.tokens import PAD
from rebounce.training.bundle_features import MEL_FLOOR_DB
from rebounce.training.dataset import BundleDataset, Sample

PADDING = {"codes_clean": PAD, "codes_damaged": PAD, "scales_clean": 1.0, "scales_damaged": 1.0, "mel": MEL_FLOOR_DB}
"""What fills an item up to the size of the largest in its batch; 0 and False for everything else."""


class EpochSampler(Sampler[tuple[int, int]]):
    """Every item once an epoch, in an order of the seed and the epoch; gives `(index, epoch)`.

    `set_epoch` before each epoch: without it the next one is like the last.
    """

    def __init__(self, count: int, seed: int, *, is_shuffled: bool = True, epoch: int = 0) -> None:
        if seed < 0:
            raise UsageError(f"seed: expected 0 or more, found {seed}")
        self._count = count
        self._seed = seed
        self._is_shuffled = is_shuffled
        self.set_epoch(epoch)

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next walk is."""
        if epoch < 0:
            raise UsageError(f"epoch: expected 0 or more, found {epoch}")
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.arange(self._count)
        if self._is_shuffled:
            rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self._seed, self._epoch])))
            # Sorting by random() and not permutation(), whose stream numpy does not promise to keep.
            order = np.argsort(rng.random(self._count), kind="stable")
        return ((int(index), self._epoch) for index in order)


class _Readings(Dataset[Sample]):
    """Batches of a data set, or the error that says why there is none.

    What a worker raises, torch raises again with the worker's traceback for a message; a user is told one sentence.
    """

    def __init__(self, dataset: BundleDataset) -> None:
        self._dataset = dataset

    def __getitems__(self, keys: Sequence[tuple[int, int]]) -> "list[Sample] | RebounceError":
        try:
            return [self._dataset[key] for key in keys]
        except RebounceError as problem:
            return problem


class _Loader(DataLoader[Sample]):
    """Raises in the process that reads the batches what went wrong in one that made them."""

    def __iter__(self) -> Iterator[Sample]:  # type: ignore[override]
        for batch in super().__iter__():
            if isinstance(batch, RebounceError):
                raise batch
            yield batch


def bundle_loader(
    dataset: BundleDataset,
    *,
    batch_size: int,
    workers: int = 0,
    seed: int = 0,
    epoch: int = 0,
    is_shuffled: bool = True,
) -> "DataLoader[Sample]":
    """A loader whose batches do not depend on the number of workers; `loader.sampler.set_epoch(n)` before each epoch.

    The workers are spawned with the first batch and stay from epoch to epoch. A bundle that cannot be used is a
    BundleError here too, whichever worker met it; the next walk begins anew.
    """
    sampler = EpochSampler(len(dataset), seed, is_shuffled=is_shuffled, epoch=epoch)
    return _Loader(
        _Readings(dataset),
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        collate_fn=_collate_or_hand_on,
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=workers > 0,
        # The loader draws a seed for its workers, who need none; from a generator of its own, not from everybody's.
        generator=torch.Generator().manual_seed(seed),
    )


def _collate_or_hand_on(samples: "list[Sample] | RebounceError") -> "Sample | RebounceError":
    return samples if isinstance(samples, RebounceError) else collate(samples)


def collate(samples: Sequence[Sample]) -> Sample:
    """One batch: each item filled up at its ends to the size of the largest."""
    return {name: _stacked(name, [sample[name] for sample in samples]) for name in samples[0]}


def _stacked(name: str, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    shape = [max(sizes) for sizes in zip(*(tensor.shape for tensor in tensors), strict=True)]
    batch = tensors[0].new_full((len(tensors), *shape), PADDING.get(name, 0))
    for row, tensor in zip(batch, tensors, strict=True):
        row[tuple(slice(size) for size in tensor.shape)] = tensor
    return batch
