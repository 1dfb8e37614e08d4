"""The copy: stays one however it is trained, and says how sure it is."""

import torch
from token_making import SHAPE, drawn_tokens

from rebounce.training.networks.copy import CopyNetwork


def test_trained_towards_other_tokens_it_stays_a_copy() -> None:
    network = CopyNetwork(SHAPE)
    codes, latents = drawn_tokens(4, 32)
    optimiser = torch.optim.SGD(network.parameters(), 10.0)
    for _ in range(50):
        optimiser.zero_grad()
        network(codes, latents).logits.gather(1, codes[:, None]).mean().backward()
        optimiser.step()
    said = network(codes, latents)
    assert (network.strength < 0).all()
    assert torch.equal(said.logits.argmax(1), codes)


def test_its_mask_is_the_odds_that_the_token_is_another() -> None:
    codes, latents = drawn_tokens(2, 8)
    said = CopyNetwork(SHAPE)(codes, latents)
    stays = said.logits.softmax(1).gather(1, codes[:, None])[:, 0]
    torch.testing.assert_close(torch.sigmoid(said.mask_logits), 1 - stays)
