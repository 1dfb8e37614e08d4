"""The mel bands, and what a gain costs in them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from loss_making import SoundCodec, make_prediction, make_targets

from rebounce.training.losses.comparison import Comparison
from rebounce.training.losses.differentiable_decoder import DifferentiableDecoder
from rebounce.training.losses.heard_audio import transform_window
from rebounce.training.losses.mel import BANDS, SIZE, mel, mel_bands
from rebounce.training.mel_scale import mel_edges_hz

DECODER = DifferentiableDecoder(SoundCodec(), sources=("latents",))


@pytest.mark.parametrize("gain_db", [-6.0, 0.0, 2.0])
def test_a_gain_costs_what_it_is_in_logarithms(gain_db: float) -> None:
    targets = make_targets()
    gain = 10 ** (gain_db / 20)
    louder = replace(make_prediction(targets), latent_change=gain * targets.clean_latents - targets.damaged_latents)
    expected = abs(gain_db) / 20 * np.log(10)
    assert mel(Comparison(louder, targets, DECODER)).item() == pytest.approx(expected, rel=0.06, abs=1e-6)


def test_what_was_first_judged_in_inference_mode_can_be_learned_from() -> None:
    targets = make_targets()
    mel_bands.cache_clear()
    transform_window.cache_clear()
    with torch.inference_mode():
        mel(Comparison(make_prediction(targets), make_targets(), DECODER))
    prediction = make_prediction(targets)
    torch.autograd.backward(mel(Comparison(prediction, targets, DECODER)))
    assert prediction.latent_change.grad is not None


@pytest.mark.parametrize("rate_hz", [48_000, 44_100, 16_000])
def test_every_band_hears_and_none_more_than_others(rate_hz: int) -> None:
    bands = mel_bands(rate_hz, torch.device("cpu")).numpy()
    np.testing.assert_allclose(bands.sum(1), 1, rtol=1e-5)
    assert bands.min() >= 0
    middles_hz = mel_edges_hz(BANDS + 1, rate_hz)[1:-1]
    found_hz = bands @ np.arange(SIZE // 2 + 1) * rate_hz / SIZE
    assert np.abs(found_hz - middles_hz).max() < rate_hz / SIZE


def test_wide_bands_are_the_plain_triangles() -> None:
    edges_hz = mel_edges_hz(BANDS + 1, 48_000)
    bins_hz = np.arange(SIZE // 2 + 1) * 48_000 / SIZE
    for band in (40, 79):
        expected = np.interp(bins_hz, edges_hz[band : band + 3], [0.0, 1.0, 0.0])
        found = mel_bands(48_000, torch.device("cpu"))[band].numpy()
        np.testing.assert_allclose(found, expected / expected.sum(), atol=1e-6)
