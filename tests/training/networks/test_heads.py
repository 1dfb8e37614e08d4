"""The copy in the logits, against one-hot vectors."""

import torch
from token_making import SHAPE, drawn_tokens
from torch.nn import functional

from rebounce.engine.tokens import PAD
from rebounce.training.networks.heads import Heads, even_odds, with_copy
from rebounce.training.networks.latent_head import LatentSize
from rebounce.training.networks.token_input import Window


def test_the_copy_is_the_one_hot_input_times_its_strength() -> None:
    codes, _ = drawn_tokens(2, 9)
    codes[0, 1, 4] = PAD
    flat = torch.randn(2, 16 * 4, 9)
    strength = torch.randn(2, 4, 9)
    one_hot = functional.one_hot(codes.clamp(min=0), 16).permute(0, 3, 1, 2) * (codes >= 0)[:, None]
    expected = flat.view(2, 16, 4, 9) + one_hot * strength[:, None]
    torch.testing.assert_close(with_copy(flat.clone(), codes, strength), expected)


def test_gradients_pass_the_copy_as_they_pass_an_addition() -> None:
    codes, _ = drawn_tokens(2, 9)
    flat = torch.randn(2, 16 * 4, 9, requires_grad=True)
    strength = torch.randn(1, 4, 1, requires_grad=True)
    weights = torch.randn(2, 16, 4, 9)
    torch.autograd.backward((with_copy(flat * 1, codes, strength) * weights).sum())
    assert flat.grad is not None
    torch.testing.assert_close(flat.grad.view(2, 16, 4, 9), weights)
    assert strength.grad is not None
    expected = weights.gather(1, codes[:, None])[:, 0].sum((0, 2))
    torch.testing.assert_close(strength.grad[0, :, 0], expected)


def test_fresh_heads_give_the_input_token_as_much_as_all_others_together() -> None:
    codes, latents = drawn_tokens(2, 9)
    window = Window(codes=codes, latents=latents, mask=None)
    said = Heads(8, SHAPE, LatentSize(width=8, rounds=1))(torch.randn(2, 8, 9), window)
    odds = said.logits.softmax(1).gather(1, codes[:, None])
    torch.testing.assert_close(odds, torch.full_like(odds, 0.5))


def test_even_odds_raise_the_input_token_in_the_smallest_codebook_too() -> None:
    assert even_odds(2) > 0.5
