"""Features of the audio that a bundle can carry: spectrograms of the clean side, measures and latents of both sides.

One transform for the spectrograms, of the middle channel: frames of 2048 samples under a periodic Hann window, centred
on every 512th sample, zeros beyond both ends; `1 + frames // 512` columns, float16. The measures are those of
`bundle_measures`, float32; the latents those of `bundle_latents`, float16. What always holds: no infinities, whatever
the audio's level.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.codec import Codec
from rebounce.engine.tokens import Framing
from rebounce.training.bundle_latents import latents_of, latents_shape
from rebounce.training.bundle_measures import COLUMNS, measures_of

FFT_FRAMES = 2048
HOP_FRAMES = 512
BINS = FFT_FRAMES // 2 + 1
MEL_BANDS = 128
# The magnitude of a full-scale sine under this window.
FULL_SCALE = FFT_FRAMES / 4
MEL_FLOOR_DB = -120.0
# Columns at a time: a long item takes no more memory beside its features than a short one.
BLOCK_COLUMNS = 512

Feature = NDArray[np.floating[Any]]

SPECTRA = {"mel": MEL_BANDS, "stft": BINS}
"""The spectrograms by name, and the rows of each."""

MEASURES, LATENTS = "measures", "latents"
FEATURES = (*SPECTRA, MEASURES, LATENTS)

OF_SEGMENTS = (MEASURES, LATENTS)
"""Features with a row for each segment; the others have columns."""


def feature_shape(name: str, frames: int, framing: Framing) -> tuple[int, ...]:
    """The shape of a feature of that many frames; KeyError where there is none of that name."""
    if name == MEASURES:
        return framing.segments(frames), len(COLUMNS)
    if name == LATENTS:
        return latents_shape(frames, framing)
    return SPECTRA[name], 1 + frames // HOP_FRAMES


def feature_type(name: str) -> "np.dtype[np.floating[Any]]":
    """What its numbers are."""
    return np.dtype(np.float32) if name == MEASURES else np.dtype(np.float16)


def features_of(sides: tuple[Audio, Audio], codec: Codec, names: Sequence[str]) -> dict[str, Feature]:
    """The features that are named, of the clean and the damaged side, both `(channels, frames)` at the codec's rate."""
    clean, damaged = sides
    found: dict[str, Feature] = {}
    found.update(spectra_of(clean, codec.sample_rate_hz, [name for name in names if name in SPECTRA]))
    if MEASURES in names:
        found[MEASURES] = measures_of(clean, damaged, codec.framing, codec.sample_rate_hz)
    if LATENTS in names:
        found[LATENTS] = latents_of(clean, damaged, codec)
    return found


def spectra_of(audio: Audio, sample_rate_hz: int, names: Sequence[str]) -> dict[str, NDArray[np.float16]]:
    """The spectrograms that are named, of audio `(channels, frames)`.

    `stft` is the magnitude, not normalised: a full-scale sine reads 512. `mel` is the mean power in each of the bands
    that the score of mel distance hears, in dB against a full-scale sine in its bin, -120 dB at least.
    """
    from rebounce.training.scores.mel_distance import MelBands  # which loads scipy, and readers of bundles need none

    columns = 1 + audio.shape[1] // HOP_FRAMES if names else 0
    found = {name: np.empty((SPECTRA[name], columns), np.float16) for name in names}
    bands = MelBands(sample_rate_hz, FFT_FRAMES) if "mel" in names else None
    padded = _padded_middle(audio)
    for start in range(0, columns, BLOCK_COLUMNS):
        block = slice(start, min(start + BLOCK_COLUMNS, columns))
        magnitude = _magnitude(padded, block)
        if "stft" in found:
            found["stft"][:, block] = np.minimum(magnitude, np.finfo(np.float16).max).T
        if bands:
            power = bands(np.square(np.minimum(magnitude / FULL_SCALE, 1e6)).astype(np.float32))
            found["mel"][:, block] = 10 * np.log10(np.maximum(power, 10 ** (MEL_FLOOR_DB / 10))).T
    return found


def _padded_middle(audio: Audio) -> NDArray[np.float32]:
    """The middle channel between zeros, written where it belongs: a copy of a long item is worth sparing."""
    padded = np.zeros(audio.shape[1] + FFT_FRAMES, np.float32)
    audio.mean(axis=0, dtype=np.float32, out=padded[FFT_FRAMES // 2 : FFT_FRAMES // 2 + audio.shape[1]])
    return padded


def _magnitude(padded: NDArray[np.float32], columns: slice) -> NDArray[np.float64]:
    """`(columns, bins)` of the transform."""
    first, last = columns.start * HOP_FRAMES, (columns.stop - 1) * HOP_FRAMES + FFT_FRAMES
    frames = sliding_window_view(padded[first:last], FFT_FRAMES)[::HOP_FRAMES]
    # float64, so that what is quiet beside something loud keeps its own digits until it is rounded to float16.
    return np.asarray(np.abs(np.fft.rfft(frames * np.hanning(FFT_FRAMES + 1)[:-1], axis=1)))
