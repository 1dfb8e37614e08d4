"""What codes stand for: the codebooks of one codec as tensors, and how much each of them matters.

Latents are the sum of one entry of each codebook, whatever the codec; that is all that is known of it here.
"""

from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from rebounce.training.losses.codebook_use import CodebookUse


class TorchCodec(Protocol):
    """A codec in torch, as far as a training needs one."""

    @property
    def decoder(self) -> nn.Module:
        """Latents `(batch, dimension, tokens)` to audio of level 1, `(batch, channels, tokens * hop_frames)`."""

    def codebooks(self) -> Tensor:
        """All entries: `(codebooks, codebook_size, dimension)`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenSpace:
    """`entries` float32 `(codebooks, codebook_size, dimension)`; `weights` `(codebooks,)`, 1 on average.

    `latent_level` `()` is the standard deviation of a latent's component: what a difference of latents is measured by.
    """

    entries: Tensor
    weights: Tensor
    latent_level: Tensor

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        return type(self)(
            entries=self.entries.to(device),
            weights=self.weights.to(device),
            latent_level=self.latent_level.to(device),
        )

    def latents_of(self, codes: Tensor) -> Tensor:
        """Codes `(batch, codebooks, tokens)` to latents `(batch, dimension, tokens)`, zeros where they are `PAD`."""
        books, size, dimension = self.entries.shape
        table = torch.cat([self.entries.flatten(0, 1), self.entries.new_zeros(1, dimension)])
        first = torch.arange(0, books * size, size, device=codes.device)[:, None]
        rows = torch.where(codes < 0, books * size, codes + first).transpose(1, 2)
        summed = functional.embedding_bag(rows.flatten(0, 1), table, mode="sum")
        return summed.reshape(*rows.shape[:2], dimension).transpose(1, 2)

    def expected_latents(self, logits: Tensor) -> Tensor:
        """The mean of the latents under the logits `(batch, codebook_size, codebooks, tokens)`: soft token mixtures.

        Of the probabilities nothing is kept for the way back: beside the logits they would take their size again.
        """
        with torch.autocast(logits.device.type, enabled=False):
            # unbind and not [:, :, k]: on the way back each slice would fill a tensor of the size of all of them.
            pairs = zip(logits.unbind(2), self.entries, strict=True)
            return torch.stack([_mixture(book, entries) for book, entries in pairs]).sum(0)


def token_space(codec: TorchCodec, use: CodebookUse | None = None) -> TokenSpace:
    """The space of a codec's tokens, weighted by how its codebooks are used, or as if every entry were used alike.

    Where the tokens have fewer codebooks than the codec, as EnCodec's have at a low bit-rate, those are the first ones.
    """
    entries = codec.codebooks().detach().float()
    use = CodebookUse.uniform(entries) if use is None else use
    entries = entries[: len(use.counts)]
    return TokenSpace(entries=entries, weights=use.weights(entries), latent_level=use.latent_level(entries))


def _mixture(logits: Tensor, entries: Tensor) -> Tensor:
    return checkpoint(_mean_entry, logits, entries, use_reentrant=False, preserve_rng_state=False)  # type: ignore[no-any-return]


def _mean_entry(logits: Tensor, entries: Tensor) -> Tensor:
    """`(batch, codebook_size, tokens)` and `(codebook_size, dimension)` to `(batch, dimension, tokens)`."""
    return entries.T @ logits.float().softmax(1)
