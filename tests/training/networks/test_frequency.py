"""The frequencies: learned by cross-entropy, against counted ones."""

import numpy as np
import torch
from torch.nn import functional

from rebounce.training.networks.frequency import FrequencyNetwork
from rebounce.training.networks.interface import TokenShape

SHAPE = TokenShape(codebooks=2, codebook_size=4, latent_dimension=0, window_tokens=500)


def pairs() -> tuple[torch.Tensor, torch.Tensor]:
    """Damaged and clean tokens: the clean one is drawn from a table of its own for each damaged one and codebook."""
    generator = np.random.default_rng(0)
    tables = generator.dirichlet(np.full(4, 0.7), (2, 4))
    damaged = generator.integers(4, size=(4, 2, 500))
    draws = generator.random(damaged.shape)[..., None]
    clean = (draws > tables[np.arange(2)[:, None], damaged].cumsum(-1)).sum(-1).clip(max=3)
    return torch.from_numpy(damaged), torch.from_numpy(clean)


def test_training_finds_how_often_each_token_stands_for_each() -> None:
    torch.manual_seed(0)
    damaged, clean = pairs()
    network, latents = FrequencyNetwork(SHAPE), torch.zeros(4, 0, 500)
    optimiser = torch.optim.Adam(network.parameters(), 0.05)
    for _ in range(150):
        optimiser.zero_grad()
        torch.autograd.backward(functional.cross_entropy(network(damaged, latents).logits, clean))
        optimiser.step()
    every = torch.arange(4).expand(1, 2, 4)
    learned = network(every, torch.zeros(1, 0, 4)).logits.softmax(1).detach()
    for book in range(2):
        for token in range(4):
            met = clean[:, book][damaged[:, book] == token]
            counted = torch.bincount(met, minlength=4) / len(met)
            torch.testing.assert_close(learned[0, :, book, token], counted, rtol=0, atol=0.01)
