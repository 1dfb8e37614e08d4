"""Whether the tokens move as fast and as far as the clean ones: the spectrum of the token sequence along time.

The original takes the spectrum of the tokens' numbers. Those are names: entry 7 is no nearer to entry 8 than to entry
900, and what such a spectrum shows is the order in which the codebook happens to be stored. Here a sequence of tokens
is the sequence of latents that it stands for, as many signals as a latent has components, sampled once a token. Their
spectra say how strongly the sound changes, from slow swells to single attacks. A network in doubt predicts the mean of
what may come, token for token the best guess, and so moves too little and too smoothly; reverberation takes away quick
movements, an echo ripples the spectrum. No term that looks at single tokens sees that.
"""

import torch
from torch import Tensor

from rebounce.training.losses.comparison import Comparison

LONGEST_TOKENS = 64
"""The longest transform, 0.43 s of 150 tokens a second; movements are told apart from 2.3 Hz on."""


def token_spectrum(comparison: Comparison) -> Tensor:
    """The mean absolute difference of magnitudes, in units of the latents' own level."""
    targets = comparison.targets
    size = min(LONGEST_TOKENS, targets.is_token.shape[1])
    found, wanted = (_movements(latents, size) for latents in (comparison.token_latents, targets.clean_latents))
    gaps = (found - wanted).abs() / targets.space.latent_level
    columns = torch.arange(gaps.shape[-1], device=gaps.device) * _hop(size)
    is_token = targets.is_token[:, None, None, columns.clamp(max=targets.is_token.shape[1] - 1)].expand_as(gaps)
    return torch.where(is_token, gaps, 0).sum() / is_token.sum().clamp(min=1)


def _movements(latents: Tensor, size: int) -> Tensor:
    """`(windows, dimension, rates, columns)`; noise of level 1 has magnitudes of 1, root mean square."""
    window = torch.hann_window(size, device=latents.device)
    spectrum = torch.stft(
        latents.flatten(0, 1), size, _hop(size), window=window, pad_mode="constant", return_complex=True
    )
    parts = torch.view_as_real(spectrum) / window.square().sum().sqrt()
    magnitudes = (parts.square().sum(-1) + 1e-8).sqrt()
    return magnitudes.reshape(*latents.shape[:2], *magnitudes.shape[1:])


def _hop(size: int) -> int:
    return max(size // 4, 1)
