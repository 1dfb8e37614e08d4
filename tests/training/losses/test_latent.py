"""The latents' gap, against numpy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from loss_making import make_prediction, make_targets

from rebounce.training.losses.comparison import Comparison
from rebounce.training.losses.latent import latent


@pytest.mark.parametrize("level", [0.1, 3.0])
def test_it_is_the_mean_huber_of_the_gap_in_levels(level: float) -> None:
    targets = make_targets()
    prediction = make_prediction(targets, level=level)
    changed = targets.damaged_latents + prediction.latent_change.detach()
    gap = ((changed - targets.clean_latents) / targets.space.latent_level).abs().numpy()
    huber = np.where(gap < 1, gap**2 / 2, gap - 0.5)
    expected = huber.transpose(0, 2, 1)[targets.is_token.numpy()].mean()
    assert latent(Comparison(prediction, targets, None)).item() == pytest.approx(expected, rel=1e-5)


def test_no_latents_at_all_cost_about_a_half() -> None:
    targets = make_targets()
    nothing = replace(make_prediction(targets), latent_change=-targets.damaged_latents)
    assert 0.3 < latent(Comparison(nothing, targets, None)).item() < 0.6


def test_no_change_costs_nothing_where_nothing_is_damaged() -> None:
    targets = make_targets()
    whole = replace(targets, damaged_codes=targets.clean_codes, damaged_latents=targets.clean_latents)
    still = replace(make_prediction(whole), latent_change=torch.zeros_like(whole.clean_latents))
    assert latent(Comparison(still, whole, None)).item() == 0
