"""Batches: the same for any number of workers, every item once an epoch, and filled up where items differ in length."""

import multiprocessing
from pathlib import Path

import pytest
import torch
from bundle_making import write_bundles

from rebounce.engine.errors import BundleError, UsageError
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
@pytest.mark.parametrize("workers", [0, 3])
def test_a_bundle_that_cannot_be_used_is_named_in_one_sentence_each_time(bundles: Path, workers: int) -> None:
    dataset = BundleDataset(bundles)
    broken = dataset.paths[3]
    whole = broken.read_bytes()
    broken.write_bytes(b"")
    loader = bundle_loader(dataset, batch_size=2, workers=workers, is_shuffled=False)
    for _ in range(2):
        found: list[list[int]] = []
        with pytest.raises(BundleError) as caught:
            found.extend(batch["index"].tolist() for batch in loader)
        assert found == [[0, 1]]
        assert type(caught.value) is BundleError
        assert str(caught.value).startswith(f"{broken}: expected a token bundle, found a file that cannot be read")
        assert "\n" not in str(caught.value)
    broken.write_bytes(whole)
    assert [batch["index"].tolist() for batch in loader] == [[0, 1], [2, 3], [4, 5], [6, 7], [8]]


@pytest.mark.filterwarnings(MANY_WORKERS)
def test_the_workers_stay_from_epoch_to_epoch(bundles: Path) -> None:
    loader = bundle_loader(BundleDataset(bundles), batch_size=4, workers=1)
    before = {process.pid for process in multiprocessing.active_children()}
    workers = []
    for _ in range(2):
        list(loader)
        workers.append({process.pid for process in multiprocessing.active_children()} - before)
    assert len(workers[0]) == 1
    assert workers[1] == workers[0]


def test_seeds_and_epochs_below_nothing_are_refused(bundles: Path) -> None:
    with pytest.raises(UsageError, match="seed: expected 0 or more, found -1"):
        bundle_loader(BundleDataset(bundles), batch_size=2, seed=-1)
    with pytest.raises(UsageError, match="epoch: expected 0 or more, found -1"):
        bundle_loader(BundleDataset(bundles), batch_size=2, epoch=-1)
    with pytest.raises(UsageError, match="epoch: expected 0 or more, found -2"):
        EpochSampler(3, seed=0).set_epoch(-2)


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
    features = {
        "mel": (torch.zeros(2, 1), torch.zeros(2, 3)),
        "stft": (torch.ones(2, 1), torch.ones(2, 3)),
        "latents": (torch.ones(1, 3, 5, 3), torch.ones(2, 3, 5, 4)),
    }
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
    assert batch["latents"].shape == (2, 2, 3, 5, 4)
    assert batch["latents"].sum((2, 3)).tolist() == [[[15, 15, 15, 0], [0] * 4], [[15] * 4, [15] * 4]]
