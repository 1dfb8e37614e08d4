"""How tokens move, where it can be said without a transform."""

from dataclasses import replace

import pytest
import torch
from loss_making import TOKENS, make_prediction, make_targets

from rebounce.training.losses.comparison import Comparison
from rebounce.training.losses.targets import Targets
from rebounce.training.losses.token_spectrum import token_spectrum


def said(targets: Targets, sureness: float, codes: torch.Tensor | None = None) -> float:
    """What it costs to say the clean tokens, or others, this surely."""
    chosen = targets.clean_codes if codes is None else codes
    logits = sureness * torch.nn.functional.one_hot(chosen.clamp(min=0), targets.space.entries.shape[1]).movedim(-1, 1)
    return token_spectrum(Comparison(replace(make_prediction(targets), logits=logits.float()), targets, None)).item()


def test_doubt_moves_too_little_and_costs_the_more_the_greater_it_is() -> None:
    """Each token is the most likely one in all of these."""
    targets = make_targets()
    costs = [said(targets, sureness) for sureness in (60.0, 5.0, 3.0, 1.0, 0.0)]
    assert costs[0] == pytest.approx(0, abs=1e-6)
    assert costs == sorted(costs)
    assert costs[-1] > 0.5


def test_it_is_the_mean_difference_of_the_magnitudes_along_time() -> None:
    """A transform of the whole window, so that one column stands in its middle: that one is checked."""
    targets = make_targets()
    full = replace(targets, is_token=torch.arange(TOKENS).expand(5, -1) == TOKENS // 2)
    prediction = make_prediction(full)
    at_one = replace(full, clean_latents=full.clean_latents * full.is_token[:, None])
    found = token_spectrum(Comparison(prediction, at_one, None)).item()
    # One token alone has the same magnitude at every rate: its own, by the window's peak over its energy.
    expected_latents = full.space.expected_latents(prediction.logits)[:, :, TOKENS // 2].detach()
    gaps = (expected_latents.abs() - full.clean_latents[:, :, TOKENS // 2].abs()).abs().mean()
    expected = float(gaps / full.space.latent_level / torch.hann_window(TOKENS).square().sum().sqrt())
    assert found == pytest.approx(expected, rel=1e-2)


def test_tokens_whose_names_are_changed_cost_nothing() -> None:
    """Entries in another order under other names: the sound is the same, and so is the term."""
    targets = make_targets()
    prediction = make_prediction(targets)
    order = torch.randperm(targets.space.entries.shape[1], generator=torch.Generator().manual_seed(0))
    renamed = replace(targets, space=replace(targets.space, entries=targets.space.entries[:, order]))
    moved = replace(prediction, logits=prediction.logits[:, order])
    found = token_spectrum(Comparison(moved, renamed, None)).item()
    assert found == pytest.approx(token_spectrum(Comparison(prediction, targets, None)).item(), rel=1e-5)


def test_a_late_answer_costs_less_than_a_wrong_one() -> None:
    targets = make_targets()
    late = said(targets, 60.0, targets.clean_codes.roll(1, 2))
    wrong = said(
        targets, 60.0, targets.clean_codes[:, :, torch.randperm(TOKENS, generator=torch.Generator().manual_seed(0))]
    )
    assert 0 < late < wrong
