"""The mask's cross-entropy, against numpy."""

import numpy as np
import pytest
import torch
from loss_making import make_prediction, make_targets

from rebounce.training.losses.comparison import Comparison
from rebounce.training.losses.mask import mask


def test_it_is_the_mean_binary_cross_entropy_over_all_tokens() -> None:
    targets = make_targets()
    prediction = make_prediction(targets)
    chance = 1 / (1 + np.exp(-prediction.mask_logits.detach().numpy().astype(np.float64)))
    differs = (targets.clean_codes != targets.damaged_codes).numpy()
    surprise = -np.log(np.where(differs, chance, 1 - chance))
    expected = surprise.transpose(0, 2, 1)[targets.is_token.numpy()].mean()
    assert mask(Comparison(prediction, targets, None)).item() == pytest.approx(expected, rel=1e-5)


def test_its_slope_points_to_the_tokens_that_differ() -> None:
    targets = make_targets()
    prediction = make_prediction(targets)
    mask(Comparison(prediction, targets, None)).backward()  # type: ignore[no-untyped-call]
    assert prediction.mask_logits.grad is not None
    inside = targets.is_token[:, None].expand_as(targets.mask)
    up = prediction.mask_logits.grad < 0
    assert torch.equal(up[inside], targets.mask[inside] > 0)
