"""The cross-entropy of tokens, against numpy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from loss_making import CODEBOOK_SIZE, make_prediction, make_targets

from rebounce.training.losses.comparison import Comparison
from rebounce.training.losses.token import token


def test_it_is_the_weighted_mean_over_all_tokens() -> None:
    targets = make_targets()
    prediction = make_prediction(targets)
    logits = prediction.logits.detach().numpy().astype(np.float64)
    surprise = np.log(np.exp(logits).sum(1)) - np.take_along_axis(
        logits, targets.clean_codes.clamp(min=0).numpy()[:, None], axis=1
    ).squeeze(1)
    surprise *= targets.space.weights.numpy()[:, None]
    expected = surprise.transpose(0, 2, 1)[targets.is_token.numpy()].mean()
    assert token(Comparison(prediction, targets, None)).item() == pytest.approx(expected, rel=1e-5)


def test_who_knows_nothing_pays_the_logarithm_of_the_codebook() -> None:
    targets = make_targets()
    prediction = make_prediction(targets)
    ignorant = replace(prediction, logits=torch.zeros_like(prediction.logits))
    assert token(Comparison(ignorant, targets, None)).item() == pytest.approx(np.log(CODEBOOK_SIZE))


def test_codebooks_that_move_more_count_more() -> None:
    targets = make_targets()
    prediction = make_prediction(targets)
    token(Comparison(prediction, targets, None)).backward()  # type: ignore[no-untyped-call]
    assert prediction.logits.grad is not None
    slopes = prediction.logits.grad.abs().sum((0, 1, 3)) / targets.space.weights
    torch.testing.assert_close(slopes, slopes.mean().expand_as(slopes), rtol=0.1, atol=0)
