"""Whether the audio has the clean audio's tone at every moment, as an ear divides it up."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from rebounce.training.losses.comparison import Comparison
from rebounce.training.mel_scale import mel_edges_hz

SIZE = 2048
BANDS = 80
FLOOR = 1e-2
"""Added to a band's magnitude before its logarithm: what is 40 dB below a noise of level 1 counts for little."""


def mel(comparison: Comparison) -> Tensor:
    """The mean absolute difference of the logarithms of 80 bands' magnitudes: 0.115 is 1 dB."""
    heard = comparison.audio
    bands = mel_bands(heard.sample_rate_hz, heard.made.device)
    made, wanted = (torch.log(bands @ magnitudes + FLOOR) for magnitudes in heard.magnitudes(SIZE))
    return heard.mean_of_columns((made - wanted).abs(), SIZE)


@lru_cache
def mel_bands(sample_rate_hz: int, device: torch.device) -> Tensor:
    """Triangles that overlap by half, each with weights that sum to 1: `(80, bins)`.

    The lowest are narrower than the transform can tell: one without a bin of its own has the two around its middle.
    """
    edges_hz = mel_edges_hz(BANDS + 1, sample_rate_hz)
    width_hz = sample_rate_hz / SIZE
    bins_hz = np.arange(SIZE // 2 + 1) * width_hz
    lower, middle, upper = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rise, fall = np.maximum(middle - lower, width_hz), np.maximum(upper - middle, width_hz)
    triangles = np.clip(np.minimum(1 - (middle - bins_hz) / rise, 1 - (bins_hz - middle) / fall), 0, None)
    # Kept, and so made for training too where it is first asked for in inference mode.
    with torch.inference_mode(False):
        return torch.tensor(triangles / triangles.sum(1, keepdims=True), dtype=torch.float32, device=device)
