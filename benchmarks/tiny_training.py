"""A training step on tokens for the loader to be measured against: embeddings, convolutions, cross-entropy, AdamW.

Small on purpose, since the shorter a step is, the harder it is to have the next batch ready.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 24


class Training:
    """A network with its optimiser."""

    def __init__(self, codebooks: int, codebook_size: int) -> None:
        torch.manual_seed(0)
        self._network = _Network(codebooks, codebook_size)
        self._optimiser = torch.optim.AdamW(self._network.parameters())
        self.parameters = sum(parameter.numel() for parameter in self._network.parameters())

    def step(self, batch: dict[str, Tensor]) -> float:
        """One step on a batch of the loader; returns the loss."""
        damaged, clean = (batch[name].flatten(0, 1) for name in ("codes_damaged", "codes_clean"))
        loss = functional.cross_entropy(self._network(damaged.clamp(min=0)), clean, ignore_index=-1)
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        return float(loss.detach())


class _Network(nn.Module):
    """Codes `(items, codebooks, tokens)` to logits `(items, size, codebooks, tokens)`."""

    def __init__(self, codebooks: int, size: int) -> None:
        super().__init__()
        self._shape = (codebooks, size)
        self.tables = nn.ModuleList([nn.Embedding(size, WIDTH // 8) for _ in range(codebooks)])
        width = codebooks * (WIDTH // 8)
        self.body = nn.Sequential(
            nn.Conv1d(width, WIDTH, 1),
            nn.Conv1d(WIDTH, WIDTH, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(WIDTH, WIDTH, 3, padding=1),
            nn.GELU(),
        )
        self.heads = nn.Conv1d(WIDTH, codebooks * size, 1)

    def forward(self, codes: Tensor) -> Tensor:
        vectors = [table(codes[:, index]) for index, table in enumerate(self.tables)]
        logits: Tensor = self.heads(self.body(torch.cat(vectors, dim=2).transpose(1, 2)))
        return logits.unflatten(1, self._shape).transpose(1, 2)
