"""The tokens of a piece of audio: what a codec keeps of it, segment by segment."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.errors import UsageError

PAD = -1
"""What fills the last segment's codes where it is shorter than the others: no token, in no codebook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """How a codec cuts audio up: segments of `segment_frames` that begin every `stride_frames`, `hop_frames` a token.

    What stands in more than one segment is cross-faded when decoded.
    """

    segment_frames: int
    stride_frames: int
    hop_frames: int

    def __post_init__(self) -> None:
        assert 0 < self.hop_frames <= self.stride_frames <= self.segment_frames, "segments leave no gaps"

    def segments(self, frames: int) -> int:
        """How many segments a piece of that many frames has."""
        return -(-frames // self.stride_frames)

    def starts(self, frames: int) -> range:
        """The first frame of each segment of a piece of that many frames."""
        return range(0, frames, self.stride_frames)

    def lengths(self, frames: int) -> list[int]:
        """The frames in each segment; the last ones may be short."""
        return [min(self.segment_frames, frames - start) for start in self.starts(frames)]

    def token_counts(self, frames: int) -> list[int]:
        """The tokens of each segment in each codebook."""
        return [-(-length // self.hop_frames) for length in self.lengths(frames)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tokens:
    """`codes` int16 `(segments, codebooks, tokens)`, `PAD` where a segment is shorter; `scales` float32 `(segments,)`.

    `frames` is the exact length of the audio at `sample_rate_hz`; `codec_id` names the codec and its weights: no
    other can decode these. Two of them are equal only where they are one and the same.
    """

    codes: NDArray[np.int16]
    scales: NDArray[np.float32]
    frames: int
    sample_rate_hz: int
    codec_id: str

    def __post_init__(self) -> None:
        if self.codes.ndim != 3 or self.codes.dtype != np.int16:
            raise UsageError(
                "tokens: expected codes int16 (segments, codebooks, tokens), "
                f"found {self.codes.dtype} {self.codes.shape}"
            )
        if self.scales.shape != self.codes.shape[:1] or self.scales.dtype != np.float32:
            raise UsageError(
                f"tokens: expected one float32 scale for each of {self.codes.shape[0]} segments, "
                f"found {self.scales.dtype} {self.scales.shape}"
            )
        if type(self.frames) is not int or self.frames < 0:
            raise UsageError(f"tokens: expected 0 frames or more, found {self.frames!r}")
        if type(self.sample_rate_hz) is not int or self.sample_rate_hz <= 0:
            raise UsageError(f"tokens: expected a sample rate of 1 Hz or more, found {self.sample_rate_hz!r}")
        if not isinstance(self.codec_id, str) or not self.codec_id:
            raise UsageError(f"tokens: expected the name of their codec, found {self.codec_id!r}")
