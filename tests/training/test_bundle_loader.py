"""Batches: the same for any number of workers, every item once an epoch, and filled up where items differ in length."""

from pathlib import Path

import pytest
import torch
from bundle_making import write_bundles

from rebounce.engine.errors import BundleError
from rebounce.training.bundle_features import MEL_FLOOR_DB
from rebounce.training.bundle_loader import EpochSampler, bundle_loader, collate
from rebounce.training.dataset import BundleDataset, Sample, Windows

# Where there is one core torch warns of two workers.
MANY_WORKERS = "ignore:This DataLoader will create"


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """Bundles of several lengths in two stages."""
    write_bundles(tmp_path, 5, stage="0", frames=200_000)
    write_bundles(tmp_path, 4, stage="1", frames=30_000)
    return tmp_path


def batches(dataset: BundleDataset, workers: int, epochs: int = 2) -> list[Sample]:
    """What a training would see."""
    loader = bundle_loader(dataset, batch_size=4, workers=workers, seed=5)
    found = []
    for epoch in range(epochs):
        assert isinstance(loader.sampler, EpochSampler)
        loader.sampler.set_epoch(epoch)
        found += list(loader)
    return found


@pytest.mark.filterwarnings(MANY_WORKERS)
def test_batches_do_not_depend_on_the_number_of_workers(bundles: Path) -> None:
    dataset = BundleDataset(bundles, windows=Windows(segments=2, seed=5))
    alone, in_two = (batches(dataset, workers) for workers in (0, 2))
    assert len(alone) == 6
    for one, other in zip(alone, in_two, strict=True):
        assert list(one) == list(other)
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.filterwarnings(MANY_WORKERS)
def test_a_bundle_that_cannot_be_used_is_named_by_a_worker_too(bundles: Path) -> None:
    dataset = BundleDataset(bundles)
    dataset.paths[3].write_bytes(b"")
    with pytest.raises(BundleError, match=str(dataset.paths[3])):
        list(bundle_loader(dataset, batch_size=2, workers=1))


def test_each_epoch_has_every_item_once_in_an_order_of_its_own(bundles: Path) -> None:
    found = batches(BundleDataset(bundles), 0, epochs=3)
    orders = [
        [int(index) for batch in found[3 * epoch : 3 * epoch + 3] for index in batch["index"]] for epoch in range(3)
    ]
    assert all(sorted(order) == list(range(9)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    again = batches(BundleDataset(bundles), 0, epochs=3)
    assert all(torch.equal(one["codes_clean"], other["codes_clean"]) for one, other in zip(found, again, strict=True))


def test_the_order_is_a_matter_of_seed_and_epoch() -> None:
    assert list(EpochSampler(6, seed=1)) == list(EpochSampler(6, seed=1))
    assert list(EpochSampler(6, seed=1)) != list(EpochSampler(6, seed=2))
    assert list(EpochSampler(4, seed=1, is_shuffled=False, epoch=3)) == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert list(EpochSampler(0, seed=1)) == []


def test_the_loader_leaves_everybody_elses_chance_alone(bundles: Path) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    list(bundle_loader(BundleDataset(bundles), batch_size=3))
    assert torch.equal(torch.rand(3), expected)


def test_items_of_different_lengths_are_filled_up_at_their_ends() -> None:
    short = {"codes_clean": torch.ones(1, 2, 3), "scales_clean": torch.ones(1), "is_token": torch.ones(1, 3) > 0}
    long = {"codes_clean": torch.ones(2, 2, 4), "scales_clean": torch.ones(2), "is_token": torch.ones(2, 4) > 0}
    features = {"mel": (torch.zeros(2, 1), torch.zeros(2, 3)), "stft": (torch.ones(2, 1), torch.ones(2, 3))}
    batch = collate(
        [{**item, **{name: pair[row] for name, pair in features.items()}} for row, item in enumerate((short, long))]
    )
    assert batch["codes_clean"].shape == (2, 2, 2, 4)
    assert batch["codes_clean"][0, 0, :, :3].min() == 1
    assert batch["codes_clean"][0, 1].max() == batch["codes_clean"][0, 0, :, 3].max() == -1
    assert batch["is_token"].sum(dim=(1, 2)).tolist() == [3, 8]
    assert batch["scales_clean"].tolist() == [[1, 1], [1, 1]]
    assert batch["mel"][0, 0].tolist() == [0, MEL_FLOOR_DB, MEL_FLOOR_DB]
    assert batch["stft"][0, 0].tolist() == [1, 0, 0]
