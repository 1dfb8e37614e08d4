"""The light codec: the encodec package's SEANet and residual vector quantiser, small enough to ship.

It works on a window whose level has been taken out. Nothing in it is counted over time: what it says of a moment
depends on the moment's surroundings and on nothing else, so that windows may be cut anywhere with a little context.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from rebounce.training.encodec_import import import_encodec

SAMPLE_RATE_HZ = 48_000
CHANNELS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecSize:
    """How large a light codec is; the product of `ratios` is the number of frames to a token."""

    filters: int = 16
    dimension: int = 128
    ratios: tuple[int, ...] = (8, 5, 4, 2)
    codebooks: int = 16
    codebook_size: int = 1024

    @property
    def hop_frames(self) -> int:
        return int(np.prod(self.ratios))


SIZES = {
    "light": CodecSize(),
    "tiny": CodecSize(filters=2, dimension=8, codebooks=4, codebook_size=16),
}


class LightCodec(nn.Module):
    """Audio `(batch, 2, frames)` to latents `(batch, dimension, tokens)` and back, and latents to codes and back."""

    def __init__(self, size: CodecSize) -> None:
        super().__init__()
        import_encodec()
        from encodec.modules.seanet import SEANetDecoder, SEANetEncoder
        from encodec.quantization.core_vq import ResidualVectorQuantization

        shape = {
            "channels": CHANNELS,
            "dimension": size.dimension,
            "n_filters": size.filters,
            "ratios": list(size.ratios),
            "lstm": 0,
        }
        self.size = size
        self.encoder = SEANetEncoder(**shape)
        self.decoder = SEANetDecoder(**shape)
        # A code counts as dead below a part of its fair share: the package's own threshold, 2 vectors a step, is meant
        # for batches of thousands of tokens, and would replace every code in every step of ours.
        self.quantiser = ResidualVectorQuantization(
            num_quantizers=size.codebooks,
            dim=size.dimension,
            codebook_size=size.codebook_size,
            kmeans_init=False,
            threshold_ema_dead_code=0,
        )

    def expire_codes_below(self, vectors_a_step: float) -> None:
        """From now on, in training, replace codes that fewer vectors a step fall to, on average."""
        for layer in self.quantiser.layers:
            layer._codebook.threshold_ema_dead_code = vectors_a_step

    def set_codebook(self, stage: int, centres: Tensor, counts: Tensor) -> None:
        """Give one codebook its entries `(codebook_size, dimension)`, and how many vectors a step fall to each."""
        book = self.quantiser.layers[stage]._codebook
        book.embed.copy_(centres)
        book.embed_avg.copy_(centres * counts[:, None])
        book.cluster_size.copy_(counts)

    def codebooks(self) -> Tensor:
        """All entries: `(codebooks, codebook_size, dimension)`."""
        return torch.stack([layer.codebook for layer in self.quantiser.layers])
