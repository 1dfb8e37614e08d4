"""From tokens and latents to features: what every U-Net here begins with."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from rebounce.engine.errors import UsageError
from rebounce.engine.tokens import PAD
from rebounce.training.networks.interface import TokenShape
from rebounce.training.networks.window import kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A batch made ready: its codes and latents, and the mask of its tokens (see `window`)."""

    codes: Tensor
    latents: Tensor
    mask: Tensor | None


class TokenInput(nn.Module):
    """A table for each codebook, its vectors side by side and projected; the latents projected and added."""

    def __init__(self, shape: TokenShape, embedding_width: int, width: int) -> None:
        super().__init__()
        self.codebooks, self.codebook_size = shape.codebooks, shape.codebook_size
        pad_row = shape.codebooks * shape.codebook_size
        self.table = nn.Embedding(pad_row + 1, embedding_width, padding_idx=pad_row)
        self.projection = nn.Conv1d(shape.codebooks * embedding_width, width, 1)
        self.latents = nn.Conv1d(shape.latent_dimension, width, 1, bias=False) if shape.latent_dimension else None

    def forward(self, window: Window) -> Tensor:
        """Features `(batch, width, tokens)`."""
        firsts = torch.arange(self.codebooks, device=window.codes.device)[:, None] * self.codebook_size
        rows = torch.where(window.codes < 0, self.codebooks * self.codebook_size, window.codes + firsts)
        features = self.projection(self.table(rows).permute(0, 1, 3, 2).flatten(1, 2))
        if self.latents is not None:
            features = features + self.latents(window.latents.to(self.latents.weight.dtype))
        return kept(features, window.mask)


def ready_window(codes: Tensor, latents: Tensor, shape: TokenShape, multiple: int) -> Window:
    """The batch checked, and filled up on the right with `PAD` to a multiple of so many tokens.

    While a network is exported nothing is checked, and windows are taken to be full, as they are at run time.
    """
    if torch.compiler.is_exporting():
        has_pad = False
    else:
        _check_shapes(codes, latents, shape)
        has_pad = torch.compiler.is_compiling() or _has_pad(codes, shape.codebook_size)
    tokens = codes.shape[-1]
    missing = -tokens % multiple
    if missing:
        codes = functional.pad(codes, (0, missing), value=PAD)
        latents = functional.pad(latents, (0, missing))
    mask = None
    if has_pad:
        mask = (codes != PAD).any(1, keepdim=True).float()
    elif missing:
        mask = (torch.arange(tokens + missing, device=codes.device) < tokens).float()[None, None]
    return Window(codes=codes, latents=latents, mask=mask)


def _check_shapes(codes: Tensor, latents: Tensor, shape: TokenShape) -> None:
    if codes.ndim != 3 or codes.shape[1] != shape.codebooks or codes.dtype != torch.int64 or not codes.numel():
        raise UsageError(
            f"tokens: expected int64 (batch, {shape.codebooks}, tokens), found {codes.dtype} {tuple(codes.shape)}; "
            "was the network made for another codec?"
        )
    expected = (codes.shape[0], shape.latent_dimension, codes.shape[2])
    if tuple(latents.shape) != expected:
        raise UsageError(
            f"latents: expected {expected}, for each token what it stands for, found {tuple(latents.shape)}; "
            "were they looked up in another codec's codebooks?"
        )


def _has_pad(codes: Tensor, codebook_size: int) -> bool:
    """Whether some of it is `PAD`; what is neither that nor a token is an error.

    The least and the most are all that is asked of the device: one wait for it a batch, and the whole only in an error.
    """
    least, most = torch.stack(torch.aminmax(codes)).tolist()
    if least < PAD or most >= codebook_size:
        wrong = ((codes < PAD) | (codes >= codebook_size)).nonzero()[0].tolist()
        raise UsageError(
            f"tokens: expected 0 to {codebook_size - 1}, or {PAD} for none, found {codes[tuple(wrong)].item()} in "
            f"window {wrong[0]}, codebook {wrong[1]}, at token {wrong[2]}; do they come from another codec?"
        )
    return bool(least == PAD)
