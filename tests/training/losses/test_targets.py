"""Windows out of batches: which, in what order, and what is asked of each."""

from pathlib import Path

import numpy as np
import pytest
import torch
from bundle_making import make_bundle
from loss_making import CODEBOOKS, TOKENS, SoundCodec, make_batch

from rebounce.engine.tokens import PAD
from rebounce.training.bundle import write_bundle
from rebounce.training.bundle_latents import SILENCE
from rebounce.training.bundle_loader import bundle_loader
from rebounce.training.bundle_measures import COLUMNS
from rebounce.training.dataset import BundleDataset
from rebounce.training.losses.registry import features_needed
from rebounce.training.losses.targets import targets_of
from rebounce.training.losses.token_space import TokenSpace, token_space

SPACE = token_space(SoundCodec())


def test_windows_are_the_segments_that_have_tokens_item_after_item() -> None:
    batch = make_batch()
    targets = targets_of(batch, SPACE)
    places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    for window, (item, segment) in enumerate(places):
        assert torch.equal(targets.clean_codes[window], batch["codes_clean"][item, segment])
        assert torch.equal(targets.damaged_codes[window], batch["codes_damaged"][item, segment])
        assert torch.equal(targets.is_token[window], batch["is_token"][item, segment])
    assert targets.clean_codes.shape == (len(places), CODEBOOKS, TOKENS)


def test_one_item_is_a_batch_of_one() -> None:
    batch = make_batch()
    item = {name: values[0] for name, values in batch.items()}
    alone = targets_of(item, SPACE)
    together = targets_of({name: values[:1] for name, values in batch.items()}, SPACE)
    for name in ("clean_codes", "damaged_latents", "mask", "heard", "level", "perceptual"):
        assert torch.equal(getattr(alone, name), getattr(together, name))


def test_bundles_on_disk_become_targets_through_the_loader(tmp_path: Path) -> None:
    """Two items of different lengths, both with a last segment that is cut short."""
    bundles = [make_bundle(frames, seed, features=("measures",)) for seed, frames in enumerate((100_000, 60_000))]
    for seed, bundle in enumerate(bundles):
        write_bundle(tmp_path / f"1/train/{seed}.safetensors", bundle)
    dataset = BundleDataset(tmp_path, features=features_needed(["stereo"]))
    (batch,) = bundle_loader(dataset, batch_size=2, is_shuffled=False)
    entries = torch.randn(4, 1024, 8, generator=torch.Generator().manual_seed(0))
    space = TokenSpace(entries=entries, weights=torch.ones(4), latent_level=torch.ones(()))
    targets = targets_of(batch, space, window_tokens=150)
    codes = np.concatenate([bundle.clean.codes for bundle in bundles])
    np.testing.assert_array_equal(targets.clean_codes.numpy(), codes)
    measures = np.concatenate([bundle.features["measures"] for bundle in bundles])
    assert targets.perceptual is not None
    np.testing.assert_allclose(targets.perceptual.numpy(), measures[:, 4:12] - measures[:, 16:24], rtol=1e-6)
    assert (len(codes), targets.mask.shape) == (5, (5, 4, 150))


def test_the_mask_is_1_where_the_clean_token_differs_and_0_at_pad() -> None:
    targets = targets_of(make_batch(), SPACE)
    expected = (targets.clean_codes != targets.damaged_codes) & targets.is_token[:, None]
    assert torch.equal(targets.mask, expected.float())
    assert 0 < targets.mask.mean() < 1


def test_latents_are_those_of_the_codes_and_zero_at_pad() -> None:
    targets = targets_of(make_batch(), SPACE)
    assert torch.equal(targets.clean_latents, SPACE.latents_of(targets.clean_codes))
    assert torch.equal(targets.damaged_latents, SPACE.latents_of(targets.damaged_codes))
    assert not targets.clean_latents.transpose(1, 2)[~targets.is_token].any()


def test_latents_that_bundles_hold_are_taken_as_they_are(tmp_path: Path) -> None:
    """Of items of different lengths and of segments that are cut short, and filled up to what a network sees."""
    bundles = [make_bundle(frames, seed, features=("latents",)) for seed, frames in enumerate((100_000, 20_000))]
    for seed, bundle in enumerate(bundles):
        write_bundle(tmp_path / f"1/train/{seed}.safetensors", bundle)
    (batch,) = bundle_loader(BundleDataset(tmp_path, features=("latents",)), batch_size=2, is_shuffled=False)
    entries = torch.randn(4, 1024, 128, generator=torch.Generator().manual_seed(0))
    space = TokenSpace(entries=entries, weights=torch.ones(4), latent_level=torch.ones(()))
    targets = targets_of(batch, space, window_tokens=160)
    held = [bundle.features["latents"].astype(np.float32) for bundle in bundles]
    expected = np.concatenate([np.pad(item, ((0, 0), (0, 0), (0, 0), (0, 160 - item.shape[-1]))) for item in held])
    assert expected.shape == (4, 3, 128, 160)
    np.testing.assert_array_equal(targets.clean_latents.numpy(), expected[:, 0])
    np.testing.assert_array_equal(targets.damaged_latents.numpy(), expected[:, 1])
    for latents in (targets.clean_latents, targets.damaged_latents):
        assert not latents.transpose(1, 2)[~targets.is_token].any()
        assert latents.transpose(1, 2)[targets.is_token].any(-1).all()


def test_the_latents_of_one_item_are_those_of_a_batch_of_one() -> None:
    batch = make_batch()
    drawn = torch.randn(2, 3, 3, 256, TOKENS, generator=torch.Generator().manual_seed(0))
    batch["latents"] = drawn * batch["is_token"][:, :, None, None]
    alone = targets_of({name: values[0] for name, values in batch.items()}, SPACE)
    together = targets_of(batch, SPACE)
    assert torch.equal(alone.clean_latents, batch["latents"][0, :, 0])
    for name in ("clean_latents", "damaged_latents"):
        assert torch.equal(getattr(alone, name), getattr(together, name)[:3])
    for name in ("clean_codes", "mask", "heard", "level"):
        assert torch.equal(getattr(together, name), getattr(targets_of(make_batch(), SPACE), name))


def test_heads_are_asked_for_what_the_clean_side_has_more() -> None:
    batch = make_batch()
    targets = targets_of(batch, SPACE)
    measures = dict(zip(COLUMNS, batch["measures"][0, 1].tolist(), strict=True))
    more = {name.removeprefix("clean."): measures[name] - measures[name.replace("clean", "damaged")]
            for name in COLUMNS if name.startswith("clean")}  # fmt: skip
    scale_db = 20 * torch.log10(batch["scales_clean"][0, 1] / batch["scales_damaged"][0, 1])
    assert targets.level is not None
    assert targets.level[1].tolist() == pytest.approx([float(scale_db), measures["gain_db"]], rel=1e-5)
    assert targets.compression is not None
    assert targets.compression[1].tolist() == pytest.approx([more["swing_db"], more["crest_db"]])
    assert targets.stereo is not None
    assert targets.stereo[1].tolist() == pytest.approx([more["width_db"], more["correlation"]])
    assert targets.perceptual is not None
    assert targets.perceptual[1].tolist() == pytest.approx([more[f"band_{band}_db"] for band in range(8)])


def test_bundles_without_measures_ask_nothing_of_the_heads() -> None:
    batch = make_batch()
    del batch["measures"]
    targets = targets_of(batch, SPACE)
    assert (targets.level, targets.compression, targets.stereo, targets.perceptual) == (None,) * 4
    assert torch.equal(targets.mask, targets_of(make_batch(), SPACE).mask)


@pytest.mark.parametrize("side", ["scales_clean", "scales_damaged"])
def test_a_window_is_heard_by_its_tokens_unless_a_side_is_silent(side: str) -> None:
    batch = make_batch()
    batch[side][0, 1] = SILENCE / 2
    heard = targets_of(batch, SPACE).heard
    assert heard.tolist() == pytest.approx([1, 0, (TOKENS - 7) / TOKENS, 1, 5 / TOKENS])


def test_silence_asks_for_finite_numbers() -> None:
    batch = make_batch()
    for side in ("clean", "damaged"):
        batch[f"scales_{side}"].zero_()
    batch["scales_clean"][0, 0] = 0.1
    targets = targets_of(batch, SPACE)
    assert targets.level is not None
    assert torch.isfinite(targets.level).all()


def test_windows_are_filled_up_to_the_length_asked_for() -> None:
    targets = targets_of(make_batch(), SPACE, window_tokens=TOKENS + 3)
    assert targets.clean_codes.shape[2] == targets.is_token.shape[1] == targets.clean_latents.shape[2] == TOKENS + 3
    assert (targets.clean_codes[..., TOKENS:] == PAD).all()
    assert (targets.damaged_codes[..., TOKENS:] == PAD).all()
    assert not targets.is_token[:, TOKENS:].any()
    assert not targets.mask[..., TOKENS:].any()


def test_targets_move_to_another_device_whole() -> None:
    batch = make_batch()
    del batch["measures"]
    moved = targets_of(batch, SPACE).to("meta")
    assert moved.clean_codes.device.type == moved.space.entries.device.type == moved.heard.device.type == "meta"
    assert moved.level is None
