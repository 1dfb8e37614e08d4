"""PESQ and STOI: measures of speech, mono and little more than a telephone's band, that papers on music quote.

Both come from their reference packages, which may be absent. What always holds: audio is mixed to mono, resampled to
16 kHz, and scored in equal parts of about ten seconds, since PESQ is made for utterances of that length and STOI's
memory grows with it; the score is the mean over the parts that have one.
"""

import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module

import numpy as np

from rebounce.engine.audio import Audio
from rebounce.engine.resampling import resample_blocks, resampled_frames
from rebounce.training.scores.comparison import comparable

RATE_HZ = 16_000
PART_S = 10.0

# What P.862.2's curve 0.999 + 4 / (1 + e^(3.8224 - 1.3669 x)) comes down to. The package finds no utterance in silence,
# where a listener would find the worst.
LOWEST_PESQ = 0.999

# A little less than 30 frames of STOI. On a few milliseconds the package fails instead of saying that they are too few.
SHORTEST_STOI_S = 0.39


@cache
def trouble_with(package: str) -> str | None:
    """Why a package cannot be used, None where it can: one that was built for another numpy is as good as absent."""
    try:
        import_module(package)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == package:
            return "is not installed"
        return f"does not load: {(str(error) or type(error).__name__).splitlines()[0]}"
    return None


def pesq(clean: Audio, other: Audio, sample_rate_hz: int) -> float | None:
    """PESQ wide-band (ITU-T P.862.2) of two pieces `(channels, frames)`: from 1, bad, to 4.64, a copy.

    A part that is silent in `other` alone has the lowest score there is. None where PESQ finds no utterance: in
    silence, or in less than a quarter of a second.
    """
    return _mean_over_parts(clean, other, sample_rate_hz, _pesq_of_part)


def stoi(clean: Audio, other: Audio, sample_rate_hz: int) -> float | None:
    """STOI (Taal et al. 2011) of two pieces `(channels, frames)`: from about 0, nothing understood, to 1, all of it.

    None where less than 30 of its frames (0.4 s) are not silent.
    """
    return _mean_over_parts(clean, other, sample_rate_hz, _stoi_of_part)


def _mean_over_parts(
    clean: Audio, other: Audio, sample_rate_hz: int, score: Callable[[Audio, Audio], float | None]
) -> float | None:
    mono = [_speech_band(piece, sample_rate_hz) for piece in comparable(clean, other)]
    count = max(1, round(mono[0].size / RATE_HZ / PART_S))
    parts = zip(*(np.array_split(piece, count) for piece in mono), strict=True)
    scores = [score(ours, theirs) for ours, theirs in parts if ours.any()]
    defined = [value for value in scores if value is not None]
    return float(np.mean(defined)) if defined else None


def _speech_band(audio: Audio, sample_rate_hz: int) -> Audio:
    mono = audio.mean(axis=0, keepdims=True, dtype=np.float32)
    blocks = list(resample_blocks([mono], sample_rate_hz, RATE_HZ, mono.shape[1]))
    return np.concatenate(blocks, axis=1)[0, : resampled_frames(mono.shape[1], sample_rate_hz, RATE_HZ)]


def _pesq_of_part(clean: Audio, other: Audio) -> float | None:
    package = import_module("pesq")
    if not other.any():
        return None if _pesq_of_part(clean, clean) is None else LOWEST_PESQ
    try:
        return float(package.pesq(RATE_HZ, clean, other, "wb"))
    except (package.NoUtterancesError, package.BufferTooShortError):
        return None


def _stoi_of_part(clean: Audio, other: Audio) -> float | None:
    package = import_module("pystoi")
    if clean.size < SHORTEST_STOI_S * RATE_HZ:
        return None
    with warnings.catch_warnings():
        # What is too short gets 1e-5 and this warning.
        warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
        try:
            return float(package.stoi(clean, other, RATE_HZ))
        except RuntimeWarning:
            return None
