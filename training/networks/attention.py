"""CBAM (Woo et al. 2018) along time: first which channels matter, then which moments."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rebounce.training.networks.window import kept, mean, peak

REDUCTION = 16
LEAST_HIDDEN = 4
"""Where a sixteenth of the channels would be next to nothing."""


class ChannelAttention(nn.Module):
    """A weight from 0 to 1 for each channel, from its mean and its peak over the window's tokens."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(LEAST_HIDDEN, channels // REDUCTION)
        self.inner = nn.Linear(channels, hidden)
        self.outer = nn.Linear(hidden, channels)

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        branches = torch.stack([mean(features, mask), peak(features, mask)])
        # GELU where the paper has ReLU: of four hidden values all may be shut for good, and then nothing attends.
        weights = torch.sigmoid(self.outer(functional.gelu(self.inner(branches))).sum(0))
        return features * weights[..., None]


class TemporalAttention(nn.Module):
    """A weight from 0 to 1 for each moment, from the mean and the peak over its channels and its neighbours'."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(2, 1, 7, padding=3)

    def forward(self, features: Tensor) -> Tensor:
        seen = torch.cat([features.mean(1, keepdim=True), features.amax(1, keepdim=True)], dim=1)
        return features * torch.sigmoid(self.convolution(seen))


class Cbam(nn.Module):
    """Both, one after the other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = ChannelAttention(channels)
        self.moments = TemporalAttention()

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        return kept(self.moments(self.channels(features, mask)), mask)
