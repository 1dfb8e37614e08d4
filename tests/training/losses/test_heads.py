"""What is said of whole windows, against numpy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from loss_making import SoundCodec, make_batch, make_prediction, make_targets

from rebounce.engine.errors import UsageError
from rebounce.training.losses.comparison import Comparison
from rebounce.training.losses.registry import LOSSES
from rebounce.training.losses.targets import targets_of
from rebounce.training.losses.token_space import token_space

STEPS = {"level": [1, 1], "compression": [1, 1], "stereo": [1, 0.1], "perceptual": [1] * 8}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("level", [0.5, 20.0])
def test_it_is_the_huber_of_the_gaps_in_steps_by_what_is_heard(name: str, level: float) -> None:
    targets = make_targets()
    prediction = make_prediction(targets, level=level)
    gaps = (getattr(prediction, name) - getattr(targets, name)).abs().detach().numpy() / np.array(STEPS[name])
    huber = np.where(gaps < 6, gaps**2 / 2, 6 * (gaps - 3)).mean(1)
    heard = targets.heard.numpy()
    expected = (huber * heard).sum() / heard.sum()
    assert LOSSES[name].function(Comparison(prediction, targets, None)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", STEPS)
def test_silent_windows_teach_nothing_and_silence_alone_costs_nothing(name: str) -> None:
    targets = make_targets()
    prediction = make_prediction(targets)
    quiet = replace(targets, heard=targets.heard * torch.tensor([1.0, 0, 1, 1, 1]))
    LOSSES[name].function(Comparison(prediction, quiet, None)).backward()  # type: ignore[no-untyped-call]
    slope = getattr(prediction, name).grad
    assert not slope[1].any()
    assert slope[0].any()
    silent = replace(targets, heard=torch.zeros_like(targets.heard))
    assert LOSSES[name].function(Comparison(prediction, silent, None)).item() == 0


@pytest.mark.parametrize("name", STEPS)
def test_bundles_without_measures_are_told_how_to_get_them(name: str) -> None:
    batch = make_batch()
    del batch["measures"]
    targets = targets_of(batch, token_space(SoundCodec()))
    with pytest.raises(UsageError, match=rf"losses: {name}: expected .* rebounce prepare --features measures"):
        LOSSES[name].function(Comparison(make_prediction(targets), targets, None))
