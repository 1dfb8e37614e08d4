"""The windows of an epoch: the same ones in the same order, however they are taken."""

from copy import copy
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from shift_making import SEGMENTS, write_shifts
from tiny_packages import WIDE, tiny_codec

from rebounce.training import dataset as bundles
from rebounce.training.bundle_latents import CLEAN
from rebounce.training.bundle_loader import collate
from rebounce.training.dataset import BundleDataset, Sample
from rebounce.training.losses.targets import targets_of
from rebounce.training.losses.token_space import token_space
from rebounce.training.trainer.windows import Walk, in_order, item_loader, share_of, shown_clean, windows_of

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


def test_windows_keep_the_latents_of_their_segments() -> None:
    items = []
    for segments in (3, 1):
        is_token = torch.ones(segments, 5, dtype=torch.bool)
        is_token[-1, 2:] = False
        latents = torch.randn(segments, 3, 128, 5, generator=torch.Generator().manual_seed(segments))
        items.append({"is_token": is_token, "latents": latents * is_token[:, None, None]})
    windows = windows_of(collate(items))
    expected = torch.cat([item["latents"] for item in items])
    assert len(windows) == 4
    for window, latents in zip(windows, expected, strict=True):
        assert torch.equal(window["latents"], latents[None])


def is_shown_clean(windows: list[Sample]) -> list[bool]:
    """On the damaged side of these bundles half of the tokens are others."""
    return [torch.equal(window["codes_clean"], window["codes_damaged"]) for window in windows]


def test_a_share_of_the_windows_is_shown_clean_others_in_every_epoch(dataset: BundleDataset) -> None:
    plain, epochs = [], []
    for epoch in range(20):
        loader = item_loader(dataset, items=4, seed=3)
        windows = Walk(loader, seed=3, epoch=epoch, clean_share=0.3).take(1000)
        assert codes(windows) == codes(walk(dataset, epoch).take(1000))
        plain += is_shown_clean(walk(dataset, epoch).take(1000))
        epochs.append(
            [code for code, is_clean in zip(codes(windows), is_shown_clean(windows), strict=True) if is_clean]
        )
        for skip in (1, 16, 17):
            rest = Walk(item_loader(dataset, items=4, seed=3), seed=3, epoch=epoch, skip=skip, clean_share=0.3)
            assert is_shown_clean(rest.take(1000)) == is_shown_clean(windows)[skip:]
    assert not any(plain)
    # 20 epochs of 40 windows: 240 of them, give or take four standard deviations.
    assert sum(map(len, epochs)) == pytest.approx(240, abs=52)
    assert len({tuple(sorted(shown)) for shown in epochs}) == 20


@pytest.mark.parametrize("share", [0.0, 0.25, 0.3, 0.95])
def test_in_order_the_same_ones_are_shown_clean_however_the_items_are_shared_out(
    dataset: BundleDataset, share: float
) -> None:
    def shown(of: BundleDataset) -> list[bool]:
        return is_shown_clean(list(in_order(item_loader(of, items=1, seed=0, is_shuffled=False), share)))

    every = shown(dataset)
    assert shown(dataset) == every
    # Give or take four standard deviations.
    assert sum(every) == pytest.approx(share * len(every), abs=4 * (share * (1 - share) * len(every)) ** 0.5)
    halves = []
    for start in (0, 1):
        half = copy(dataset)
        half.paths = dataset.paths[start::2]
        halves.append(shown(half))
    assert sorted(halves[0] + halves[1]) == sorted(every)
    assert halves[0][:SEGMENTS] + halves[1][:SEGMENTS] == every[: 2 * SEGMENTS]


def test_a_window_that_is_shown_clean_asks_for_no_change(tmp_path: Path) -> None:
    codec = tiny_codec(size=WIDE)
    bundles_of_latents = write_shifts(tmp_path, 1, ("1",), codec=codec)
    dataset = BundleDataset(bundles_of_latents, features=("measures", "latents"))
    (window, *_) = windows_of(collate([dataset[0]]))
    window["scales_damaged"] = window["scales_damaged"] * 2
    window["latents"][:, CLEAN] += 1
    before = {name: values.clone() for name, values in window.items()}
    damaged, clean = (targets_of(shown, token_space(codec)) for shown in (window, shown_clean(window)))
    assert all(torch.equal(window[name], values) for name, values in before.items())
    assert torch.equal(clean.clean_codes, damaged.clean_codes)
    assert torch.equal(clean.damaged_codes, damaged.clean_codes)
    assert torch.equal(clean.clean_latents, window["latents"][:, CLEAN])
    assert torch.equal(clean.damaged_latents, clean.clean_latents)
    for name in ("level", "compression", "stereo", "perceptual"):
        assert getattr(damaged, name).any(), name
        assert not getattr(clean, name).any(), name
    assert damaged.mask.any()
    assert not clean.mask.any()


def test_a_window_of_tokens_alone_is_shown_clean_too(dataset: BundleDataset) -> None:
    (window, *_) = windows_of(collate([dataset[0]]))
    shown = shown_clean(window)
    assert shown.keys() == window.keys()
    assert torch.equal(shown["codes_damaged"], window["codes_clean"])
    assert torch.equal(shown["scales_damaged"], window["scales_clean"])


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
