"""Whether the audio is the clean audio, sample by sample."""

from torch import Tensor

from rebounce.training.losses.comparison import Comparison


def time(comparison: Comparison) -> Tensor:
    """The mean absolute difference between what the prediction and what the clean tokens decode to, at level 1."""
    heard = comparison.audio
    return heard.mean((heard.made - heard.wanted).abs())
