"""Whether the audio has the clean audio's spectrogram."""

import torch
from torch import Tensor

from rebounce.training.losses.comparison import Comparison

SIZES = (512, 2048)
"""11 and 43 ms at 48 kHz: one tells beats apart, the other notes."""


def stft(comparison: Comparison) -> Tensor:
    """The mean square of the differences of magnitudes over two transforms; at level 1, a part of the clean energy."""
    heard = comparison.audio
    terms = []
    for size in SIZES:
        made, wanted = heard.magnitudes(size)
        terms.append(heard.mean_of_columns((made - wanted).square(), size))
    return torch.stack(terms).mean()
