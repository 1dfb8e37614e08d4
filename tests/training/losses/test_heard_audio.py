"""Spectra and means of audio, against numpy."""

import numpy as np
import pytest
import torch
from signals import noise, tone

from rebounce.training.losses.heard_audio import HeardAudio

TOKENS, HOP_FRAMES = 16, 320
FRAMES = TOKENS * HOP_FRAMES
ALL = torch.ones(1, TOKENS, dtype=torch.bool)


def heard_of(made: torch.Tensor, wanted: torch.Tensor, is_token: torch.Tensor = ALL) -> HeardAudio:
    return HeardAudio(made=made, wanted=wanted, is_token=is_token, sample_rate_hz=48_000)


@pytest.mark.parametrize("size", [512, 2048])
def test_magnitudes_are_those_of_the_plain_transform(size: int) -> None:
    audio = noise(FRAMES)
    found, _ = heard_of(*2 * (torch.from_numpy(audio)[None],)).magnitudes(size)
    window = np.hanning(size + 1)[:-1]
    padded = np.pad(audio, ((0, 0), (size // 2, size // 2)))
    for column in range(found.shape[-1]):
        cut = padded[:, column * size // 4 : column * size // 4 + size]
        expected = np.abs(np.fft.rfft(cut * window)) / np.sqrt((window**2).sum())
        np.testing.assert_allclose(found[0, :, :, column], expected, rtol=1e-3, atol=2e-4)


def test_noise_of_level_1_has_magnitudes_of_1() -> None:
    audio = torch.from_numpy(noise(FRAMES * 20, level=1.0))[None]
    found, _ = heard_of(audio, audio, torch.ones(1, TOKENS * 20, dtype=torch.bool)).magnitudes(512)
    assert float(found[..., 4:-4].square().mean().sqrt()) == pytest.approx(1, abs=0.03)


def test_what_has_no_tokens_is_silent_and_in_no_mean() -> None:
    is_token = torch.arange(TOKENS)[None] < 10
    made, wanted = (torch.from_numpy(noise(FRAMES, seed=seed))[None] for seed in (0, 1))
    heard = heard_of(made, wanted, is_token)
    frames = 10 * HOP_FRAMES
    assert not heard.made[..., frames:].any()
    assert torch.equal(heard.wanted[..., :frames], wanted[..., :frames])
    assert heard.mean(made).item() == pytest.approx(float(made[..., :frames].mean()), abs=1e-7)
    columns = torch.arange(1 + FRAMES // 128).float().expand(1, 2, 7, -1)
    assert heard.mean_of_columns(columns, 512).item() == pytest.approx((frames // 128 - 1) / 2, abs=0.51)


def test_nothing_heard_is_0() -> None:
    audio = torch.from_numpy(tone(1_000, FRAMES))[None]
    heard = heard_of(audio, audio, torch.zeros(1, TOKENS, dtype=torch.bool))
    assert heard.mean(audio).item() == 0


def test_each_way_out_is_heard_beside_a_copy_of_what_is_wanted() -> None:
    made = torch.from_numpy(np.stack([noise(FRAMES, seed=seed) for seed in range(4)]))
    wanted = torch.from_numpy(np.stack([noise(FRAMES, seed=seed) for seed in (4, 5)]))
    is_token = torch.arange(TOKENS) < torch.tensor([[TOKENS], [3]])
    heard = heard_of(made, wanted, is_token)
    assert torch.equal(heard.wanted[2:], heard.wanted[:2])
    assert torch.equal(heard.is_heard[2:], heard.is_heard[:2])
    assert torch.equal(heard.made[2], made[2])
    assert not heard.made[3, :, 3 * HOP_FRAMES :].any()


def test_silence_has_a_slope_of_numbers() -> None:
    audio = torch.zeros(1, 2, FRAMES, requires_grad=True)
    found, _ = heard_of(audio, torch.zeros(1, 2, FRAMES)).magnitudes(512)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert audio.grad is not None
    assert torch.isfinite(audio.grad).all()
