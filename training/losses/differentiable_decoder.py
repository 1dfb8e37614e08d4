"""From what a network says to audio, with a way back for the gradient: a codec's decoder that does not learn."""

from typing import Self

import torch
from torch import Tensor, nn

from rebounce.training.losses.token_space import TorchCodec

SOURCES = ("tokens", "choices", "latents")
"""A prediction's ways out; `Comparison.latents_by` says what each of them is."""


class DifferentiableDecoder(nn.Module):
    """Latents `(batch, dimension, tokens)` to audio of level 1 `(batch, channels, frames)`, in float32.

    The codec's decoder is frozen and shared with whoever gave it; it is in no optimiser and in no checkpoint of the
    network. A prediction is listened to by each of its ways out that `sources` names.

    Decoding costs more than all else that is compared. With `stretch_tokens` only so many tokens of each window are
    listened to, another stretch in every batch.
    """

    def __init__(
        self,
        codec: TorchCodec,
        *,
        sources: tuple[str, ...] = ("tokens", "latents"),
        stretch_tokens: int | None = None,
        sample_rate_hz: int = 48_000,
    ) -> None:
        super().__init__()
        assert set() < set(sources) <= set(SOURCES), "a prediction has these ways out"
        self.sources = sources
        self.stretch_tokens = stretch_tokens
        self.sample_rate_hz = sample_rate_hz
        self.decoder = codec.decoder.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Self:
        """Nothing to train; but through an LSTM, as EnCodec has one, cuDNN gives gradients in training mode alone."""
        super().train(False)
        for module in self.decoder.modules():
            if isinstance(module, nn.RNNBase):
                module.train()
        return self

    def stretch(self, codes: Tensor) -> slice:
        """Which tokens of the windows `(windows, codebooks, tokens)` are listened to.

        The codes themselves decide where, so that the same batch gives the same audio, in a run that was resumed too.
        """
        tokens = codes.shape[2]
        count = min(self.stretch_tokens or tokens, tokens)
        first = int(codes.sum()) % (tokens - count + 1)
        return slice(first, first + count)

    def forward(self, latents: Tensor) -> Tensor:
        # In float32, as the noise of half precision stands where the quiet bands are, which the mel term hears.
        with torch.autocast(latents.device.type, enabled=False):
            audio: Tensor = self.decoder(latents.float())
        return audio
