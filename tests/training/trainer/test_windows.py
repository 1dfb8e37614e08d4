"""The windows of an epoch: the same ones in the same order, however they are taken."""

from itertools import pairwise

import pytest
import torch
from shift_making import SEGMENTS, write_shifts

from rebounce.training import dataset as bundles
from rebounce.training.bundle_loader import collate
from rebounce.training.dataset import BundleDataset, Sample
from rebounce.training.trainer.windows import Walk, in_order, item_loader, share_of, windows_of

ITEMS = 10


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> BundleDataset:
    return BundleDataset(write_shifts(tmp_path_factory.mktemp("bundles"), ITEMS, ("1",)))


def walk(dataset: BundleDataset, epoch: int = 0, skip: int = 0, workers: int = 0) -> Walk:
    return Walk(item_loader(dataset, items=4, seed=3, workers=workers), seed=3, epoch=epoch, skip=skip)


def items_of(dataset: BundleDataset) -> list[Sample]:
    return [dataset[index] for index in range(len(dataset))]


def codes(windows: list[Sample]) -> list[bytes]:
    """What tells windows apart."""
    return [window["codes_clean"].numpy().tobytes() for window in windows]


def test_an_epoch_has_every_window_once(dataset: BundleDataset) -> None:
    taken = codes(walk(dataset).take(1000))
    every = codes([window for item in items_of(dataset) for window in windows_of(collate([item]))])
    assert len(every) == ITEMS * SEGMENTS
    assert sorted(taken) == sorted(every)
    assert taken != every


def test_batches_of_any_size_are_the_same_windows_in_the_same_order(dataset: BundleDataset) -> None:
    whole = codes(walk(dataset).take(1000))
    windows, pieces = walk(dataset), []
    for size in (1, 7, 3, 16, 40):
        pieces += windows.take(size)
    assert codes(pieces) == whole
    assert windows.take(5) == []


def test_a_walk_that_begins_later_gives_the_rest(dataset: BundleDataset) -> None:
    whole = codes(walk(dataset).take(1000))
    for skip in (1, 16, 17, 39, 40):
        assert codes(walk(dataset, skip=skip).take(1000)) == whole[skip:]


def test_what_is_put_back_comes_next(dataset: BundleDataset) -> None:
    windows = walk(dataset)
    taken = windows.take(9)
    windows.put_back(taken[4:])
    assert codes(taken[:4] + windows.take(1000)) == codes(walk(dataset).take(1000))


def test_another_epoch_has_another_order(dataset: BundleDataset) -> None:
    first, second = codes(walk(dataset).take(1000)), codes(walk(dataset, epoch=1).take(1000))
    assert first != second
    assert sorted(first) == sorted(second)


def test_neighbours_of_one_item_are_parted(dataset: BundleDataset) -> None:
    order = codes(walk(dataset).take(16))
    items = [{*codes(windows_of(collate([item])))} for item in items_of(dataset)]
    runs = sum(any({one, other} <= item for item in items) for one, other in pairwise(order))
    # Unshuffled, twelve of fifteen pairs would be of one item.
    assert runs < 8


def test_workers_change_nothing(dataset: BundleDataset) -> None:
    assert codes(walk(dataset, workers=1).take(20)) == codes(walk(dataset).take(20))


def test_in_order_is_item_after_item(dataset: BundleDataset) -> None:
    loader = item_loader(dataset, items=1, seed=0, is_shuffled=False)
    assert codes(list(in_order(loader))) == codes(
        [window for item in items_of(dataset) for window in windows_of(collate([item]))]
    )


def test_the_segments_that_only_fill_an_item_up_are_left_out(dataset: BundleDataset) -> None:
    short = {name: values[:1] if values.ndim else values for name, values in dataset[1].items()}
    windows = windows_of(collate([dataset[0], short]))
    assert len(windows) == SEGMENTS + 1
    assert all(window["is_token"].any() for window in windows)
    assert {values.shape[0] for window in windows for values in window.values()} == {1}


def test_a_batch_of_windows_is_a_sample_of_one_segment_each(dataset: BundleDataset) -> None:
    batch = collate(walk(dataset).take(6))
    assert batch["codes_clean"].shape[:2] == (6, 1)
    assert batch["codes_clean"].dtype == torch.int64


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_each_process_has_its_share_and_all_of_them_everything(processes: int) -> None:
    even = [share_of(5, rank, processes, is_even=True) for rank in range(processes)]
    assert {len(share) for share in even} == {-(-5 // processes)}
    assert {place for share in even for place in share} == set(range(5))
    parted = [share_of(5, rank, processes, is_even=False) for rank in range(processes)]
    assert sorted(place for share in parted for place in share) == list(range(5))


def test_windows_of_an_item_are_drawn_anew_every_epoch(dataset: BundleDataset) -> None:
    drawn = BundleDataset(dataset.folders, windows=bundles.Windows(segments=1, seed=0))
    places = {codes(walk(drawn, epoch=epoch).take(1000))[0] for epoch in range(8)}
    assert len(places) > 1
    assert len(walk(drawn).take(1000)) == ITEMS
