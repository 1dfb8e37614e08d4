"""What a codec's round trip is judged by in training: the waveform, and the spectrum on three scales."""

from functools import cache

import torch
from torch import Tensor

SCALES = (256, 1024, 2048)
_FLOOR = 1e-2
"""Added to magnitudes before their logarithm, for audio of level 1: what is 40 dB below counts for little."""


def waveform_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference, and the energy of the difference as a part of the whole."""
    gap = made - wanted
    relative = gap.square().mean(dim=(1, 2)) / (wanted.square().mean(dim=(1, 2)) + 1e-3)
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
    spectrum = torch.stft(flat, length, length // 4, window=_window(length), return_complex=True)
    scaled = torch.view_as_real(spectrum) / length**0.5
    return (scaled.square().sum(-1) + 1e-9).sqrt()


@cache
def _window(length: int) -> Tensor:
    return torch.hann_window(length)
