"""A baseline: the clean token is the damaged one."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rebounce.training.networks.heads import even_odds, nothing_said, with_copy
from rebounce.training.networks.interface import Prediction, TokenShape
from rebounce.training.networks.network import Network
from rebounce.training.networks.token_input import ready_window


class CopyNetwork(Network):
    """Says that every token stays; learns only how sure it is of that, codebook by codebook."""

    def __init__(self, shape: TokenShape) -> None:
        super().__init__(shape)
        self.strength = nn.Parameter(torch.full((shape.codebooks,), even_odds(shape.codebook_size)))

    def forward(self, codes: Tensor, latents: Tensor) -> Prediction:
        ready_window(codes, latents, self.shape, 1)
        batch, codebooks, tokens = codes.shape
        # Above zero however it is trained, or else it would no longer be a copy.
        strength = functional.softplus(self.strength)[None, :, None]
        nothing = torch.zeros(batch, self.shape.codebook_size * codebooks, tokens, device=codes.device)
        return Prediction(
            logits=with_copy(nothing.to(strength.dtype), codes, strength),
            mask_logits=(even_odds(self.shape.codebook_size) - strength).expand(codes.shape),
            **nothing_said(codes, self.shape),
        )
