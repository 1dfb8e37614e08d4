"""Batches, targets and predictions that the tests of the losses share: random, and small enough to be reckoned by hand.

`SoundCodec` is a codec whose latents are the sound itself, frame after frame, so that what a term of audio must be can
be said without a network.
"""

from dataclasses import fields, replace

import torch
from torch import Tensor, nn

from rebounce.engine.tokens import PAD
from rebounce.training.bundle_measures import COLUMNS
from rebounce.training.dataset import Sample
from rebounce.training.losses.targets import Targets, targets_of
from rebounce.training.losses.token_space import TokenSpace, token_space
from rebounce.training.networks.interface import Prediction

CODEBOOKS, CODEBOOK_SIZE, TOKENS = 4, 16, 32
CHANNELS, HOP_FRAMES = 2, 128


class SoundCodec:
    """A codec of entries that are `HOP_FRAMES` frames of noise, and whose decoder puts them side by side."""

    def __init__(self, seed: int = 0) -> None:
        levels = torch.tensor([0.8, 0.5, 0.3, 0.2])[:, None, None]
        drawn = torch.randn(CODEBOOKS, CODEBOOK_SIZE, CHANNELS * HOP_FRAMES, generator=_generator(seed))
        self.decoder: nn.Module = SideBySide()
        self._codebooks = drawn * levels

    def codebooks(self) -> Tensor:
        return self._codebooks


class SideBySide(nn.Module):
    """`(batch, channels * hop_frames, tokens)` to `(batch, channels, tokens * hop_frames)`."""

    def forward(self, latents: Tensor) -> Tensor:
        windows, _, tokens = latents.shape
        return latents.reshape(windows, CHANNELS, HOP_FRAMES, tokens).transpose(2, 3).flatten(2)


def make_batch(seed: int = 0, tokens: int = TOKENS) -> Sample:
    """Two items as the loader gives them: three segments and two, the last of each cut short."""
    generator = _generator(seed)
    counts = torch.tensor([[tokens, tokens, tokens - 7], [tokens, 5, 0]])
    is_token = torch.arange(tokens) < counts[:, :, None]
    shape = (2, 3, CODEBOOKS, tokens)
    clean = torch.randint(0, CODEBOOK_SIZE, shape, generator=generator)
    other = torch.randint(0, CODEBOOK_SIZE, shape, generator=generator)
    damaged = torch.where(torch.rand(shape, generator=generator) < 0.4, other, clean)
    return {
        "codes_clean": torch.where(is_token[:, :, None], clean, PAD),
        "codes_damaged": torch.where(is_token[:, :, None], damaged, PAD),
        "is_token": is_token,
        "scales_clean": torch.rand(2, 3, generator=generator) * 0.2 + 0.05,
        "scales_damaged": torch.rand(2, 3, generator=generator) * 0.2 + 0.05,
        "measures": torch.randn(2, 3, len(COLUMNS), generator=generator),
    }


def make_targets(seed: int = 0, space: TokenSpace | None = None) -> Targets:
    """Five windows: those of `make_batch` that have a token."""
    return targets_of(make_batch(seed), token_space(SoundCodec()) if space is None else space)


def make_prediction(targets: Targets, seed: int = 1, level: float = 0.5) -> Prediction:
    """Leaves of random numbers, ready for gradients."""
    windows, codebooks, tokens = targets.mask.shape
    _, size, dimension = targets.space.entries.shape
    shapes = {
        "logits": (windows, size, codebooks, tokens),
        "mask_logits": (windows, codebooks, tokens),
        "latent_change": (windows, dimension, tokens),
        "level": (windows, 2),
        "compression": (windows, 2),
        "stereo": (windows, 2),
        "perceptual": (windows, 8),
    }
    generator = _generator(seed)
    return Prediction(
        **{name: (level * torch.randn(shape, generator=generator)).requires_grad_() for name, shape in shapes.items()}
    )


def perfect_prediction(targets: Targets) -> Prediction:
    """What a network would say that knows everything."""
    found = make_prediction(targets)
    sure = 60 * nn.functional.one_hot(targets.clean_codes.clamp(min=0), targets.space.entries.shape[1]).movedim(-1, 1)
    heads = {name: getattr(targets, name) for name in ("level", "compression", "stereo", "perceptual")}
    return replace(
        found,
        logits=sure.float(),
        mask_logits=60 * (2 * targets.mask - 1),
        latent_change=targets.clean_latents - targets.damaged_latents,
        **heads,
    )


def heads_with_gradient(prediction: Prediction) -> set[str]:
    """The heads that a way back has reached."""
    tensors = {field.name: getattr(prediction, field.name) for field in fields(prediction)}
    return {name for name, tensor in tensors.items() if tensor.grad is not None and bool(tensor.grad.any())}


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
