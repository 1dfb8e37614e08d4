"""What a codec's round trip is judged by in training: the waveform, and the spectrum on three scales.

Audio is `(batch, channels, frames)`. Each channel is judged against its own energy, so that the sides of a mix, given
as a channel, count as much as its middle, which may be ten times as loud.
"""

from functools import cache

import torch
from torch import Tensor

SCALES = (256, 1024, 2048)
_FLOOR = 1e-2
"""Added to magnitudes before their logarithm, for audio of level 1: what is 40 dB below counts for little."""

_LEAST_ENERGY = 1e-2
"""Added to a channel's energy: what is 20 dB below level 1 is no longer asked for to the same precision."""


def waveform_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference, and the energy of the difference as a part of each channel's."""
    gap = made - wanted
    relative = gap.square().mean(dim=2) / (wanted.square().mean(dim=2) + _LEAST_ENERGY)
    return gap.abs().mean() + relative.mean()


def spectral_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of log magnitudes, and of magnitudes, over windows of three lengths."""
    return torch.stack([_one_scale(made, wanted, length) for length in SCALES]).mean()


def _one_scale(made: Tensor, wanted: Tensor, length: int) -> Tensor:
    found, target = _magnitudes(made, length), _magnitudes(wanted, length)
    logs = (torch.log(found + _FLOOR) - torch.log(target + _FLOOR)).abs().mean()
    # The relative size of the gap weighs what is loud, the logarithms what is quiet.
    relative = (found - target).abs().mean() / (target.mean() + 1e-3)
    return logs + relative


def _magnitudes(audio: Tensor, length: int) -> Tensor:
    flat = audio.flatten(0, 1)
    window = _window(length, audio.device, audio.dtype)
    spectrum = torch.stft(flat, length, length // 4, window=window, return_complex=True)
    scaled = torch.view_as_real(spectrum) / length**0.5
    magnitudes: Tensor = (scaled.square().sum(-1) + 1e-9).sqrt()
    return magnitudes


@cache
def _window(length: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    return torch.hann_window(length, device=device, dtype=dtype)
