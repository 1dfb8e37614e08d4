"""A baseline: how often a damaged token stands for each clean one, codebook by codebook, without any context."""

import torch
from torch import Tensor, nn

from rebounce.training.networks.heads import even_odds, nothing_said, with_copy
from rebounce.training.networks.interface import Prediction, TokenShape
from rebounce.training.networks.network import Network
from rebounce.training.networks.token_input import ready_window

RANK = 16
"""Whole tables of 1024 x 1024 would be larger than the networks they are compared with; of small ones it is all."""


class FrequencyNetwork(Network):
    """Tables of the odds of each clean token given the damaged one, as products of two narrow ones; at first a copy."""

    def __init__(self, shape: TokenShape) -> None:
        super().__init__(shape)
        rank = min(RANK, shape.codebook_size)
        self.damaged = nn.Embedding(shape.codebooks * shape.codebook_size, rank)
        self.clean = nn.Parameter(torch.zeros(shape.codebooks, shape.codebook_size, rank))
        self.bias = nn.Parameter(torch.zeros(shape.codebook_size, shape.codebooks, 1))
        self.copy = nn.Parameter(torch.full((shape.codebooks, 1), even_odds(shape.codebook_size)))
        self.changes = nn.Embedding(shape.codebooks * shape.codebook_size, 1)
        nn.init.zeros_(self.changes.weight)

    def forward(self, codes: Tensor, latents: Tensor) -> Prediction:
        ready_window(codes, latents, self.shape, 1)
        firsts = torch.arange(self.shape.codebooks, device=codes.device)[:, None] * self.shape.codebook_size
        rows = codes.clamp(min=0) + firsts
        logits = torch.einsum("bktr,kvr->bvkt", self.damaged(rows), self.clean) + self.bias
        return Prediction(
            logits=with_copy(logits.flatten(1, 2), codes, self.copy),
            mask_logits=self.changes(rows).squeeze(-1),
            **nothing_said(codes, self.shape),
        )
