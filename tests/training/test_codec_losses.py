"""The losses of a codec against closed forms and numpy, and their gradients against differences."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from rebounce.training.codec_losses import SCALES, spectral_loss, waveform_loss

Loss = Callable[[Tensor, Tensor], Tensor]
FRAMES = 4096


def audio(seed: int) -> Tensor:
    """A batch of two in stereo."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(2, 2, FRAMES)))


@pytest.mark.parametrize("loss", [waveform_loss, spectral_loss])
def test_what_is_right_costs_nothing(loss: Loss) -> None:
    assert float(loss(audio(0), audio(0))) == 0.0


def test_the_waveform_counts_by_its_size_and_its_energy() -> None:
    wanted = audio(0)
    gap = 0.5
    energies = wanted.square().mean(dim=2).numpy()
    closed = gap + float(np.mean(gap**2 / (energies + 1e-2)))
    assert float(waveform_loss(wanted + gap, wanted)) == pytest.approx(closed, rel=1e-9)


def test_a_channel_that_is_dropped_costs_as_much_however_quiet_it_is() -> None:
    wanted = audio(0) * torch.tensor([10.0, 1.0])[:, None]
    costs = []
    for dropped in (0, 1):
        made = wanted.clone()
        made[:, dropped] = 0
        costs.append(float(waveform_loss(made, wanted) - (made - wanted).abs().mean()))
    assert costs == pytest.approx([0.5, 0.5], rel=0.02)


def test_the_spectrum_is_what_numpy_says() -> None:
    made, wanted = audio(1), audio(2)
    total = 0.0
    for length in SCALES:
        spectra = []
        for piece in (made, wanted):
            padded = np.pad(piece.numpy().reshape(4, -1), ((0, 0), (length // 2, length // 2)), mode="reflect")
            windows = np.lib.stride_tricks.sliding_window_view(padded, length, axis=1)[:, :: length // 4]
            hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
            spectra.append(np.sqrt(np.abs(np.fft.rfft(windows * hann)) ** 2 / length + 1e-9))
        found, target = spectra
        logs = np.abs(np.log(found + 1e-2) - np.log(target + 1e-2)).mean()
        total += logs + np.abs(found - target).mean() / (target.mean() + 1e-3)
    assert float(spectral_loss(made, wanted)) == pytest.approx(total / len(SCALES), rel=1e-9)


@pytest.mark.parametrize("loss", [waveform_loss, spectral_loss])
def test_the_gradient_is_the_slope(loss: Loss) -> None:
    made, wanted, way = audio(3).requires_grad_(), audio(4), audio(5)
    (gradient,) = torch.autograd.grad(loss(made, wanted), made)
    step = 1e-6
    with torch.no_grad():
        slope = (loss(made + step * way, wanted) - loss(made - step * way, wanted)) / (2 * step)
    assert float((gradient * way).sum()) == pytest.approx(float(slope), rel=1e-4)
    assert bool((gradient.abs().sum(dim=2) > 0).all())  # every channel of every item


@pytest.mark.parametrize("loss", [waveform_loss, spectral_loss])
def test_silence_costs_no_more_than_it_can_and_has_a_gradient_of_numbers(loss: Loss) -> None:
    made = torch.zeros(1, 2, FRAMES, requires_grad=True)
    value = loss(made, torch.zeros(1, 2, FRAMES))
    (gradient,) = torch.autograd.grad(value, made)
    assert float(value.detach()) == 0.0
    assert bool(torch.isfinite(gradient).all())


def test_numbers_of_either_precision_are_taken() -> None:
    single = [part.float() for part in (audio(6), audio(7))]
    assert float(spectral_loss(*single)) == pytest.approx(float(spectral_loss(audio(6), audio(7))), rel=1e-4)
