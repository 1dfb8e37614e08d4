"""The samples' differences, against numpy."""

import numpy as np
import pytest
from loss_making import HOP_FRAMES, SoundCodec, make_prediction, make_targets

from rebounce.training.losses.comparison import Comparison
from rebounce.training.losses.differentiable_decoder import DifferentiableDecoder
from rebounce.training.losses.time import time


def test_it_is_the_mean_absolute_difference_where_there_are_tokens() -> None:
    targets = make_targets()
    prediction = make_prediction(targets)
    decoder = DifferentiableDecoder(SoundCodec())
    made_by_tokens = decoder(targets.space.expected_latents(prediction.logits))
    made_by_latents = decoder(targets.damaged_latents + prediction.latent_change)
    wanted = decoder(targets.clean_latents)
    heard = targets.is_token.numpy().repeat(HOP_FRAMES, 1)
    gaps = [(made - wanted).abs().detach().numpy().transpose(0, 2, 1) for made in (made_by_tokens, made_by_latents)]
    expected = np.mean([gap[heard].mean() for gap in gaps])
    assert time(Comparison(prediction, targets, decoder)).item() == pytest.approx(expected, rel=1e-5)
