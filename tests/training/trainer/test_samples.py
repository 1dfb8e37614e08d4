"""Samples: what is written is what the network's tokens sound like."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from shift_making import SIZE, opened, short, tiny_config, tiny_side, write_shifts
from torch.nn import functional

from rebounce.training.bundle_loader import collate
from rebounce.training.losses.differentiable_decoder import DifferentiableDecoder
from rebounce.training.losses.targets import Targets, targets_of
from rebounce.training.losses.token_space import token_space
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


def test_the_windows_are_always_the_same_and_of_items_far_apart(training: Training) -> None:
    validation = training.plan.validation
    one, other = sample_windows(validation, 2), sample_windows(validation, 2)
    assert all(torch.equal(a["codes_clean"], b["codes_clean"]) for a, b in zip(one, other, strict=True))
    assert torch.equal(one[1]["codes_clean"][0], validation[len(validation) - 1]["codes_clean"][0])
    assert len(sample_windows(validation, 64)) == len(validation)


def test_right_tokens_sound_like_the_clean_side(targets: Targets, decoder: DifferentiableDecoder) -> None:
    logits = functional.one_hot(targets.clean_codes.clamp(min=0), SIZE.codebook_size).permute(0, 3, 1, 2).float()
    sounds = sounds_of(targets, logits, [1.0, 2.0, 0.5], decoder)
    for sound in sounds:
        assert np.array_equal(sound.restored, sound.clean)
        assert not np.array_equal(sound.damaged, sound.clean)
        assert sound.clean.shape == (2, 16 * 320)
    assert np.allclose(sounds[2].clean, 0.5 * decoder(targets.clean_latents)[2].detach().numpy(), atol=1e-6)


def test_where_there_are_no_tokens_it_is_silent(targets: Targets, decoder: DifferentiableDecoder) -> None:
    is_token = targets.is_token.clone()
    is_token[:, 10:] = False
    cut = Targets(**{**{name: getattr(targets, name) for name in Targets.__slots__}, "is_token": is_token})
    logits = torch.zeros(COUNT, SIZE.codebook_size, SIZE.codebooks, 16)
    for sound in sounds_of(cut, logits, [1.0] * COUNT, decoder):
        assert not sound.restored[:, 3200:].any()
        assert sound.restored[:, :3200].any()


def test_the_restored_sound_is_written_each_time_and_the_others_once(
    targets: Targets, decoder: DifferentiableDecoder, tmp_path: Path
) -> None:
    logits = torch.zeros(COUNT, SIZE.codebook_size, SIZE.codebooks, 16)
    sounds = sounds_of(targets, logits, [0.5] * COUNT, decoder)
    for name in ("epoch-0000", "epoch-0001"):
        write_sounds(tmp_path, name, sounds[:1], 48_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("1-clean.wav", "1-damaged.wav", "1-epoch-0000.wav", "1-epoch-0001.wav"),
        *("epoch-0000.png", "epoch-0001.png"),
    ]
    found, rate_hz = soundfile.read(tmp_path / "1-epoch-0001.wav", dtype="float32")
    assert rate_hz == 48_000
    assert np.array_equal(found.T, sounds[0].restored)
