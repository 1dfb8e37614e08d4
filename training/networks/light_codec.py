"""The light codec: the encodec package's SEANet and residual vector quantiser, small enough to ship.

It works on a window whose level has been taken out. Nothing in it is counted over time: what it says of a moment
depends on the moment's surroundings and on nothing else, so that windows may be cut anywhere with a little context.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rebounce.training.encodec_import import import_encodec

SAMPLE_RATE_HZ = 48_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecSize:
    """How large a light codec is; the product of `ratios` is the number of frames to a token."""

    filters: int = 16
    dimension: int = 128
    ratios: tuple[int, ...] = (8, 5, 4, 2)
    codebooks: int = 16
    codebook_size: int = 1024
    channels: int = 2

    @property
    def hop_frames(self) -> int:
        return int(np.prod(self.ratios))


SIZES = {
    "light": CodecSize(),
    "tiny": CodecSize(filters=4, dimension=8, codebooks=4, codebook_size=16),
}


class LightCodec(nn.Module):
    """Audio `(batch, channels, frames)` to latents `(batch, dimension, tokens)`, these to codes, and both ways back."""

    def __init__(self, size: CodecSize) -> None:
        super().__init__()
        import_encodec()
        from encodec.modules.seanet import SEANetDecoder, SEANetEncoder
        from encodec.quantization.core_vq import ResidualVectorQuantization

        shape: dict[str, Any] = {
            "channels": size.channels,
            "dimension": size.dimension,
            "n_filters": size.filters,
            "ratios": list(size.ratios),
            "lstm": 0,
        }
        self.size = size
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch's old weight norm, which the package uses
            self.encoder = SEANetEncoder(**shape)
            self.decoder = SEANetDecoder(**shape)
        # Without the package's own expiry of dead codes: it gives them a new place in `embed`, which the moving average
        # writes over before the step ends, so that they stay dead.
        self.quantiser: Any = ResidualVectorQuantization(  # type: ignore[no-untyped-call]
            num_quantizers=size.codebooks,
            dim=size.dimension,
            codebook_size=size.codebook_size,
            kmeans_init=False,
            threshold_ema_dead_code=0,
        )

    def unquantised(self, audio: Tensor) -> Tensor:
        """Audio through the latents and back, no codes chosen."""
        made: Tensor = self.decoder(self.encoder(audio))
        return made

    def coded(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Audio through the codes and back, and the codes `(codebooks, batch, tokens)`."""
        codes: Tensor = self.quantiser.encode(self.encoder(audio))
        made: Tensor = self.decoder(self.quantiser.decode(codes))
        return made, codes

    @torch.no_grad()
    def replace_dead_codes(self, latents: Tensor, codes: Tensor, least: float, generator: np.random.Generator) -> int:
        """Put codes to which fewer than `least` vectors a step fall, on average, where vectors of this step are.

        `latents` `(batch, dimension, tokens)` and their `codes` `(codebooks, batch, tokens)` are those of the step.
        Each stage takes its places from what the stages before it leave. Returns how many codes were moved.
        """
        rest = latents.transpose(1, 2).flatten(0, 1)
        moved = 0
        for layer, chosen in zip(self.quantiser.layers, codes, strict=True):
            book = layer._codebook
            entries = book.embed[chosen.flatten()]
            dead = torch.nonzero(book.cluster_size < least).flatten()[: rest.shape[0]]
            if len(dead):
                places = generator.choice(rest.shape[0], len(dead), replace=False)
                # As many vectors as a code gets that is used like all others, so that it has time to find its own.
                fair = rest.shape[0] / self.size.codebook_size
                book.embed[dead] = rest[torch.from_numpy(places).to(rest.device)]
                book.embed_avg[dead] = book.embed[dead] * fair
                book.cluster_size[dead] = fair
                moved += len(dead)
            rest = rest - entries
        return moved

    def set_codebook(self, stage: int, centres: Tensor, counts: Tensor) -> None:
        """Give one codebook its entries `(codebook_size, dimension)`, and how many vectors a step fall to each."""
        book = self.quantiser.layers[stage]._codebook
        book.embed.copy_(centres)
        book.embed_avg.copy_(centres * counts[:, None])
        book.cluster_size.copy_(counts)

    def codebooks(self) -> Tensor:
        """All entries: `(codebooks, codebook_size, dimension)`."""
        return torch.stack([layer.codebook for layer in self.quantiser.layers])
