"""Audio cut into a codec's segments, and segments put together again.

What is here knows nothing of how a segment is coded; any codec with a `Framing` is these four functions around two of
its own. Segments are taken and given one at a time; the whole is held only where a function takes or gives the whole.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.tokens import PAD, Framing, Tokens

Codes = NDArray[np.int16]
"""The codes of one segment: `(codebooks, tokens)`."""


def cut_segments(audio: Audio, framing: Framing) -> Iterator[Audio]:
    """The segments of `audio` `(channels, frames)`, as views; the last ones may be short."""
    for start in framing.starts(audio.shape[1]):
        yield audio[:, start : start + framing.segment_frames]


def stack_segments(
    coded: Iterable[tuple[Codes, float]], framing: Framing, frames: int, codebooks: int
) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """The codes and the scales of all segments, as `Tokens` wants them: `PAD` after the end of a short segment."""
    counts = framing.token_counts(frames)
    codes = np.full((len(counts), codebooks, max(counts, default=0)), PAD, dtype=np.int16)
    scales = np.zeros(len(counts), dtype=np.float32)
    for index, (count, (segment, scale)) in enumerate(zip(counts, coded, strict=True)):
        codes[index, :, :count] = segment
        scales[index] = scale
    return codes, scales


def stack_latents(
    coded: Iterable[tuple[NDArray[np.float32], float]], framing: Framing, frames: int, dimension: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The latents `(dimension, tokens)` of all segments, zeros after the end of a short one; and their scales."""
    counts = framing.token_counts(frames)
    latents = np.zeros((len(counts), dimension, max(counts, default=0)), dtype=np.float32)
    scales = np.zeros(len(counts), dtype=np.float32)
    for index, (count, (segment, scale)) in enumerate(zip(counts, coded, strict=True)):
        latents[index, :, :count] = segment[:, :count]
        scales[index] = scale
    return latents, scales


def split_tokens(tokens: Tokens, framing: Framing) -> Iterator[tuple[Codes, float]]:
    """The codes of each segment without their padding, and its scale."""
    counts = framing.token_counts(tokens.frames)
    for codes, scale, count in zip(tokens.codes, tokens.scales, counts, strict=True):
        yield codes[:, :count], float(scale)


def cross_fade(segments: Iterable[Audio], framing: Framing, channels: int, frames: int) -> Audio:
    """Decoded segments as one piece `(channels, frames)`.

    Each is weighted with a triangle over the length of the first, and divided by what the weights add up to: the
    overlap-add of the encodec package, in its own precision. A segment may be longer than what it codes, as a decoder
    gives whole tokens; what reaches past the end is dropped.
    """
    mixed = np.zeros((channels, frames), dtype=np.float32)
    ramp = weights = np.zeros(0, dtype=np.float32)
    for start, segment in zip(framing.starts(frames), segments, strict=True):
        if start == 0:
            ramp = _triangle(segment.shape[1])
            weights = np.zeros_like(ramp)
        count = min(segment.shape[1], frames - start)
        mixed[:, start : start + count] += ramp[:count] * segment[:, :count]
        weights[:count] += ramp[:count]
        # No later segment reaches into this one's first stride.
        final = min(framing.stride_frames, frames - start)
        mixed[:, start : start + final] /= weights[:final]
        weights = np.concatenate([weights[final:], np.zeros(final, dtype=np.float32)])
    return mixed


def _triangle(length: int) -> NDArray[np.float32]:
    """Weights that rise from nearly 0 to 0.5 and fall again.

    In float32 from both ends, as `torch.linspace` counts: at the edges, where a weight is near the size of its rounding
    error, float64 would move the cross-fade by up to 1e-5.
    """
    step = np.float32(1) / np.float32(length + 1)
    places = np.arange(1, length + 1, dtype=np.float32)
    is_first_half = places < (length + 2) // 2
    times = np.where(is_first_half, step * places, np.float32(1) - step * (np.float32(length + 1) - places))
    weights: NDArray[np.float32] = np.float32(0.5) - np.abs(times - np.float32(0.5))
    return weights
