"""The spectrograms' differences, where they can be said without a transform."""

from dataclasses import replace

import pytest
import torch
from loss_making import SoundCodec, make_prediction, make_targets

from rebounce.training.losses.comparison import Comparison
from rebounce.training.losses.differentiable_decoder import DifferentiableDecoder
from rebounce.training.losses.stft import stft

DECODER = DifferentiableDecoder(SoundCodec(), sources=("latents",))


@pytest.mark.parametrize("gain", [0.0, 0.5, -1.0, 1.5])
def test_a_gain_costs_its_distance_from_1_squared_and_a_turned_sign_nothing(gain: float) -> None:
    targets = make_targets()
    turned = replace(make_prediction(targets), latent_change=gain * targets.clean_latents - targets.damaged_latents)
    silent = replace(turned, latent_change=-targets.damaged_latents)
    whole = stft(Comparison(silent, targets, DECODER)).item()
    expected = (abs(gain) - 1) ** 2 * whole
    assert stft(Comparison(turned, targets, DECODER)).item() == pytest.approx(expected, rel=1e-2, abs=1e-6)


def test_the_whole_energy_is_what_silence_costs() -> None:
    """By Parseval: the mean square magnitude of noise is its variance."""
    targets = make_targets()
    full = replace(targets, is_token=torch.ones_like(targets.is_token))
    silent = replace(make_prediction(full), latent_change=-full.damaged_latents)
    energy = float(DECODER(full.clean_latents).square().mean())
    assert stft(Comparison(silent, full, DECODER)).item() == pytest.approx(energy, rel=0.1)
