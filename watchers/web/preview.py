"""What is heard of a file that no browser plays by itself, or none keeps in step: a plain WAV file made from it.

What always holds: nothing of its level is lost. Files of whole numbers are heard in 16 bits, dithered where they hold
more; those that may pass full scale (floats, and whatever a coder made) in float, which browsers clip only at their
very end, behind the gain that matches the loudness. The rate is at most `HIGHEST_HZ`, and all previews of one bounce
take at most `LARGEST_BYTES`: where they would take more, they end earlier.
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rebounce.engine.audio import Audio
from rebounce.engine.resampling import resample_blocks, resampled_frames
from rebounce.engine.sample_formats import depth_of
from rebounce.engine.source import AudioInfo

LONGEST_S = 600.0
LARGEST_BYTES = 300_000_000
CD_HZ, HIGHEST_HZ = 44_100, 48_000
MOST_CHANNELS = 2
FULL_SCALE_16 = 32_768
PCM_TAG, FLOAT_TAG = 1, 3


class Preview:
    """The preview of one file, as long as `seconds` at most."""

    def __init__(self, info: AudioInfo, seconds: float = LONGEST_S) -> None:
        self._info = info
        self._source_frames = min(info.frames, round(seconds * info.sample_rate_hz))
        self._is_float = depth_of(info.subtype).is_float
        self.channels = min(info.channels, MOST_CHANNELS)
        self.rate_hz = preview_rate_hz(info.sample_rate_hz)

    @property
    def frames(self) -> int:
        """Its own, at its own rate."""
        return resampled_frames(self._source_frames, self._info.sample_rate_hz, self.rate_hz)

    @property
    def frame_bytes(self) -> int:
        return self.channels * (4 if self._is_float else 2)

    @property
    def bytes_per_s(self) -> int:
        return self.frame_bytes * self.rate_hz

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return len(self._header()) + self.frames * self.frame_bytes

    @property
    def duration_s(self) -> float:
        return self.frames / self.rate_hz

    def write(self, path: Path, blocks: Iterable[Audio]) -> None:
        """Write it from all blocks of the file, `(channels, any)` each; they are walked to their end."""
        noise = np.random.default_rng(0)
        heard = resample_blocks(self._beginning(blocks), self._info.sample_rate_hz, self.rate_hz, self._source_frames)
        with path.open("wb") as file:
            file.write(self._header())
            for audio in heard:
                stored = audio.astype("<f4") if self._is_float else as_16_bits(audio, noise)
                file.write(stored.T.tobytes())

    def _beginning(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        left = self._source_frames
        for block in blocks:
            if left > 0:
                yield block[: self.channels, :left]
                left -= block.shape[1]

    def _header(self) -> bytes:
        data = self.frames * self.frame_bytes
        kind = FLOAT_TAG if self._is_float else PCM_TAG
        bits = 8 * self.frame_bytes // self.channels
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            *(b"RIFF", 36 + data, b"WAVE", b"fmt ", 16),
            *(kind, self.channels, self.rate_hz, self.bytes_per_s, self.frame_bytes, bits),
            *(b"data", data),
        )


def previews_of(infos: dict[str, AudioInfo]) -> dict[str, Preview]:
    """Previews of the sides of one bounce, all of one length and together within the bound."""
    whole = {side: Preview(info) for side, info in infos.items()}
    seconds = LARGEST_BYTES / max(1, sum(preview.bytes_per_s for preview in whole.values()))
    return {side: Preview(info, min(LONGEST_S, seconds)) for side, info in infos.items()}


def preview_rate_hz(sample_rate_hz: int) -> int:
    """The rate itself where it is low enough, else the one of the common two that it is a multiple of."""
    if sample_rate_hz <= HIGHEST_HZ:
        return sample_rate_hz
    return CD_HZ if sample_rate_hz % CD_HZ == 0 else HIGHEST_HZ


def as_16_bits(audio: Audio, noise: np.random.Generator) -> NDArray[Any]:
    """With triangular dither of 1 LSB; exact where the file holds no more than 16 bits."""
    scaled = audio.astype(np.float64) * FULL_SCALE_16
    if np.any(scaled != np.round(scaled)):
        scaled += noise.uniform(-0.5, 0.5, scaled.shape) + noise.uniform(-0.5, 0.5, scaled.shape)
    return np.clip(np.round(scaled), -FULL_SCALE_16, FULL_SCALE_16 - 1).astype("<i2")
