"""Audio as a prediction makes it beside the audio it should be, and their spectra: what the terms that listen compare.

Everything is float32 and of a window's level, about 1. Where a window has no tokens both are silent, and no mean counts
it.
"""

from functools import lru_cache

import torch
from torch import Tensor

MAGNITUDE_FLOOR = 1e-4
"""Below it a magnitude has no slope to follow: 80 dB under a noise of level 1."""


class HeardAudio:
    """`made` and `wanted` `(windows, channels, frames)`; where `made` was said in several ways, one after the other."""

    def __init__(self, *, made: Tensor, wanted: Tensor, is_token: Tensor, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        ways = made.shape[0] // max(wanted.shape[0], 1)
        self._hop_frames = wanted.shape[-1] // is_token.shape[-1]
        self._is_token = is_token
        is_heard = is_token.repeat_interleave(self._hop_frames, 1)[:, None]
        self.is_heard = is_heard.repeat(ways, 1, 1)
        self.made = made * self.is_heard
        self.wanted = (wanted * is_heard).repeat(ways, 1, 1)
        self._spectra: dict[int, tuple[Tensor, Tensor]] = {}

    def magnitudes(self, size: int) -> tuple[Tensor, Tensor]:
        """Of both, `(windows, channels, bins, columns)`; noise of level 1 has magnitudes of 1, root mean square."""
        if size not in self._spectra:
            self._spectra[size] = (_magnitudes(self.made, size), _magnitudes(self.wanted, size))
        return self._spectra[size]

    def mean(self, values: Tensor) -> Tensor:
        """The mean of `(windows, channels, frames)` over all that is heard; 0 where nothing is."""
        return _mean(values, self.is_heard)

    def mean_of_columns(self, values: Tensor, size: int) -> Tensor:
        """The mean of `(windows, channels, rows, columns)` over the columns whose middle is heard."""
        middles = torch.arange(values.shape[-1], device=values.device) * (size // 4)
        return _mean(values, self.is_heard[:, :, None, middles.clamp(max=self.is_heard.shape[-1] - 1)])


def _mean(values: Tensor, is_heard: Tensor) -> Tensor:
    counted = is_heard.expand_as(values)
    return torch.where(counted, values, 0).sum() / counted.sum().clamp(min=1)


def _magnitudes(audio: Tensor, size: int) -> Tensor:
    window = transform_window(size, audio.device)
    # Zeros beyond the ends and not their mirror image, which a window shorter than half a transform has not.
    spectrum = torch.stft(audio.flatten(0, 1), size, size // 4, window=window, pad_mode="constant", return_complex=True)
    parts = torch.view_as_real(spectrum) / window.square().sum().sqrt()
    magnitudes = (parts.square().sum(-1) + MAGNITUDE_FLOOR**2).sqrt()
    return magnitudes.reshape(*audio.shape[:2], *magnitudes.shape[1:])


@lru_cache
def transform_window(size: int, device: torch.device) -> Tensor:
    """What each cut is weighted with: periodic Hann."""
    # Kept, and so made for training too where it is first asked for in inference mode.
    with torch.inference_mode(False):
        return torch.hann_window(size, device=device)
