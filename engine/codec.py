"""What a codec is to everything that uses one, and whether tokens are its own."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio, as_audio, check_numbers
from rebounce.engine.errors import CodecError, UsageError
from rebounce.engine.tokens import PAD, Framing, Tokens

Latents = NDArray[np.float32]
"""`(segments, dimension, tokens)`"""
Scales = NDArray[np.float32]
"""`(segments,)`"""


class Codec(Protocol):
    """Audio to tokens and back.

    `encode` takes audio `(channels, frames)` at `sample_rate_hz`; `decode` gives exactly `tokens.frames` frames, and
    refuses tokens that `check_tokens` refuses. `codec_id` holds the name, the bit-rate and the start of
    `weights_sha256`, so that equal ids mean equal codecs.
    """

    @property
    def codec_id(self) -> str: ...

    @property
    def weights_sha256(self) -> str: ...

    @property
    def sample_rate_hz(self) -> int: ...

    @property
    def channels(self) -> int: ...

    @property
    def codebooks(self) -> int: ...

    @property
    def codebook_size(self) -> int: ...

    @property
    def framing(self) -> Framing: ...

    def encode(self, audio: Audio) -> Tokens: ...

    def decode(self, tokens: Tokens) -> Audio: ...


@runtime_checkable
class LatentCodec(Protocol):
    """What a codec may offer beside `Codec`: its way through the latents alone.

    `round_trip_unquantised` encodes and decodes audio `(channels, frames)` at the codec's rate without choosing tokens:
    cut, scaled and cross-faded as for `encode` and `decode`, and of the same shape. `latents` gives what stands before
    the choice, float32 `(segments, dimension, tokens)` with zeros after the end of a short segment, and the scales
    `(segments,)` that segments were divided by: their own, or those that are given.
    """

    def round_trip_unquantised(self, audio: Audio) -> Audio: ...

    def latents(self, audio: Audio, scales: Scales | None = None) -> tuple[Latents, Scales]: ...


MOST_LEVEL = 1e15
"""The squares of a segment's samples must add up within float32; full scale is 1."""


def codable(audio: Any, codec_id: str, channels: int) -> Audio:
    """The audio `(channels, frames)` as float32; UsageError where it is none that a codec can take."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as no number
        sound = as_audio(audio)
    if sound.shape[0] != channels:
        hint = "; double a mono channel" if channels == 2 else ""
        raise UsageError(f"{codec_id}: expected audio ({channels}, frames), got {sound.shape}{hint}")
    check_numbers(sound)
    peak = max(sound.max(initial=0), -sound.min(initial=0))
    if peak > MOST_LEVEL:
        raise UsageError(
            f"{codec_id}: expected audio where full scale is 1, and {MOST_LEVEL:g} at most, got a peak of {peak:g}; "
            "divide it by its full scale"
        )
    return sound


def check_tokens(tokens: Tokens, codec: Codec) -> None:
    """Raise a CodecError that names what was expected and found, unless `codec` can decode these tokens."""
    if tokens.codec_id != codec.codec_id:
        raise CodecError(
            f"tokens: expected those of {codec.codec_id}, found those of {tokens.codec_id}; "
            "decode them with the codec and the weights that made them, or encode the audio again"
        )
    if tokens.sample_rate_hz != codec.sample_rate_hz:
        raise CodecError(f"tokens: expected {codec.sample_rate_hz} Hz, found {tokens.sample_rate_hz} Hz")
    check_content(tokens, codec.framing, codec.codebooks, codec.codebook_size)


def check_content(tokens: Tokens, framing: Framing, codebooks: int, codebook_size: int) -> None:
    """Raise a CodecError unless shape and values can be: codes of the codebook where there is audio, and real scales.

    A codec need not be there for it: whoever keeps tokens keeps these numbers beside them.
    """
    # Before anything is counted out: a damaged number of frames may ask for more than fits into memory.
    segments = framing.segments(tokens.frames)
    if tokens.codes.shape[:2] != (segments, codebooks):
        raise CodecError(_wrong_shape(tokens, f"({segments}, {codebooks}, ...)"))
    counts = framing.token_counts(tokens.frames)
    expected = (segments, codebooks, max(counts, default=0))
    if tokens.codes.shape != expected:
        raise CodecError(_wrong_shape(tokens, str(expected)))
    _check_codes(tokens, counts, codebook_size)
    _check_scales(tokens)


def _wrong_shape(tokens: Tokens, expected: str) -> str:
    return (
        f"tokens: expected codes {expected} (segments, codebooks, tokens) for {tokens.frames} frames, "
        f"found {tokens.codes.shape}; they are cut off, or made for another length"
    )


def _check_codes(tokens: Tokens, counts: Sequence[int], codebook_size: int) -> None:
    """Each code is an entry of its codebook, and nothing but `PAD` stands after a segment's end."""
    is_inside = np.arange(tokens.codes.shape[2]) < np.array(counts, dtype=np.int64)[:, np.newaxis, np.newaxis]
    is_entry = (tokens.codes >= 0) & (tokens.codes < codebook_size)
    is_wrong = np.where(is_inside, ~is_entry, tokens.codes != PAD)
    if is_wrong.any():
        segment, codebook, token = (int(place) for place in np.argwhere(is_wrong)[0])
        is_code = token < counts[segment]
        expected = f"codes of 0 to {codebook_size - 1}" if is_code else f"{PAD} after the end of a segment"
        raise CodecError(
            f"tokens: expected {expected}, "
            f"found {tokens.codes[segment, codebook, token]} in segment {segment}, codebook {codebook}, token {token}"
        )


def _check_scales(tokens: Tokens) -> None:
    is_wrong = ~np.isfinite(tokens.scales) | (tokens.scales < 0)
    if is_wrong.any():
        segment = int(np.argmax(is_wrong))
        raise CodecError(
            f"tokens: expected scales of 0 or more, found {tokens.scales[segment]:g} for segment {segment}; "
            "they are damaged, encode the audio again"
        )
