"""A training step of the `tiny` token U-Net for the loader to be measured against: by tokens, latents and the mask.

Small on purpose, since the shorter a step is, the harder it is to have the next batch ready.
"""

import torch

from rebounce.training.dataset import BundleDataset, Sample
from rebounce.training.losses.registry import LOSSES, loss_terms, weighted_sum
from rebounce.training.losses.targets import targets_of
from rebounce.training.losses.token_space import TokenSpace
from rebounce.training.networks.interface import TokenShape
from rebounce.training.networks.registry import make_network

WEIGHTS = {name: LOSSES[name].weight for name in ("token", "latent", "mask")}


class Training:
    """The network with its optimiser, for the tokens of a data set; what the codebooks hold does not matter here."""

    def __init__(self, dataset: BundleDataset) -> None:
        torch.manual_seed(0)
        framing = dataset.framing
        shape = TokenShape(
            codebooks=dataset.codebooks,
            codebook_size=dataset.codebook_size,
            window_tokens=framing.segment_frames // framing.hop_frames,
        )
        entries = torch.randn(shape.codebooks, shape.codebook_size, shape.latent_dimension)
        self._space = TokenSpace(
            entries=entries, weights=torch.ones(shape.codebooks), latent_level=torch.tensor(shape.codebooks**0.5)
        )
        self._network = make_network("token-unet", "tiny", shape)
        self._optimiser = torch.optim.AdamW(self._network.parameters())
        self.parameters = self._network.parameter_count()

    def step(self, batch: Sample) -> float:
        """One step on a batch of the loader; returns the loss."""
        targets = targets_of(batch, self._space, self._network.shape.window_tokens)
        prediction = self._network(targets.damaged_codes, targets.damaged_latents)
        loss = weighted_sum(loss_terms(prediction, targets, tuple(WEIGHTS)), WEIGHTS)
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        return float(loss.detach())
