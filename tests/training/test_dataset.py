"""Bundles as items: all of them, in one order, whole or in windows, and nothing unsound among them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bundle_making import FRAMING, is_token, make_bundle, write_bundles

from rebounce.engine.errors import BundleError, UsageError
from rebounce.engine.tokens import PAD
from rebounce.training.bundle import read_bundle, write_bundle
from rebounce.training.bundle_item import Bundle
from rebounce.training.dataset import BundleDataset, Windows


def test_items_come_folder_by_folder_stage_by_stage_and_by_name(tmp_path: Path) -> None:
    for folder in "ab":
        for stage in ("0", "1-stronger"):
            write_bundles(tmp_path / folder, 2, stage=stage)
            write_bundles(tmp_path / folder, 1, stage=stage, split="test")
    folders = [tmp_path / "b", tmp_path / "a"]
    names = ["0" * 16 + "-0.safetensors", "0" * 15 + "1-0.safetensors"]
    every = BundleDataset(folders)
    assert every.paths == [
        folder / stage / "train" / name for folder in folders for stage in ("0", "1-stronger") for name in names
    ]
    some = BundleDataset(str(folders[0]), split="test", stages=["1-stronger", "0"])
    assert some.paths == [folders[0] / stage / "test" / names[0] for stage in ("1-stronger", "0")]
    assert (len(every), len(some)) == (8, 2)


@pytest.mark.parametrize("frames", [240_000, 48_001, 20_000])
def test_an_item_is_its_bundle(tmp_path: Path, frames: int) -> None:
    bundle = make_bundle(frames, seed=3, features=("mel", "stft"))
    write_bundle(tmp_path / "1/train/x.safetensors", bundle)
    dataset = BundleDataset(tmp_path, features=["stft"])
    sample = dataset[0]
    assert list(sample) == [
        "codes_clean", "codes_damaged", "is_token", "scales_clean", "scales_damaged", "frames", "index", "stft",
    ]  # fmt: skip
    for side in ("clean", "damaged"):
        assert sample[f"codes_{side}"].dtype == torch.int64
        np.testing.assert_array_equal(sample[f"codes_{side}"], getattr(bundle, side).codes)
        np.testing.assert_array_equal(sample[f"scales_{side}"], getattr(bundle, side).scales)
    np.testing.assert_array_equal(sample["is_token"], is_token(frames))
    np.testing.assert_array_equal(sample["stft"], bundle.features["stft"].astype(np.float32))
    assert (int(sample["frames"]), int(sample["index"])) == (frames, 0)
    assert dataset.bundle(0).damage == bundle.damage
    assert (dataset.codec_id, dataset.codebooks, dataset.codebook_size) == (bundle.clean.codec_id, 4, 1024)


FEATURES = ("stft", "measures", "latents")
OF_SEGMENTS = ("codes_clean", "codes_damaged", "is_token", "scales_clean", "scales_damaged", "measures", "latents")


def test_a_window_is_a_cut_of_its_item_and_moves_from_epoch_to_epoch(tmp_path: Path) -> None:
    frames = 960_000
    write_bundle(tmp_path / "1/train/x.safetensors", make_bundle(frames, features=FEATURES))
    whole = BundleDataset(tmp_path, features=FEATURES)[0]
    dataset = BundleDataset(tmp_path, features=FEATURES, windows=Windows(segments=4))
    firsts = []
    for epoch in range(20):
        window = dataset[0, epoch]
        first = Windows(segments=4).first(0, epoch, len(whole["scales_clean"]))
        for name in OF_SEGMENTS:
            assert torch.equal(window[name], whole[name][first : first + 4]), name
        start = first * FRAMING.stride_frames
        length = min(frames, start + 3 * FRAMING.stride_frames + FRAMING.segment_frames) - start
        column = round(start / 512)
        assert int(window["frames"]) == length
        assert torch.equal(window["stft"], whole["stft"][:, column : column + 1 + length // 512])
        firsts.append(first)
    assert len(set(firsts)) > 5
    assert max(firsts) <= len(whole["scales_clean"]) - 4


@pytest.mark.parametrize("frames", [48_001, 20_000])
def test_latents_stand_beside_the_tokens(tmp_path: Path, frames: int) -> None:
    bundle = make_bundle(frames, features=("latents",))
    write_bundle(tmp_path / "1/train/x.safetensors", bundle)
    found = BundleDataset(tmp_path, features=["latents"])[0]
    assert found["latents"].dtype == torch.float32
    assert found["latents"].shape == (len(found["is_token"]), 3, 128, found["is_token"].shape[1])
    np.testing.assert_array_equal(found["latents"], bundle.features["latents"].astype(np.float32))


def test_windows_reach_both_ends_and_none_beyond() -> None:
    firsts = {Windows(segments=3, seed=1).first(index, 0, 6) for index in range(200)}
    assert firsts == {0, 1, 2, 3}
    assert {Windows(segments=3).first(index, 0, 3) for index in range(50)} == {0}
    assert {Windows(segments=3).first(index, 0, 1) for index in range(50)} == {0}


def test_another_seed_gives_other_windows() -> None:
    first, other = ([Windows(segments=3, seed=seed).first(0, epoch, 60) for epoch in range(20)] for seed in (1, 2))
    assert first != other


@pytest.mark.parametrize("segments", [0, -3])
def test_a_window_of_nothing_is_refused(segments: int) -> None:
    with pytest.raises(UsageError, match=f"expected 1 segment or more, found {segments}"):
        Windows(segments=segments)
    with pytest.raises(UsageError, match="expected a seed of 0 or more, found -1"):
        Windows(segments=1, seed=-1)


def test_an_item_shorter_than_a_window_is_whole(tmp_path: Path) -> None:
    write_bundle(tmp_path / "1/train/x.safetensors", make_bundle(60_000))
    sample = BundleDataset(tmp_path, windows=Windows(segments=4))[0]
    assert sample["codes_clean"].shape == (2, 4, 150)
    assert int(sample["frames"]) == 60_000


def test_a_bundle_that_cannot_be_used_is_an_error_that_names_its_file(tmp_path: Path) -> None:
    write_bundles(tmp_path, 3)
    dataset = BundleDataset(tmp_path)
    broken = dataset.paths[1]
    broken.write_bytes(broken.read_bytes()[:500])
    assert int(dataset[0]["index"]) == 0
    with pytest.raises(BundleError, match=str(broken)):
        dataset[1]
    broken.unlink()
    with pytest.raises(BundleError, match=str(broken)):
        dataset[1]


def test_tokens_of_another_codec_are_an_error_that_names_both(tmp_path: Path) -> None:
    write_bundles(tmp_path, 1)
    bundle = read_bundle(next(tmp_path.rglob("*.safetensors")))
    other = replace(
        bundle,
        clean=replace(bundle.clean, codec_id="encodec@77"),
        damaged=replace(bundle.damaged, codec_id="encodec@77"),
    )
    write_bundle(tmp_path / "1/train/z.safetensors", other)
    dataset = BundleDataset(tmp_path)
    with pytest.raises(
        BundleError,
        match=r"z\.safetensors: expected tokens of codec encodec_48khz.*, like .*0-0\.safetensors, found encodec@77; ",
    ):
        dataset[1]


def fewer_codebooks(bundle: Bundle) -> Bundle:
    clean, damaged = (replace(tokens, codes=tokens.codes[:, :2]) for tokens in (bundle.clean, bundle.damaged))
    return replace(bundle, clean=clean, damaged=damaged)


# Of this length the one framing gives as many tokens as the other.
SHORT = 30_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda bundle: replace(bundle, weights_sha256="cd" * 32), "tokens of weights abab.*, found cdcd"),
        (lambda bundle: replace(bundle, codebook_size=2048), "tokens of codebook size 1024, .*, found 2048"),
        (fewer_codebooks, "tokens of codebooks 4, .*, found 2"),
        (
            lambda bundle: replace(bundle, framing=replace(FRAMING, stride_frames=48_000)),
            "tokens of framing .*stride_frames=47520.*, found .*stride_frames=48000",
        ),
    ],
)
def test_tokens_that_differ_in_anything_from_the_first_are_an_error(
    tmp_path: Path, change: Callable[[Bundle], Bundle], message: str
) -> None:
    bundle = make_bundle(SHORT)
    write_bundle(tmp_path / "1/train/a.safetensors", bundle)
    write_bundle(tmp_path / "1/train/z.safetensors", change(bundle))
    with pytest.raises(BundleError, match=rf"z\.safetensors: expected {message}"):
        BundleDataset(tmp_path)[1]


@pytest.mark.parametrize(("stage", "split"), [("4", "train"), ("1", "test")])
def test_a_bundle_that_lies_in_a_folder_of_others_is_an_error(tmp_path: Path, stage: str, split: str) -> None:
    write_bundle(tmp_path / "1/train/x.safetensors", replace(make_bundle(100), stage=stage, split=split))
    with pytest.raises(
        BundleError,
        match=rf"stage '1' and split 'train', as its folders say, found one of '{stage}' and '{split}'; "
        rf"move it back to {stage}/{split}",
    ):
        BundleDataset(tmp_path)[0]


def test_a_feature_that_was_not_prepared_is_an_error(tmp_path: Path) -> None:
    write_bundles(tmp_path, 1)
    with pytest.raises(BundleError, match="expected the feature mel, found none"):
        BundleDataset(tmp_path, features=["mel"])[0]


def test_what_is_not_there_is_an_error_that_says_what_is(tmp_path: Path) -> None:
    write_bundles(tmp_path / "some", 1)
    with pytest.raises(UsageError, match="expected a folder of bundles, found none"):
        BundleDataset(tmp_path / "none")
    with pytest.raises(UsageError, match="expected stage '2', found 1"):
        BundleDataset(tmp_path / "some", stages=["2"])
    write_bundles(tmp_path / "more", 1, stage="2")
    both = [tmp_path / "some", tmp_path / "more"]
    assert len(BundleDataset(both, stages=["2", "1"])) == 2
    with pytest.raises(UsageError, match="expected stage '3', found 1, 2"):
        BundleDataset(both, stages=["3"])
    with pytest.raises(UsageError, match="expected bundles of split 'test' in any stage, found none"):
        BundleDataset(tmp_path / "some", split="test")
    with pytest.raises(UsageError, match="found none"):
        BundleDataset([])


def test_padding_is_no_token(tmp_path: Path) -> None:
    write_bundle(tmp_path / "1/train/x.safetensors", make_bundle(48_001))
    sample = BundleDataset(tmp_path)[0]
    assert (sample["codes_clean"][1, :, 2:] == PAD).all()
    assert sample["is_token"][1].sum() == 2


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"features": "mel"}, r"features: expected a list of names, found the text 'mel'; write \['mel'\]"),
        ({"features": ["colour"]}, "features: expected mel, stft, measures, latents, found 'colour'"),
        ({"features": ["mel", "mel"]}, "features: expected each once, found mel, mel"),
        ({"stages": "1"}, "stages: expected a list of names, found the text '1'"),
        ({"stages": []}, "stages: expected one at least, or None for all of them, found none"),
        ({"stages": ["1", "1"]}, "stages: expected each once, found 1, 1"),
        ({"split": "val"}, "split: expected train, validation, test, found 'val'"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(tmp_path: Path, asked: dict[str, Any], message: str) -> None:
    write_bundles(tmp_path, 1, frames=100)
    with pytest.raises(UsageError, match=message):
        BundleDataset(tmp_path, **asked)


def test_items_are_counted_from_both_ends_and_there_are_no_others(tmp_path: Path) -> None:
    write_bundles(tmp_path, 3, frames=100)
    dataset = BundleDataset(tmp_path)
    assert int(dataset[-1]["index"]) == 2
    assert torch.equal(dataset[-1]["codes_clean"], dataset[2]["codes_clean"])
    with pytest.raises(IndexError):
        dataset[3]
