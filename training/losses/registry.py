"""All terms of the loss by name, in the order in which they are told.

    terms = loss_terms(network(targets.damaged_codes, targets.damaged_latents), targets, weights, decoder)
    loss = weighted_sum(terms, weights)

What always holds: a term is a mean, so that it can be compared between batches of different sizes; it is finite, and 0
where the batch has nothing to judge it by; it is computed in float32 whatever the network ran in.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rebounce.engine.errors import UsageError
from rebounce.training.losses.comparison import Comparison
from rebounce.training.losses.differentiable_decoder import DifferentiableDecoder
from rebounce.training.losses.heads import compression, level, perceptual, stereo
from rebounce.training.losses.latent import latent
from rebounce.training.losses.mask import mask
from rebounce.training.losses.mel import mel
from rebounce.training.losses.stft import stft
from rebounce.training.losses.targets import Targets
from rebounce.training.losses.time import time
from rebounce.training.losses.token import token
from rebounce.training.losses.token_spectrum import token_spectrum
from rebounce.training.networks.interface import Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One term; `weight` is the usual one, `feature` what bundles must hold.

    `needs_decoder` says that it listens, `needs_tokens` that it goes by the logits, as all that listens does.
    """

    function: Callable[[Comparison], Tensor]
    weight: float
    needs_decoder: bool = False
    needs_tokens: bool = False
    feature: str | None = None


LOSSES = {
    "token": Loss(function=token, weight=1.0, needs_tokens=True),
    "latent": Loss(function=latent, weight=10.0),
    "mask": Loss(function=mask, weight=0.1),
    "level": Loss(function=level, weight=0.1, feature="measures"),
    "compression": Loss(function=compression, weight=0.1, feature="measures"),
    "stereo": Loss(function=stereo, weight=0.1, feature="measures"),
    "perceptual": Loss(function=perceptual, weight=0.1, feature="measures"),
    "mel": Loss(function=mel, weight=0.01, needs_decoder=True, needs_tokens=True),
    "stft": Loss(function=stft, weight=0.1, needs_decoder=True, needs_tokens=True),
    "time": Loss(function=time, weight=0.1, needs_decoder=True, needs_tokens=True),
    "token-spectrum": Loss(function=token_spectrum, weight=0.05, needs_tokens=True),
}


def check_names(names: Iterable[str]) -> None:
    """UsageError for a term that there is not."""
    unknown = [name for name in names if name not in LOSSES]
    if unknown:
        raise UsageError(f"losses: expected some of {', '.join(LOSSES)}, found {unknown[0]!r}")


def features_needed(names: Iterable[str]) -> tuple[str, ...]:
    """What a `BundleDataset` must be asked for, so that its batches have these terms' targets."""
    chosen = {LOSSES[name].feature for name in names}
    return tuple(sorted(feature for feature in chosen if feature is not None))


def needs_decoder(names: Iterable[str]) -> bool:
    """Whether any of these terms listens."""
    return any(LOSSES[name].needs_decoder for name in names)


def needs_tokens(names: Iterable[str]) -> bool:
    """Whether any of these terms goes by the logits."""
    return any(LOSSES[name].needs_tokens for name in names)


def loss_terms(
    prediction: Prediction, targets: Targets, names: Sequence[str], decoder: DifferentiableDecoder | None = None
) -> dict[str, Tensor]:
    """Each term that is named, a scalar without its weight."""
    check_names(names)
    if decoder is None and needs_decoder(names):
        silent = next(name for name in names if LOSSES[name].needs_decoder)
        raise UsageError(f"losses: {silent}: expected a decoder, as it is a term of audio, found none")
    comparison = Comparison(prediction, targets, decoder)
    with torch.autocast(targets.mask.device.type, enabled=False):
        return {name: LOSSES[name].function(comparison) for name in names}


def weighted_sum(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """What is trained on: the terms by their weights; a term without one is only watched."""
    return torch.stack([weights[name] * term for name, term in terms.items() if name in weights]).sum()
