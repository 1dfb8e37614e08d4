"""Samples: what is written is what the network's tokens sound like."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from loss_making import make_prediction
from shift_making import SIZE, opened, short, tiny_config, tiny_side, write_shifts
from tiny_packages import WIDE, tiny_codec
from torch.nn import functional

from rebounce.training.bundle_loader import collate
from rebounce.training.losses.comparison import Comparison
from rebounce.training.losses.differentiable_decoder import DifferentiableDecoder
from rebounce.training.losses.targets import Targets, targets_of
from rebounce.training.losses.token_space import token_space
from rebounce.training.networks.interface import Prediction
from rebounce.training.trainer.loop import train
from rebounce.training.trainer.samples import sample_windows, sounds_of, write_sounds
from rebounce.training.trainer.training import Training

COUNT = 3


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    folder = tmp_path_factory.mktemp("training")
    return opened(short(tiny_config(write_shifts(folder / "bundles", 6, ("1",)), folder / "run"), "1"))


@pytest.fixture(scope="module")
def targets(training: Training) -> Targets:
    windows = sample_windows(training.plan.validation, COUNT)
    codec = tiny_side(SIZE.codebooks).codec
    return targets_of(collate(windows), token_space(codec), 16)


@pytest.fixture(scope="module")
def decoder() -> DifferentiableDecoder:
    return DifferentiableDecoder(tiny_side(SIZE.codebooks).codec)


def said(targets: Targets, **parts: torch.Tensor) -> Prediction:
    """A prediction of zeros, but for these parts of it."""
    return replace(make_prediction(targets, level=0.0), **parts)


def test_the_windows_are_always_the_same_and_of_items_far_apart(training: Training) -> None:
    validation = training.plan.validation
    one, other = sample_windows(validation, 2), sample_windows(validation, 2)
    assert all(torch.equal(a["codes_clean"], b["codes_clean"]) for a, b in zip(one, other, strict=True))
    assert torch.equal(one[1]["codes_clean"][0], validation[len(validation) - 1]["codes_clean"][0])
    assert len(sample_windows(validation, 64)) == len(validation)


def test_right_tokens_sound_like_the_clean_side(targets: Targets, decoder: DifferentiableDecoder) -> None:
    logits = functional.one_hot(targets.clean_codes.clamp(min=0), SIZE.codebook_size).permute(0, 3, 1, 2).float()
    sounds = sounds_of(Comparison(said(targets, logits=logits), targets, decoder), "choices", [1.0, 2.0, 0.5], decoder)
    for sound in sounds:
        assert np.allclose(sound.restored, sound.clean, atol=1e-5)
        assert not np.array_equal(sound.damaged, sound.clean)
        assert sound.clean.shape == (2, 16 * 320)
    assert np.allclose(sounds[2].clean, 0.5 * decoder(targets.clean_latents)[2].detach().numpy(), atol=1e-6)


def test_a_change_of_the_latents_sounds_like_where_it_leads(targets: Targets, decoder: DifferentiableDecoder) -> None:
    change = targets.clean_latents - targets.damaged_latents
    comparison = Comparison(said(targets, latent_change=change), targets, decoder)
    for sound in sounds_of(comparison, "latents", [1.0, 2.0, 0.5], decoder):
        assert np.allclose(sound.restored, sound.clean, atol=1e-5)
        assert not np.allclose(sound.damaged, sound.clean, atol=1e-2)
    for sound in sounds_of(comparison, "choices", [1.0, 2.0, 0.5], decoder):
        assert not np.allclose(sound.restored, sound.clean, atol=1e-2)


def test_where_there_are_no_tokens_it_is_silent(targets: Targets, decoder: DifferentiableDecoder) -> None:
    is_token = targets.is_token.clone()
    is_token[:, 10:] = False
    cut = Targets(**{**{name: getattr(targets, name) for name in Targets.__slots__}, "is_token": is_token})
    for sound in sounds_of(Comparison(said(cut), cut, decoder), "choices", [1.0] * COUNT, decoder):
        assert not sound.restored[:, 3200:].any()
        assert sound.restored[:, :3200].any()


def test_the_restored_sound_is_written_each_time_and_the_others_once(
    targets: Targets, decoder: DifferentiableDecoder, tmp_path: Path
) -> None:
    sounds = sounds_of(Comparison(said(targets), targets, decoder), "choices", [0.5] * COUNT, decoder)
    for name in ("epoch-0000", "epoch-0001"):
        write_sounds(tmp_path, name, sounds[:1], 48_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("1-clean.wav", "1-damaged.wav", "1-epoch-0000.wav", "1-epoch-0001.wav"),
        *("epoch-0000.png", "epoch-0001.png"),
    ]
    found, rate_hz = soundfile.read(tmp_path / "1-epoch-0001.wav", dtype="float32")
    assert rate_hz == 48_000
    assert np.array_equal(found.T, sounds[0].restored)


@pytest.mark.parametrize(("loss", "is_damaged"), [("latent", True), ("token", False)])
def test_a_stage_is_heard_by_its_latents_where_it_learns_them(tmp_path: Path, loss: str, is_damaged: bool) -> None:
    """A fresh network changes no latents, while the tokens that it keeps are not all that was encoded."""
    bundles = write_shifts(tmp_path / "bundles", 2, ("1",), codec=tiny_codec(size=WIDE))
    config = short(tiny_config(bundles, tmp_path / "run"), "1", epochs=1, losses=(loss,))
    data, keep = replace(config.data, latents="encoded"), replace(config.keep, samples=1)
    train(opened(replace(config, data=data, keep=keep)), 0)
    damaged, restored = (
        soundfile.read(tmp_path / f"run/samples/1/1-{name}.wav", dtype="float32")[0]
        for name in ("damaged", "epoch-0000")
    )
    assert damaged.any()
    assert np.allclose(restored, damaged, atol=1e-5) is is_damaged
