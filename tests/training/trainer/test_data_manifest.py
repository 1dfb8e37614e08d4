"""The hash of a data set: of what is in its bundles, and of nothing else."""

import shutil
from pathlib import Path

import pytest
from shift_making import SEGMENTS, shift_bundle, write_shifts

from rebounce.engine.errors import BundleError
from rebounce.training.bundle import write_bundle
from rebounce.training.dataset import BundleDataset
from rebounce.training.trainer.data_manifest import Manifest, manifest_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_shifts(tmp_path / "bundles", 3, ("1",))


def of(*folders: Path) -> Manifest:
    return manifest_of(BundleDataset(folders))


def test_it_counts_the_segments_of_every_item(folder: Path) -> None:
    assert of(folder).segments == (SEGMENTS,) * 3


def test_where_bundles_lie_and_what_they_are_called_does_not_count(folder: Path, tmp_path: Path) -> None:
    expected = of(folder).sha256
    shutil.copytree(folder, tmp_path / "copy")
    assert of(tmp_path / "copy").sha256 == expected
    moved = tmp_path / "second/1/train/z.safetensors"
    moved.parent.mkdir(parents=True)
    next(iter(sorted((folder / "1/train").iterdir()))).rename(moved)
    assert of(tmp_path / "second", folder).sha256 == expected


def test_one_bundle_more_less_or_changed_is_another_hash(folder: Path) -> None:
    found = [of(folder).sha256]
    path = folder / "1/train/9.safetensors"
    for number in (9, 10):
        write_bundle(path, shift_bundle("1", "train", number), replaces=True)
        found.append(of(folder).sha256)
    path.unlink()
    assert of(folder).sha256 == found[0]
    assert len(set(found)) == 3


def test_a_bundle_that_is_none_is_named(folder: Path) -> None:
    path = folder / "1/train/zz.safetensors"
    for content in (b"nothing", (folder / "1/train" / f"{0:016x}-0.safetensors").read_bytes()[:300]):
        path.write_bytes(content)
        with pytest.raises(BundleError, match=rf"{path}: expected a token bundle, found a file that cannot be read"):
            of(folder)
