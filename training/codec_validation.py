"""How good a codec in training is: fixed windows of music that it does not learn from, there and back."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rebounce.engine.audio import Audio
from rebounce.training.codec_corpus import Corpus
from rebounce.training.networks.light_codec import LightCodec
from rebounce.training.networks.side_by_side import mid_side, unquantised_stereo
from rebounce.training.scores.log_spectral_distance import log_spectral_distance_db
from rebounce.training.scores.si_sdr import si_sdr_db

WINDOWS_AT_ONCE = 4

Validation = dict[str, float]
"""By name. Means over windows: SI-SDR and log-spectral distance in dB, with tokens (once there are) and without. And
over all of them, without tokens, the SNR of the middle and of the sides, which a codec may drop without a word."""


def validation_windows(corpus: Corpus, count: int, frames: int, least_level: float) -> NDArray[np.float32]:
    """So many windows `(count, 2, frames)`, the same each time, divided by their level."""
    generator = np.random.default_rng(0)
    pieces = [corpus.sounding_piece(frames, least_level, generator) for _ in range(count)]
    return np.stack([piece / np.float32(level) for piece, level in pieces])


@torch.no_grad()
def validated(model: LightCodec, windows: NDArray[np.float32], sample_rate_hz: int, has_codes: bool) -> Validation:
    """The scores of the round trips; the model is left in evaluation mode."""
    model.eval()
    device = next(model.parameters()).device
    parts = torch.split(torch.from_numpy(windows), WINDOWS_AT_ONCE)
    ways: dict[str, Callable[[Tensor], Tensor]] = {"unquantised": partial(unquantised_stereo, model)}
    if has_codes:
        ways["quantised"] = lambda audio: model.coded(audio)[0]
    found: Validation = {}
    for name, way in ways.items():
        made = np.concatenate([way(part.to(device)).cpu().numpy() for part in parts])
        scores = map(partial(_scores, sample_rate_hz=sample_rate_hz), windows, made)
        si_sdr, distance = np.mean(list(scores), axis=0)
        found |= {f"si_sdr_db_{name}": float(si_sdr), f"log_spectral_distance_db_{name}": float(distance)}
        if name == "unquantised":
            found |= _middle_and_sides(windows, made)
    return found


def _middle_and_sides(clean: NDArray[np.float32], made: NDArray[np.float32]) -> Validation:
    wanted, found = (mid_side(torch.from_numpy(audio)) for audio in (clean, made))
    energies, errors = (part.square().sum(dim=(0, 2)).double() + 1e-9 for part in (wanted, wanted - found))
    middle, sides = (float(value) for value in 10 * torch.log10(energies / errors))
    return {"mid_snr_db": middle, "side_snr_db": sides}


def _scores(clean: Audio, made: Audio, sample_rate_hz: int) -> tuple[float, float]:
    scores = si_sdr_db(clean, made), log_spectral_distance_db(clean, made, sample_rate_hz)
    # A window that sounds has both, whatever was made of it.
    assert scores[0] is not None
    assert scores[1] is not None
    return scores[0], scores[1]
