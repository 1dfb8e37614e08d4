"""A prediction beside its targets, and what several terms need of both, made once and only when asked for."""

from functools import cached_property

import torch
from torch import Tensor

from rebounce.engine.tokens import PAD
from rebounce.training.losses.differentiable_decoder import DifferentiableDecoder
from rebounce.training.losses.heard_audio import HeardAudio
from rebounce.training.losses.targets import Targets
from rebounce.training.networks.interface import Prediction


class Comparison:
    """What the terms of one step are computed from."""

    def __init__(self, prediction: Prediction, targets: Targets, decoder: DifferentiableDecoder | None) -> None:
        self.prediction = prediction
        self.targets = targets
        self._decoder = decoder

    @cached_property
    def token_latents(self) -> Tensor:
        """What the logits stand for on average, `(windows, dimension, tokens)`; zeros where there is no token."""
        return self.targets.space.expected_latents(self.prediction.logits) * self.targets.is_token[:, None]

    @cached_property
    def changed_latents(self) -> Tensor:
        """The input's latents with the change that is predicted; zeros where there is no token."""
        changed = self.targets.damaged_latents + self.prediction.latent_change.float()
        return changed * self.targets.is_token[:, None]

    def latents_by(self, source: str) -> Tensor:
        """By `latents` the changed ones, by `tokens` what the logits stand for on average.

        By `choices` the likeliest token of each place, as it would be decoded, with the way back of `tokens`: choosing
        has no slope (straight-through).
        """
        if source == "latents":
            return self.changed_latents
        if source == "tokens":
            return self.token_latents
        likeliest = torch.where(self.targets.is_token[:, None], self.prediction.logits.argmax(1), PAD)
        return self.token_latents + (self.targets.space.latents_of(likeliest) - self.token_latents).detach()

    @cached_property
    def audio(self) -> HeardAudio:
        """What the prediction sounds like by each of the decoder's sources, and what it should."""
        assert self._decoder is not None, "terms of audio are asked for with a decoder"
        heard = self._decoder.stretch(self.targets.clean_codes)
        with torch.no_grad():
            wanted = self._decoder(self.targets.clean_latents[:, :, heard])
        ways = [self.latents_by(source) for source in self._decoder.sources]
        return HeardAudio(
            made=self._decoder(torch.cat(ways)[:, :, heard]),
            wanted=wanted,
            is_token=self.targets.is_token[:, heard],
            sample_rate_hz=self._decoder.sample_rate_hz,
        )

    def mean_of_tokens(self, values: Tensor) -> Tensor:
        """The mean of `(windows, rows, tokens)` over all that are tokens; 0 where there are none."""
        is_token = self.targets.is_token[:, None]
        total = torch.where(is_token, values, 0).sum()
        return total / (is_token.sum() * values.shape[1]).clamp(min=1)
