"""The frequencies: learned by cross-entropy, against counted ones."""

import numpy as np
import torch
from torch.nn import functional
from torch_threads import threads

from rebounce.training.networks.frequency import FrequencyNetwork
from rebounce.training.networks.interface import TokenShape

SHAPE = TokenShape(codebooks=2, codebook_size=4, latent_dimension=0, window_tokens=100)


def pairs() -> tuple[torch.Tensor, torch.Tensor]:
    """Damaged and clean tokens: the clean one is drawn from a table of its own for each damaged one and codebook."""
    generator = np.random.default_rng(0)
    tables = generator.dirichlet(np.full(4, 0.7), (2, 4))
    damaged = generator.integers(4, size=(4, 2, 100))
    draws = generator.random(damaged.shape)[..., None]
    clean = (draws > tables[np.arange(2)[:, None], damaged].cumsum(-1)).sum(-1).clip(max=3)
    return torch.from_numpy(damaged), torch.from_numpy(clean)


def trained(damaged: torch.Tensor, clean: torch.Tensor) -> FrequencyNetwork:
    torch.manual_seed(0)
    network, latents = FrequencyNetwork(SHAPE), torch.zeros(len(damaged), 0, SHAPE.window_tokens)
    optimiser = torch.optim.Adam(network.parameters(), 0.05)
    for _ in range(300):
        optimiser.zero_grad()
        said = network(damaged, latents)
        changes = functional.binary_cross_entropy_with_logits(said.mask_logits, (clean != damaged).float())
        torch.autograd.backward(functional.cross_entropy(said.logits, clean) + changes)
        optimiser.step()
    return network


def test_training_finds_how_often_each_token_stands_for_each() -> None:
    damaged, clean = pairs()
    with threads(1):
        network = trained(damaged, clean)
    with torch.no_grad():
        said = network(torch.arange(4).expand(1, 2, 4), torch.zeros(1, 0, 4))
    for book in range(2):
        for token in range(4):
            met = clean[:, book][damaged[:, book] == token]
            counted = torch.bincount(met, minlength=4) / len(met)
            learned = said.logits[0, :, book, token].softmax(0)
            torch.testing.assert_close(learned, counted, rtol=0, atol=0.02)
            changed = torch.sigmoid(said.mask_logits[0, book, token])
            torch.testing.assert_close(changed, 1 - counted[token], rtol=0, atol=0.02)
